"""Grafana's dashboard: it shows what is exposed, in expressions that Prometheus reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.test_monitoring import MONITORING
from tests.support.prometheus import needs_promtool, promtool, wrong

GRAFANA = MONITORING / "grafana"
DASHBOARD: dict[str, Any] = json.loads((GRAFANA / "scorer.json").read_text())
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]


def expressions(panel: dict[str, Any]) -> list[str]:
    """What a panel asks of Prometheus, with Grafana's variables filled in."""
    variables = {"$job": "scorer", "$__rate_interval": "1m"}
    found = [target["expr"] for target in panel["targets"]]
    for name, value in variables.items():
        found = [expression.replace(name, value) for expression in found]
    return found


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_panel_asks_for_what_is_exposed(panel: dict[str, Any]) -> None:
    assert panel["targets"]
    for expression in expressions(panel):
        assert "$" not in expression
        assert wrong(expression) == []


@needs_promtool
def test_promtool_reads_every_expression(tmp_path: Path) -> None:
    every = [expression for panel in PANELS for expression in expressions(panel)]
    rules = [{"record": f"panel:{number}", "expr": expression} for number, expression in enumerate(every)]
    path = tmp_path / "rules.json"  # YAML, as all JSON is
    path.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    assert f"{len(every)} rules found" in promtool("check", "rules", path)


def test_panels_lie_side_by_side() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in PANELS:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24, panel["title"]  # the width of Grafana's grid
        assert not cells & taken, panel["title"]
        taken |= cells


def test_the_dashboard_reads_from_the_source_that_is_provisioned() -> None:
    assert {panel["datasource"]["uid"] for panel in PANELS} == {"prometheus"}
    assert "uid: prometheus\n" in (GRAFANA / "datasource.yml").read_text()
