"""What Prometheus is told to watch: the rules name what is exposed, and fire in a real Prometheus."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from scorer.coefficients import CoefficientFile
from scorer.service.settings import Settings
from scorer.store.pointer import POINTER
from tests.support.paths import ROOT
from tests.support.prometheus import needs_prometheus, needs_promtool, prometheus, promtool, selected, wrong
from tests.support.servers import running, wait_until
from tests.support.stores import Store

MONITORING = ROOT / "deploy" / "monitoring"
CONFIG = MONITORING / "prometheus.yml"
RULES = MONITORING / "alerts.yml"


def expressions(rules: str) -> list[str]:
    """The expressions of a file of rules, in their order."""
    found = re.findall(r"^( +)expr: (?:>-\n)?(.*(?:\n\1 +.*)*)", rules, re.MULTILINE)
    return [" ".join(text.split()) for _, text in found]


def blocks(rules: str) -> dict[str, str]:
    """The alerts by their names."""
    return dict(re.findall(r"^ +- alert: (\w+)\n(.*?)(?=^ +- \w+: |\Z)", rules, re.MULTILINE | re.DOTALL))


def test_every_metric_and_label_of_the_rules_is_exposed() -> None:
    rules = RULES.read_text()
    found = expressions(rules)
    assert len(found) == len(re.findall(r"^ +- (?:alert|record): ", rules, re.MULTILINE)) > 10
    assert [fault for expression in found for fault in wrong(expression)] == []
    recorded = set(re.findall(r"record: (\S+)", rules))
    assert set(re.findall(r"\bscorer:[\w:]+", " ".join(found))) == recorded


@pytest.mark.parametrize(
    ("expression", "faults"),
    [
        ('rate(scorer_rows_total{version="1"}[5m]) > scorer_workers', []),
        ("rate(scorer_rows[5m])", ["scorer_rows"]),
        ("scorer_phat", ["scorer_phat"]),
        ("scorer_workers_total / scorer_lines_total", ["scorer_workers_total", "scorer_lines_total"]),
        ('scorer_requests_total{path="/predict", status=~"5.."}', ["scorer_requests_total{path}"]),
        ('scorer_stage_seconds_sum{le!="1"}', ["scorer_stage_seconds_sum{le}"]),
    ],
)
def test_names_that_are_not_exposed_are_found(expression: str, faults: list[str]) -> None:
    (read,) = expressions(f"  - alert: Any\n    expr: >-\n      {expression}\n    for: 1m\n")
    assert wrong(read) == faults


def test_every_alert_says_how_severe_it_is_and_what_to_do() -> None:
    alerts = blocks(RULES.read_text())
    assert len(alerts) == RULES.read_text().count("alert: ")
    for name, block in alerts.items():
        for pattern in (r"for: \d+m", r"severity: (critical|warning)", r"summary: .", r"description: .", r"action: ."):
            assert re.search(rf"^ +{pattern}", block, re.MULTILINE), f"{name} has no {pattern}"


def test_the_target_is_the_port_that_is_served_by_default() -> None:
    (target,) = re.findall(r'targets: \["(.*)"\]', CONFIG.read_text())
    assert target == f"scorer:{Settings().port}"


@needs_promtool
def test_promtool_takes_the_configuration_and_the_rules() -> None:
    assert "1 rule files found" in promtool("check", "config", CONFIG)
    assert f"{len(expressions(RULES.read_text()))} rules found" in promtool("check", "rules", RULES)


HOURS, FAULT_AT = 6, 4
"""Hours of made-up series, a value a minute; and the hour after which something is wrong with them."""


def total(before: int, after: int | None = None) -> str:
    """A counter's values: how much it grows in a minute, and how much from the fault on."""
    minutes = 60 * FAULT_AT
    return f"0+{before}x{minutes} {minutes * before}+{before if after is None else after}x{60 * (HOURS - FAULT_AT)}"


def gauge(before: str, after: str) -> str:
    """A gauge's values; `_` is a sample that is not there."""
    return f"{before}x{60 * FAULT_AT} {after}x{60 * (HOURS - FAULT_AT)}"


HEALTHY = {
    'up{job="scorer",instance="a"}': f"1x{60 * HOURS}",
    'scorer_workers{job="scorer",instance="a"}': f"2x{60 * HOURS}",
    'scorer_model_info{job="scorer",instance="a",name="m",version="1",sha256="1"}': f"2x{60 * HOURS}",
    'scorer_model_failing{job="scorer",instance="a"}': f"0x{60 * HOURS}",
    'scorer_requests_total{job="scorer",instance="a",route="/predict",status="200",version="1"}': total(1_000),
    'scorer_requests_total{job="scorer",instance="a",route="/predict",status="422",version="1"}': total(10),
    'scorer_requests_total{job="scorer",instance="a",route="/predict",status="500",version="1"}': total(1),
    'scorer_errors_total{job="scorer",instance="a",code="overloaded"}': total(0),
    'scorer_rows_total{job="scorer",instance="a",version="1"}': total(1_000),
    'scorer_outcomes_total{job="scorer",instance="a",version="1",outcome="1"}': total(300),
    'scorer_phat_sum{job="scorer",instance="a",version="1"}': total(400),
    'scorer_phat_count{job="scorer",instance="a",version="1"}': total(1_000),
    'scorer_input_missing_total{job="scorer",instance="a",input="x12"}': total(200),
    'scorer_input_unknown_level_total{job="scorer",instance="a",input="x31"}': total(10),
    'scorer_input_out_of_range_total{job="scorer",instance="a",input="x91"}': total(0),
    'scorer_stage_seconds_bucket{job="scorer",instance="a",stage="score",le="0.1"}': total(1_000),
    'scorer_stage_seconds_bucket{job="scorer",instance="a",stage="score",le="1.0"}': total(1_000),
    'scorer_stage_seconds_bucket{job="scorer",instance="a",stage="score",le="+Inf"}': total(1_000),
    'scorer_stage_seconds_bucket{job="scorer",instance="a",stage="receive",le="0.1"}': total(0),
    'scorer_stage_seconds_bucket{job="scorer",instance="a",stage="receive",le="1.0"}': total(0),
    'scorer_stage_seconds_bucket{job="scorer",instance="a",stage="receive",le="+Inf"}': total(1_000),
}
"""A server that is well, though some cells are missing, few requests fail, and callers send slowly."""

FAULTS = {
    "ScorerDown": {r"^up": gauge("1", "0")},
    "ScorerNotReady": {r"^scorer_model_info": gauge("2", "_")},
    "ScorerVersionsDiffer": {'scorer_model_info{job="scorer",instance="b",sha256="2"}': gauge("_", "1")},
    "ScorerStoreFails": {r"^scorer_model_failing": gauge("0", "1")},
    "ScorerErrors": {r"500": total(1, 20)},
    "ScorerBadRequests": {r"422": total(10, 200)},
    "ScorerOverloaded": {r"overloaded": total(0, 1)},
    "ScorerSlow": {r'score",le="0.1"': total(1_000, 900), r'score",le="1.0"': total(1_000, 980)},
    "ScorerInputsMoved": {r"^scorer_input_missing": total(200, 400)},
    "ScorerNumbersOutOfRange": {r"^scorer_input_out": total(0, 20)},
    "ScorerPhatMoved": {r"^scorer_phat_sum": total(400, 500)},
    "ScorerOutcomesMoved": {r"^scorer_outcomes": total(300, 500)},
}
"""What is wrong with the series when an alert fires: values of one that matches, or of one more."""


def firing(directory: Path, series: dict[str, str], alerts: list[str]) -> None:
    """Has promtool evaluate the rules on made-up series, and asserts which alerts fire in the end, and no others."""
    assert [fault for name in series for fault in wrong(name)] == []
    expected = [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in alerts]
    query = 'count by (alertname) (ALERTS{alertstate="firing"})'
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [{"expr": query, "eval_time": f"{HOURS}h", "exp_samples": expected}],
    }
    path = directory / "test.yml"  # JSON is YAML too
    path.write_text(json.dumps({"rule_files": [str(RULES)], "evaluation_interval": "5m", "tests": [test]}))
    promtool("test", "rules", path)


@needs_promtool
def test_no_alert_fires_while_all_is_well(tmp_path: Path) -> None:
    firing(tmp_path, HEALTHY, [])


@needs_promtool
@pytest.mark.parametrize("alert", blocks(RULES.read_text()))
def test_each_alert_fires_for_its_fault_alone(alert: str, tmp_path: Path) -> None:
    series = dict(HEALTHY)
    for pattern, values in FAULTS[alert].items():
        matching = [name for name in HEALTHY if re.search(pattern, name)] or [pattern]
        series[matching[0]] = values
    firing(tmp_path, series, [alert])


def changed(pattern: str, new: str, text: str) -> str:
    """A text with all that matches replaced; something has to."""
    result, times = re.subn(pattern, new, text)
    assert times, f"nothing matches {pattern}"
    return result


def quick(directory: Path, target: str) -> Path:
    """The committed configuration with another target, everything in it in half-seconds and seconds."""
    config = changed(r"scorer:1313", target, CONFIG.read_text())
    config = changed(r"(scrape_interval|evaluation_interval): \w+", r"\1: 500ms", config)
    (directory / RULES.name).write_text(changed(r" for: \w+", " for: 1s", RULES.read_text()))
    path = directory / CONFIG.name
    path.write_text(config)
    return path


@needs_prometheus
def test_a_real_prometheus_sees_what_was_sent_and_what_goes_wrong(
    versions: list[CoefficientFile], row: dict[str, Any], tmp_path: Path
) -> None:
    store = Store(tmp_path / "store", *versions)
    store.point("1.0.0")
    (tmp_path / "prometheus").mkdir()
    environment = {"SCORER_REFRESH_SECONDS": "0.1"}
    with (
        running("--model", str(store.path), environment=environment) as server,
        prometheus(quick(tmp_path / "prometheus", f"127.0.0.1:{server.port}")) as watching,
    ):
        with server.client() as client:
            assert client.predict([row] * 7).status == 200
            assert client.predict({"x12": "no"}).status == 422
        wait_until(lambda: watching.value('up{job="scorer"}') == 1, "the target")
        wait_until(lambda: watching.value('scorer_rows_total{version="1.0.0"}') == 7, "the rows that were sent")
        wait_until(lambda: watching.value('scorer_errors_total{code="bad-rows"}') == 1, "the request that was refused")
        used = {name for expression in expressions(RULES.read_text()) for name, _ in selected(expression)}
        assert used <= set(watching.get("label/__name__/values")), "each name of the rules is one of a real scrape"
        wait_until(lambda: not watching.firing(), "no alert")  # until the first scrape, no server is known
        store.write(POINTER, b"{")
        told = [watching.wait_for_alert("ScorerStoreFails")]
        store.point("1.1.0")
        wait_until(lambda: not watching.firing(), "the alert to end")
        assert server.stop() == 0
        told.append(watching.wait_for_alert("ScorerDown"))
    assert all(f"127.0.0.1:{server.port}" in annotations["summary"] for annotations in told)
