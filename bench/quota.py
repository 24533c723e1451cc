"""Holds a process to a share of a CPU, as a container's CPU limit does: by a cgroup, version 1 or 2, of its own."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
PERIOD_MICROSECONDS = 10_000
"""A process that has used its share waits for the next period. Containers usually have 100,000."""


class QuotaError(Exception):
    """No CPU quota can be set here; the message says why, in one line."""


@contextmanager
def held_to(share: float, processes: list[int], cgroups: Path = CGROUPS) -> Iterator[None]:
    """Holds processes together to a share of a CPU until the block ends.

    Args:
        share: of one CPU, such as 0.2.
        processes: their ids, all of the same cgroup; their later children are held with them.
        cgroups: where cgroups are mounted.

    Raises:
        QuotaError: there is no CPU controller, or no right to use it.
    """
    parent, controller, values = limits(share, cgroups)
    home = _group_of(processes[0], parent, controller)
    group = parent / f"scorer-bench-{os.getpid()}-{processes[0]}"
    try:
        group.mkdir()
    except OSError as error:
        raise QuotaError(f"{parent}: {(error.strerror or str(error)).lower()}") from None
    try:
        try:
            for name, value in values.items():
                (group / name).write_text(value)
            _move(processes, group)
        except OSError as error:
            raise QuotaError(f"{group}: {(error.strerror or str(error)).lower()}") from None
        yield
    finally:
        _move(map(int, (group / "cgroup.procs").read_text().split()), home)
        group.rmdir()


def limits(share: float, cgroups: Path) -> tuple[Path, str, dict[str, str]]:
    """The directory that groups are made in, its controller in /proc/PID/cgroup, and what a group's files have to say.

    Raises:
        QuotaError: there is no CPU controller.
    """
    quota = int(share * PERIOD_MICROSECONDS)
    if (cgroups / "cpu" / "cgroup.procs").exists():
        return cgroups / "cpu", "cpu", {"cpu.cfs_period_us": str(PERIOD_MICROSECONDS), "cpu.cfs_quota_us": str(quota)}
    control = cgroups / "cgroup.subtree_control"
    if control.exists() and "cpu" in control.read_text().split():
        return cgroups, "", {"cpu.max": f"{quota} {PERIOD_MICROSECONDS}"}
    raise QuotaError(f"{cgroups} has no CPU controller")


def _group_of(pid: int, parent: Path, controller: str) -> Path:
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return parent / path.lstrip("/")
    return parent


def _move(processes: Iterable[int], group: Path) -> None:
    for pid in processes:
        (group / "cgroup.procs").write_text(str(pid))
