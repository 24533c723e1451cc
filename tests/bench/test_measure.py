"""Every measurement at a small size: real servers, a real wrk for a fifth of a second, few rows, one round."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

import scorer
from bench import contenders, measure, timing, wrk
from bench.machine import complaint
from bench.measure import Bodies
from bench.peers.check import DifferenceError
from bench.rows import stand_in
from scorer.store.pointer import Pointer
from scorer.store.sources import point
from scorer.store.storage import Directory
from tests.support.skips import needs

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("small"), needs("wrk")]

BATCH = 100


@pytest.fixture
def small(wrk: None, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    """Batches of 100 rows instead of 10,000, and swaps that follow each other faster."""
    monkeypatch.setattr(measure, "BATCH_ROWS", BATCH)
    monkeypatch.setattr(measure, "GROWTH_SECONDS", {10: 1, 100: 1})
    monkeypatch.setattr(measure, "SWAP_SECONDS", 0.02)
    monkeypatch.setattr(measure, "SLOW_CONNECTIONS", 9)


def test_a_server_with_wrong_answers_is_not_timed(bodies: Bodies) -> None:
    wrong = replace(contenders.FLOOR, key="wrong")
    with pytest.raises(DifferenceError, match="not JSON: b'xxx"):
        measure.servers([wrong], bodies, 1, 1, 1, lambda _: None)


def test_cpu_time_is_that_of_the_requests_that_were_sent(bodies: Bodies, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server's CPU time so far stands for it: it is known at both ends, and so is the number of requests."""
    sent: list[int] = []
    clock = iter([10.0, 12.0, 20.0, 23.0])

    def drive(port: int, body: Path, connections: int, seconds: float) -> wrk.Load:
        load = wrk.drive(port, body, connections, seconds)
        sent.append(load.requests)
        return load

    monkeypatch.setattr(measure, "drive", drive)
    monkeypatch.setattr(measure, "cpu_seconds", lambda _: next(clock))
    found = measure.cpu(bodies, 1)
    assert found == {"batches": 2 / (sent[0] * BATCH) * 1e6, "singles": 3 / sent[1] * 1e6}


def test_growth(bodies: Bodies) -> None:
    found = measure.growth(bodies, 1)["samples"]
    assert list(found) == ["10", "100"]
    assert all(len(taken) == 1 and 0 < taken[0] < 1 for samples in found.values() for taken in samples.values())


def test_beside_batches(bodies: Bodies) -> None:
    found = measure.beside_batches(bodies, 1)
    for name in ("alone", "beside"):
        assert 0 < found[name]["p50"] <= found[name]["p99"]
    assert found["batch_median"] > 0


def test_batches_that_fail_are_told(bodies: Bodies, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contenders, "LARGEST_BODY", 10_000)
    with pytest.raises(wrk.LoadError, match="the first request was answered with status 413"):
        measure.beside_batches(bodies, 1)


def test_swaps(bodies: Bodies, tmp_path: Path) -> None:
    found = measure.swaps(bodies, tmp_path, 1, 1)
    assert [len(found["p99"][name]) for name in ("alone", "swapping")] == [1, 1]
    assert found["swaps"] >= 2


def test_swapping_ends_with_an_error(bodies: Bodies, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the load fails: a thread that went on would keep the program from ending."""
    drives = 0

    def fail(port: int, body: Path, connections: int, seconds: float) -> wrk.Load:
        nonlocal drives
        drives += 1
        if drives == 3:
            raise wrk.LoadError("lost")
        return wrk.drive(port, body, connections, seconds)

    monkeypatch.setattr(measure, "drive", fail)
    with pytest.raises(wrk.LoadError, match="lost"):
        measure.swaps(bodies, tmp_path, 1, 1)


def test_a_swap_that_fails_is_told(bodies: Bodies, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []

    def fail(store: Directory, pointer: Pointer) -> None:
        written.append(pointer.version)
        if len(written) > 1:
            raise OSError("disk full")
        point(store, pointer)

    monkeypatch.setattr(measure, "point", fail)
    with pytest.raises(OSError, match="disk full"):
        measure.swaps(bodies, tmp_path, 1, 1)


def test_beside_slow_connections(bodies: Bodies) -> None:
    found = measure.beside_slow(bodies, 1, 1)
    assert found["connections"] == 9
    assert [len(found["p99"][name]) for name in ("alone", "beside")] == [1, 1]


def test_parsing_fails_on_what_is_not_json(tmp_path: Path) -> None:
    (tmp_path / "body").write_text("[1, 2")
    with pytest.raises(subprocess.CalledProcessError) as caught:
        timing.parse(tmp_path / "body")
    assert "JSONDecodeError" in complaint(caught.value)


def test_an_export_that_fails_says_why(tmp_path: Path, model: scorer.Scorer) -> None:
    train, _ = stand_in(400, 13, tmp_path, model)
    with pytest.raises(subprocess.CalledProcessError) as caught:
        measure.export(train, tmp_path / "out")
    assert "400 rows are too few" in complaint(caught.value)


def test_the_kernel_runs_in_the_peers_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = tmp_path / "python"
    python.write_text("""#!/bin/sh\necho "{\\"arguments\\": \\"$*\\"}"\n""")
    python.chmod(0o755)
    monkeypatch.setattr(measure, "PYTHON", python)
    assert measure.kernel(quick=True) == {"arguments": "-m bench.kernel --quick"}
    assert measure.kernel(quick=False) == {"arguments": "-m bench.kernel"}
