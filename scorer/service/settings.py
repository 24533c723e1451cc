"""Every SCORER_* variable, with its type, its default and its bounds."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from scorer.errors import SettingError

PREFIX = "SCORER_"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How the service runs. The variable of each field is its name in capitals after ``SCORER_``.

    Attributes:
        model: a coefficient file, or a directory with a pointer; empty for the one that ships with the package.
        host: address to listen on.
        port: port to listen on; 0 takes a free one.
        workers: processes; 0 is the CPUs that this process may use.
        max_body_bytes: largest request body, in bytes; larger ones are answered 413.
        shutdown_seconds: how long running requests may take to finish after SIGTERM or Ctrl-C.
        access_log: whether each request is logged, which costs a third of the single-row rate.
    """

    model: str = ""
    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535)] = 1313
    workers: Annotated[int, Meta(ge=0, le=1_024)] = 0
    max_body_bytes: Annotated[int, Meta(ge=1)] = 64 * 1024 * 1024
    shutdown_seconds: Annotated[int, Meta(ge=1)] = 30
    access_log: bool = False

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Reads the SCORER_* variables; an empty one counts as not set.

        Raises:
            SettingError: a variable has a value that it cannot have, or no setting has its name. The value is not
            named.
        """
        given = {name: text for name, text in environment.items() if name.startswith(PREFIX) and text}
        fields = {f"{PREFIX}{name.upper()}": name for name in cls.__struct_fields__}
        for name in given:
            if name not in fields:
                raise SettingError(name, f"no such setting; known are {', '.join(fields)}")
        values: dict[str, object] = {}
        for name, text in given.items():
            values[fields[name]] = text
            try:
                msgspec.convert({fields[name]: text}, cls, strict=False)
            except msgspec.ValidationError as error:
                raise SettingError(name, str(error).rsplit(" - at ", 1)[0].lower()) from None
        return msgspec.convert(values, cls, strict=False)

    def worker_count(self) -> int:
        """The number of processes to run."""
        return self.workers or available_cpus()


def available_cpus(cgroup: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """The CPUs that this process may use: its affinity, and below that a container's quota (cgroup v2, rounded up)."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = cgroup.read_text().split()
        return max(1, min(affinity, -(-int(quota) // int(period))))
    except (OSError, ValueError):  # no cgroup v2, or "max": no quota
        return affinity
