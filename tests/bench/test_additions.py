"""What the service adds to the tiny app: every server answers alike, and every file has its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import additions, contenders, rungs
from bench.measure import Bodies
from bench.pages import ARCHITECTURE
from bench.peers.check import MODEL, DifferenceError
from bench.peers.running import running
from tests.support.paths import ROOT

pytestmark = pytest.mark.long
NAMES = [addition.key for addition in (*additions.LADDER, *additions.OPTIONAL)]


@pytest.mark.usefixtures("unmeasured")
def test_every_server_answers_alike_and_is_timed(
    bodies: Bodies, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(additions, "BATCH_ROWS", 100)
    monkeypatch.setattr(additions, "REQUESTS", {"single": 50, "batch": 5})
    samples = additions.measure(bodies, tmp_path, 1)["samples"]
    for kind in ("single", "batch"):
        assert list(samples[kind]) == NAMES
        assert all(len(taken["cpu"]) == 1 and taken["cpu"][0] > 0 for taken in samples[kind].values())


def test_another_answer_is_told() -> None:
    with (
        running(contenders.TINY, MODEL, contenders.OWN) as tiny,
        running(contenders.FLOOR, MODEL, contenders.OWN) as floor,
        pytest.raises(DifferenceError, match="the answer of floor is not that of the tiny app"),
    ):
        additions.require_same_answers({"tiny": tiny, "floor": floor}, b'{"x5": "monday"}', {})


def test_each_addition_is_beside_the_one_before() -> None:
    ladder = [(addition.beside, addition.key) for addition in additions.LADDER]
    assert [beside for beside, _ in ladder[1:]] == [key for _, key in ladder[:-1]]
    assert [key for _, key in ladder[1:5]] == list(rungs.RUNGS)
    assert {addition.beside for addition in additions.OPTIONAL} == {ladder[-1][1]}


def test_the_table_shows_differences_of_the_least_times() -> None:
    samples = {
        "single": {name: {"cpu": [90e-6, (50 + 2 * number) * 1e-6]} for number, name in enumerate(NAMES)},
        "batch": {name: {"cpu": [0.1 - number / 1_000, 0.2]} for number, name in enumerate(NAMES)},
    }
    lines = additions.table({"rounds": 2, "samples": samples}).splitlines()
    assert lines[2] == "| `examples/tiny_app.py` |  | 50.0 | 100.0 |  |"
    assert "| `telemetry/counters.py` | +2.0 | −1.0 |" in lines[8]
    assert lines[9] == "| **the service as it starts** | | 62.0 | 94.0 | |"
    assert "API keys (off by default) | `keys.py` | +2.0 | −1.0 |" in lines[10]
    assert "| `shadow.py` | +6.0 | −3.0 |" in lines[12]


def test_every_file_of_the_service_is_in_the_section() -> None:
    section = ARCHITECTURE.read_text().partition("## What the service adds to the tiny app")[2].partition("\n## ")[0]
    service = ROOT / "scorer" / "service"
    for path in service.rglob("*.py"):
        if path.name != "__init__.py":
            assert f"`{path.relative_to(service)}`" in section
    for addition in (*additions.LADDER, *additions.OPTIONAL):
        for name in addition.files:
            assert (service / name).is_file()
