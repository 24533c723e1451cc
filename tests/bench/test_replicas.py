"""Servers held to a share of a CPU, behind the proxy."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench import quota, replicas
from bench.measure import Bodies
from bench.peers.running import PeerError
from bench.proxy import proxy
from tests.support.skips import NO_QUOTA, needs, require

pytestmark = pytest.mark.long


def may_set_a_quota() -> bool:
    try:
        with quota.held_to(0.5, [os.getpid()]):
            return True
    except quota.QuotaError:
        return False


needs_quota = pytest.mark.skipif(not may_set_a_quota(), reason=NO_QUOTA)


def groups_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cgroup").read_text()


@needs_quota
def test_a_process_is_held_and_let_go() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        before = groups_of(process.pid)
        with quota.held_to(0.2, [process.pid]):
            (line,) = set(groups_of(process.pid).splitlines()) - set(before.splitlines())
            name = f"scorer-bench-{os.getpid()}-{process.pid}"
            assert line.endswith(f"/{name}")
            (group,) = [path for path in (quota.CGROUPS / "cpu" / name, quota.CGROUPS / name) if path.exists()]
            limits = "".join(path.read_text() for path in group.glob("cpu.[cm][fa][sx]*"))
            assert "2000" in limits
            assert "10000" in limits
        assert groups_of(process.pid) == before
        assert not group.exists()
        process.communicate(b"\n")


def test_version_2_has_one_file_for_the_limit(tmp_path: Path) -> None:
    (tmp_path / "cgroup.subtree_control").write_text("cpuset cpu io memory\n")
    assert quota.limits(0.2, tmp_path) == (tmp_path, "", {"cpu.max": "2000 10000"})


def test_without_a_controller(tmp_path: Path) -> None:
    (tmp_path / "cgroup.subtree_control").write_text("memory pids\n")
    with pytest.raises(quota.QuotaError, match="has no CPU controller"), quota.held_to(0.2, [os.getpid()], tmp_path):
        pass


def test_without_the_right_to_make_a_group(tmp_path: Path) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cgroup.procs").touch()
    (tmp_path / "cpu" / f"scorer-bench-{os.getpid()}-{os.getpid()}").touch()
    with pytest.raises(quota.QuotaError, match="cpu: file exists"), quota.held_to(0.2, [os.getpid()], tmp_path):
        pass


@needs_quota
@needs("nginx")
@needs("wrk")
@pytest.mark.usefixtures("wrk")
def test_all_numbers_of_servers_are_measured(bodies: Bodies, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replicas, "COUNTS", (1, 2))
    monkeypatch.setattr(replicas, "BATCH_ROWS", 100)
    results = replicas.measure(bodies, 1, 1, lambda _: None)
    for kind in ("singles", "batches"):
        for count in ("1", "2"):
            (figures,) = results["samples"][kind][count]
            assert figures["rows_per_second"] > 0
            assert 0 < figures["servers"] < 2 * int(count) * replicas.SHARE
            assert figures["machine"] > 0
    assert not list(quota.CGROUPS.glob(f"**/scorer-bench-{os.getpid()}-*"))


@needs("nginx")
@pytest.mark.usefixtures("unmeasured")
def test_where_no_quota_can_be_set_the_table_says_so(
    bodies: Bodies, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replicas, "COUNTS", (1,))
    monkeypatch.setattr(quota.held_to.__wrapped__, "__defaults__", (tmp_path,))  # type: ignore[attr-defined]
    results = replicas.measure(bodies, 1, 1, lambda _: None)
    reason = f"no CPU quota can be set: {tmp_path} has no CPU controller"
    assert replicas.table(results) == f"Replicas under a CPU quota were not measured: {reason}."


def test_without_nginx_the_table_says_so(bodies: Bodies, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replicas, "find", lambda: None)
    results = replicas.measure(bodies, 1, 1, lambda _: None)
    assert replicas.table(results).endswith("were not measured: nginx is not installed.")


@needs("nginx")
def test_a_proxy_that_does_not_start_is_told() -> None:
    with pytest.raises(PeerError, match=r"nginx did not start:\n.*invalid port"), proxy(require("nginx"), [99_999]):
        pass


def test_the_table_compares_with_one_server() -> None:
    def rounds(*rates: float) -> list[dict[str, float]]:
        return [{"rows_per_second": rate, "servers": 0.2, "machine": 1.5} for rate in rates]

    samples = {"singles": {"1": rounds(1_000, 2_000, 3_000), "4": rounds(4_000, 6_000, 15_000)}}
    results = {"share": 0.2, "batch_rows": 1_000, "cpus": 2, "connections": {"singles": 64}, "samples": samples}
    lines = replicas.table(results).splitlines()
    assert lines[0].startswith("| N servers with 0.2 CPU each, behind nginx |")
    assert lines[2] == "| 1: single rows, 64 connections | 2,000 | 1.00 | 1.00 | 0.20, 1.50 |"
    assert lines[3] == "| 4: single rows, 64 connections | 6,000 | 4.00 | 1.00 | 0.20, 1.50 |"
    assert (
        lines[5] == "4 servers score 4.0 times as many single rows as one, while 1.5 of the machine's 2 CPUs are busy."
    )
