"""orjson.loads alone, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench import parse, timing
from bench.measure import Bodies


def test_the_median_of_five(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = [0.0, 3.0, 10.0, 11.0, 20.0, 22.0, 30.0, 39.0, 40.0, 44.0]  # 3, 1, 2, 9, 4 seconds
    cpu, wall = iter(ticks), iter(2 * tick for tick in ticks)
    (tmp_path / "body").write_text("[1]")
    monkeypatch.setattr(sys, "argv", ["parse", str(tmp_path / "body")])
    monkeypatch.setattr(time, "process_time", lambda: next(cpu))
    monkeypatch.setattr(time, "perf_counter", lambda: next(wall))
    parse.main()
    assert capsys.readouterr().out == "3.0 6.0\n"


def test_it_runs_as_a_program(bodies: Bodies, tmp_path: Path) -> None:
    taken = timing.parse(bodies.of(10))
    assert 0 < taken.cpu < 1
    assert 0 < taken.wall < 60
    with pytest.raises(subprocess.CalledProcessError):
        timing.parse(tmp_path / "none")
