"""The settings of the service: every SCORER_* variable with its type, default and bounds."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from scorer.cells import UnknownLevels
from scorer.errors import SettingError

PREFIX = "SCORER_"

_HOUR = 3_600
_DAY = 24 * _HOUR


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings. The variable of each field is its name in capitals after ``SCORER_``.

    Every time has an upper bound far above any use, since an infinite time, or one meant as milliseconds, would be a
    wait that never ends. The bounds are an hour for clients and for the end of the server, 10 minutes for an answer of
    the store, and a day between two polls of it.

    Attributes:
        model: a coefficient file, or a store of versions: a directory, or a URL (http, https, s3, gs, az); empty for
            the directory that ships with the package.
        version: the version to serve, VERSION or MODEL/VERSION, with or without @sha256:HASH after it; empty for the
            one that the store's pointer names.
        public_key: PEM file with an Ed25519 public key; only coefficient files signed with its private key are served
            then. Empty to serve unsigned files.
        refresh_seconds: time between two polls of the store.
        store_seconds: time limit for one answer of the store.
        cache_dir: directory where the last good model is kept, for a start without the store; empty for none.
        shadow_version: a second version that scores a share of the requests too, and answers none, named as `version`
            is; empty for none.
        shadow_share: share of the requests that the shadow version scores.
        unknown_levels: what a level does that the model does not know, in requests that do not say: it scores as the
            baseline, or its row is an error.
        host: address to listen on.
        port: port to listen on; 0 takes a free one.
        workers: number of processes; 0 for one per CPU that this process may use.
        max_body_bytes: size limit of a request body as it is sent, in bytes; larger ones are answered 413.
        max_unpacked_bytes: size limit of a request body after decompression, in bytes; larger ones are answered 413.
        max_header_bytes: size limit of request line and headers, in bytes; larger ones are answered 431, or 414 where
            the request target alone is larger.
        max_rows: limit of rows per request; more are answered 422.
        max_requests: limit of POST /predict requests that a worker answers at a time; more are answered 503.
        receive_seconds: time limit for the head of a request to arrive, and then for its body; slower ones are answered
            408.
        api_keys_file: file with names and hashes of API keys; every request but those to /livez, /readyz and /metrics
            needs one of the keys then. Empty to need none.
        admin_port: a second port that serves /livez, /readyz and /metrics, which the first does not then; 0 for none.
        shutdown_seconds: time limit for running requests to finish after SIGTERM or Ctrl-C.
        drain_seconds: time before that, after SIGTERM, in which requests are still answered and /readyz says 503.
        log_format: text for people, or json for programs; one line per event.
        access_log: share of the requests that are logged.
        metrics: whether requests are counted, for /metrics.
        metrics_dir: directory in which a server with several workers makes one of its own, where they share their
            counts; empty for the system's directory for temporary files.
    """

    model: str = ""
    version: str = ""
    public_key: str = ""
    refresh_seconds: Annotated[float, Meta(gt=0, le=_DAY)] = 10.0
    store_seconds: Annotated[float, Meta(gt=0, le=600)] = 5.0
    cache_dir: str = ""
    shadow_version: str = ""
    shadow_share: Annotated[float, Meta(gt=0, le=1)] = 0.1
    unknown_levels: UnknownLevels = "baseline"
    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535)] = 1313
    workers: Annotated[int, Meta(ge=0, le=1_024)] = 0
    max_body_bytes: Annotated[int, Meta(ge=1)] = 64 * 1024 * 1024
    max_unpacked_bytes: Annotated[int, Meta(ge=1)] = 256 * 1024 * 1024
    max_header_bytes: Annotated[int, Meta(ge=1_024)] = 64 * 1024
    max_rows: Annotated[int, Meta(ge=1)] = 100_000
    max_requests: Annotated[int, Meta(ge=1)] = 1_000
    receive_seconds: Annotated[float, Meta(gt=0, le=_HOUR)] = 30.0
    api_keys_file: str = ""
    admin_port: Annotated[int, Meta(ge=0, le=65_535)] = 0
    shutdown_seconds: Annotated[int, Meta(ge=1, le=_HOUR)] = 30
    drain_seconds: Annotated[float, Meta(ge=0, le=_HOUR)] = 0.0
    log_format: Literal["text", "json"] = "text"
    access_log: Annotated[float, Meta(ge=0, le=1)] = 0.0
    metrics: bool = True
    metrics_dir: str = ""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Reads the SCORER_* variables. An empty one counts as not set.

        Raises:
            SettingError: a value is not valid, or a variable names no setting. The error does not show the value, which
                may be a secret.
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
            except msgspec.ValidationError:
                raise SettingError(name, f"expected {_expected(fields[name])}") from None
        return msgspec.convert(values, cls, strict=False)

    def worker_count(self) -> int:
        """How many worker processes to run."""
        return self.workers or available_cpus()


def _expected(field: str) -> str:
    """The values that a setting can have, in words."""
    import msgspec.inspect  # only errors need it

    (kind,) = (known.type for known in msgspec.inspect.type_info(Settings).fields if known.name == field)  # type: ignore[attr-defined]
    if isinstance(kind, msgspec.inspect.LiteralType):
        return " or ".join(map(str, kind.values))
    if not isinstance(kind, msgspec.inspect.IntType | msgspec.inspect.FloatType):
        return "true or false"
    bounds = {"above": kind.gt, "at least": kind.ge, "at most": kind.le}
    words = " and ".join(f"{word} {bound:,}" for word, bound in bounds.items() if bound is not None)
    return f"a {'whole number' if isinstance(kind, msgspec.inspect.IntType) else 'number'}, {words}"


def available_cpus(cgroup: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """How many CPUs this process may use: its affinity, or a container's quota (cgroup v2, rounded up) if lower."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = cgroup.read_text().split()
        return max(1, min(affinity, -(-int(quota) // int(period))))
    except (OSError, ValueError):  # no cgroup v2, or "max": no quota
        return affinity
