"""Prometheus for tests: what it gets from the service, its tool, and a real one that scrapes."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from prometheus_client.parser import text_string_to_metric_families

from scorer.service.telemetry.exposition import METRICS, PREFIX
from tests.support.servers import Client, answers, end, free_port, wait_until
from tests.support.skips import find, needs

SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
EXPOSED = {
    f"{PREFIX}{name}{suffix}": {"job", "instance", *described.labels, *(["le"] if suffix == "_bucket" else [])}
    for name, described in METRICS.items()
    for suffix in SUFFIXES[described.kind]
}
"""The labels of each series that Prometheus gets from the service, by its name."""

PROMTOOL, PROMETHEUS = find("promtool"), find("prometheus")
needs_promtool, needs_prometheus = needs("promtool"), needs("prometheus")


Samples = dict[tuple[str, ...], float]


def scrape(client: Client) -> Samples:
    """Every sample by its name and the values of its labels, in the order of the labels' names."""
    answer = client.send("GET", "/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name.removeprefix("scorer_"), *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(answer.body.decode())
        for sample in family.samples
    }


def selected(expression: str) -> Iterator[tuple[str, set[str]]]:
    """The series that an expression selects: names, and the labels in their braces."""
    for name, matchers in re.findall(rf"\b({PREFIX}\w+)(?:\{{(.*?)\}})?", expression):
        yield name, set(re.findall(r'(\w+)[=!]~?=?"', matchers))


def wrong(expression: str) -> list[str]:
    """Names and labels of an expression that the service does not expose."""
    series = list(selected(expression))
    unknown = [name for name, _ in series if name not in EXPOSED]
    return unknown + [f"{name}{{{label}}}" for name, used in series for label in used - EXPOSED.get(name, used)]


def promtool(*arguments: str | Path) -> str:
    """Runs promtool, and gives what it says."""
    assert PROMTOOL
    done = subprocess.run([PROMTOOL, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class Prometheus:
    """A running Prometheus, asked over its HTTP API."""

    def __init__(self, port: int) -> None:
        self._port = port

    def get(self, path: str, **parameters: str) -> Any:
        """The data of an answer of its API."""
        with closing(Client(self._port)) as client:
            answer = client.send("GET", f"/api/v1/{path}?{urlencode(parameters)}")
        assert answer.status == 200, answer.body
        return answer.json()["data"]

    def value(self, query: str) -> float | None:
        """What a query gives now; None for nothing."""
        found = self.get("query", query=query)["result"]
        return float(found[0]["value"][1]) if found else None

    def firing(self) -> dict[str, dict[str, str]]:
        """The annotations of the alerts that fire, by name."""
        alerts = self.get("alerts")["alerts"]
        return {one["labels"]["alertname"]: one["annotations"] for one in alerts if one["state"] == "firing"}

    def wait_for_alert(self, name: str) -> dict[str, str]:
        """Waits until an alert fires, and gives its annotations."""
        annotations: dict[str, str] = wait_until(lambda: self.firing().get(name), f"the alert {name}")
        return annotations


@contextmanager
def prometheus(config: Path) -> Iterator[Prometheus]:
    """Runs Prometheus on a free loopback port, with its data beside its configuration, until the block ends."""
    assert PROMETHEUS
    port = free_port()
    directory = config.parent
    command = [PROMETHEUS, f"--config.file={config}", f"--storage.tsdb.path={directory / 'data'}"]
    log = directory / "log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [*command, f"--web.listen-address=127.0.0.1:{port}"], cwd=directory, stdout=output, stderr=output
        )
        try:
            found = Prometheus(port)
            wait_until(lambda: process.poll() is not None or answers(port, "/-/ready"), "Prometheus")
            assert process.poll() is None, log.read_text()
            yield found
        finally:
            end(process)
