"""make compare: two revisions' servers side by side, and the arithmetic of its table."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import pytest

import scorer
from bench import __main__ as bench
from bench import compare, contenders, timing
from bench.peers.check import MODEL
from bench.peers.running import Server as BenchServer
from bench.wrk import LoadError
from scorer.store.pointer import POINTER, Pointer
from tests.support.models import RELEASED_1_0_0, SHIPPED
from tests.support.paths import ROOT
from tests.support.skips import needs

pytestmark = pytest.mark.long


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose only revision has this tree's sources, but another version, and ships an older model alone."""
    root = tmp_path / "repository"
    for name in ("scorer", "coefficients"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    version = root / "scorer" / "version.py"
    version.write_text(re.sub('"[^"]*"$', '"0.0.7"', version.read_text()))
    (root / "coefficients" / "glm-26" / SHIPPED.name).unlink()
    released = scorer.load(RELEASED_1_0_0).file
    pointer = Pointer(released.model, released.version, released.sha256)
    (root / "coefficients" / POINTER).write_bytes(pointer.to_bytes())
    for arguments in (
        ["init", "--quiet"],
        ["add", "."],
        ["-c", "user.name=x", "-c", "user.email=x", "commit", "-qm", "x"],
    ):
        subprocess.run(["git", *arguments], cwd=root, check=True)
    monkeypatch.setattr(compare, "ROOT", root)
    return root


@needs("git")
@pytest.mark.usefixtures("unmeasured")
def test_two_revisions(
    repository: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    compare.unpack("HEAD", tmp_path / "other")
    assert (tmp_path / "other" / "scorer" / "version.py").read_text().endswith('"0.0.7"\n')
    assert not (tmp_path / "other" / ".git").exists()
    monkeypatch.chdir(repository / "scorer")  # git archives what lies below the working directory
    monkeypatch.setattr(bench, "TRAIN_ROWS", 400)
    monkeypatch.setattr(compare, "BATCH_ROWS", 100)
    monkeypatch.setattr(compare, "REQUESTS", {"batch of 10,000 rows": 2, "single row": 20})
    assert compare.main(["HEAD", "--rounds", "1"]) == 0
    head, _, batch, single = capsys.readouterr().out.splitlines()
    assert head == "| CPU µs a request | HEAD | this tree | ratio | wall: ratio |"
    for line, name in ((batch, "batch of 10,000 rows"), (single, "single row")):
        assert re.fullmatch(rf"\| {name} \| [\d,]+\.\d \| [\d,]+\.\d \| \d+\.\d{{3}} \| \d+\.\d{{3}} \|", line)


@needs("git")
def test_a_revision_that_is_not_there(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert repository.exists()
    assert compare.main(["none"]) == 2
    assert re.fullmatch(r"bench\.compare: fatal: .*\bnone\b.*\n", capsys.readouterr().err)


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (LoadError("a request was answered with nothing"), 2, "bench.compare: a request was answered with nothing\n"),
        (ConnectionResetError(104, "reset by peer"), 2, "bench.compare: [Errno 104] reset by peer\n"),
        (KeyboardInterrupt(), 130, "bench.compare: interrupted\n"),
    ],
)
def test_what_cannot_be_compared_is_told(
    error: BaseException, code: int, told: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(compare, "run", fail)
    assert compare.main(["HEAD"]) == code
    assert capsys.readouterr() == ("", told)


def test_the_other_revision_is_imported_from_its_sources(tmp_path: Path) -> None:
    other = compare.Revision("other", "HEAD", ("-m", "scorer", "serve"), sources=tmp_path)
    environment = other.environment(MODEL, 1234, tmp_path)
    assert environment["PYTHONPATH"] == str(tmp_path)
    assert environment["SCORER_PORT"] == "1234"
    assert other.argv(contenders.OWN)[0] == str(contenders.OWN)


def test_the_least_of_all_rounds_but_the_first_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """CPU time is in nanoseconds, wall time in seconds, and two requests are sent in a turn."""
    cpu = {1: [(0, 20), (20, 8_020), (10_000, 14_000), (0, 6_000)], 2: [(0, 10), (0, 6_000), (1, 3_001), (5, 9_005)]}
    wall = iter([0, 1, 0, 1, 0, 40, 0, 10, 0, 20, 0, 50, 0, 30, 0, 5])
    numbers = {pid: iter([number for pair in pairs for number in pair]) for pid, pairs in cpu.items()}
    sent: defaultdict[int, int] = defaultdict(int)

    def send(port: int, body: bytes, count: int, _headers: Sequence[str], _type: str) -> None:
        assert body == b"[]"
        sent[port] += count

    monkeypatch.setattr(compare, "REQUESTS", {"two": 2})
    monkeypatch.setattr(timing, "cpu_nanoseconds", lambda processes: next(numbers[processes[0]]))
    monkeypatch.setattr(timing, "send", send)
    monkeypatch.setattr(BenchServer, "processes", lambda server: [server.pid])
    monkeypatch.setattr(time, "perf_counter", lambda: next(wall))
    servers = {"other": BenchServer(11, 1), "this": BenchServer(22, 2)}
    line = compare.compare("two", b"[]", servers, 3)
    # other: least 4,000 ns and 20 s for two requests; this: 3,000 ns and 5 s
    assert line == "| two | 2.0 | 1.5 | 0.750 | 0.250 |"
    assert sent == {11: 8, 22: 8}
