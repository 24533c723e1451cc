"""Docker Compose's stack: what it mounts is there, what it sets is known, and its variants of files stay variants."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from scorer.service.settings import PREFIX, Settings
from tests.deploy.test_monitoring import CONFIG
from tests.support.paths import ROOT
from tests.support.prometheus import needs_promtool, promtool

DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


def usual(text: object) -> str:
    """A text of the file, where no variable is set."""
    return re.sub(r"\$\{\w+:-(.*?)\}", r"\1", str(text))


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_service_needs_is_there(name: str) -> None:
    service = SERVICES[name]
    for mount in service.get("volumes", []):
        source = usual(mount).split(":")[0]
        assert source in COMPOSE["volumes"] or (DEPLOY / source).exists(), mount
    assert set(service.get("depends_on", [])) <= set(SERVICES)


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_no_rights_that_it_does_not_need(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_settings_are_known_and_leave_time_to_stop() -> None:
    given = {name: usual(value) for name, value in SERVICES["scorer"]["environment"].items()}
    assert all(name.startswith(PREFIX) for name in given)
    settings = Settings.from_environment(given)
    grace = int(SERVICES["scorer"]["stop_grace_period"].removesuffix("s"))
    assert grace > settings.drain_seconds + settings.shutdown_seconds
    assert settings.drain_seconds > float(*re.findall(r"valid=(\d+)s", (DEPLOY / "compose/upstream.conf").read_text()))


def test_the_published_port_is_the_one_that_the_proxy_listens_on() -> None:
    (listened,) = re.findall(r"listen (\d+);", (DEPLOY / "proxy" / "nginx.conf").read_text())
    assert SERVICES["proxy"]["ports"] == [f"${{PORT:-{Settings().port}}}:{listened}"]


def test_the_proxy_does_here_what_it_does_elsewhere() -> None:
    """What differs is how instances are found."""
    elsewhere, here = (
        set(re.findall(r"^ +(\w[^#]*?;)", (DEPLOY / folder / "upstream.conf").read_text(), re.MULTILINE))
        for folder in ("proxy", "compose")
    )
    assert {line.split()[0] for line in elsewhere ^ here} == {"server", "resolver"}
    assert f"server scorer:{Settings().port} resolve max_fails=0;" in here


def test_prometheus_does_here_what_it_does_elsewhere() -> None:
    elsewhere, here = (yaml.safe_load(path.read_text()) for path in (CONFIG, DEPLOY / "compose/prometheus.yml"))
    (found,) = here["scrape_configs"][0].pop("dns_sd_configs")
    elsewhere["scrape_configs"][0].pop("static_configs")
    assert elsewhere == here
    assert (found["names"], found["port"]) == (["scorer"], Settings().port)


@needs_promtool
def test_promtool_takes_the_configuration(tmp_path: Path) -> None:
    for name in ("compose/prometheus.yml", "monitoring/alerts.yml"):  # side by side, as they are mounted
        (tmp_path / Path(name).name).write_text((DEPLOY / name).read_text())
    assert "1 rule files found" in promtool("check", "config", tmp_path / "prometheus.yml")
