"""What the service adds to the tiny app, and what each addition costs: from server to server, with one part more each.

All servers run all the time and take turns. The least CPU time of all rounds counts, so a difference of a few percent
between two of them is noise.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from bench import contenders
from bench.markdown import head
from bench.measure import BATCH_ROWS, Bodies
from bench.peers.catalog import PREDICT, Peer
from bench.peers.check import MODEL, DifferenceError
from bench.peers.running import Server, running
from bench.rungs import RUNGS
from bench.timing import requests, send, take_turns
from export import certificate
from scorer.service import keys
from scorer.store.directory import load
from scorer.store.pointer import Pointer
from scorer.store.sources import point
from scorer.store.storage import Directory

REQUESTS = {"single": 2_000, "batch": 2}
SHADOW_VERSION = "9.9.9"
Result = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Variant(contenders.Own):
    """The scorer with some settings.

    Attributes:
        settings: SCORER_* variables and their values.
    """

    settings: tuple[tuple[str, str], ...] = ()

    def environment(self, model: Path, port: int, scratch: Path) -> dict[str, str]:
        """As Own, with the settings."""
        own = contenders.Own.environment(self, model, port, scratch)
        return {**own, **dict(self.settings)}


@dataclass(frozen=True, slots=True)
class Addition:
    """One line of the table.

    Attributes:
        key: name of the server that has it.
        beside: name of the server that has all but it; empty for the first.
        words: what is added.
        files: where it is, in scorer/service/.
        without: what is lost without it.
    """

    key: str
    beside: str
    words: str
    files: tuple[str, ...]
    without: str


LADDER = (
    Addition("tiny", "", "`examples/tiny_app.py`", (), ""),
    Addition(
        "decode",
        "tiny",
        "rows decoded into the used fields and answers encoded from them, instead of dicts by orjson",
        (
            "codec/rows.py",
            "codec/row_types.py",
            "codec/key_orders.py",
            "codec/number_columns.py",
            "codec/encoder.py",
            "codec/diagnose.py",
        ),
        "speed; problems listed by row and field",
    ),
    Addition("route", "decode", "no Starlette on the way of `POST /predict`", ("app.py",), "speed"),
    Addition(
        "requests",
        "route",
        "the life of a request: its id, headers that name the model, limits, problem documents, compressed bodies; "
        "batches scored while they arrive",
        (
            "app.py",
            "predict.py",
            "holder.py",
            "problems.py",
            "codec/options.py",
            "codec/body.py",
            "codec/streaming.py",
        ),
        "errors that say what is wrong; an event loop that answers others during a batch; memory for whole bodies",
    ),
    Addition(
        "connection",
        "requests",
        "strict HTTP, time limits of slow clients, head and body in one write",
        (
            *("http_protocol.py", "http_head.py", "http_refusals.py"),
            *("http_tasks.py", "http_transport.py", "http_watchdog.py"),
        ),
        "requests that the RFCs ask to refuse are answered; slow clients stay; half of an answer may be sent",
    ),
    Addition(
        "serve",
        "connection",
        "a model that is followed in its store, draining, workers; the heap is kept",
        ("server.py", "models.py", "listening.py", "settings.py", "supervisor.py", "distributor.py", "receiver.py"),
        "a new version needs a restart",
    ),
    Addition("metrics", "serve", "metrics", ("telemetry/counters.py",), "counts, stages and drift in `/metrics`"),
)
"""From the tiny app to the service as it starts."""

OPTIONAL = (
    Addition("keys", "metrics", "API keys", ("keys.py",), "anybody may call"),
    Addition(
        "log",
        "metrics",
        "a log line for each request",
        ("telemetry/request_log.py", "telemetry/logs.py"),
        "no trace of a call",
    ),
    Addition(
        "shadow",
        "metrics",
        "a shadow version that scores each request too",
        ("shadow.py",),
        "a version meets real requests only once it serves",
    ),
)
"""What is off unless a setting asks for it."""


def measure(bodies: Bodies, directory: Path, rounds: int) -> Result:
    """Measures all servers of LADDER and OPTIONAL.

    Args:
        bodies: the request bodies.
        directory: for keys and a store.
        rounds: number of turns that count.

    Returns:
        By kind of request and server, CPU and wall seconds of a request in each round.

    Raises:
        DifferenceError: a server's answer is not byte for byte that of the others.
        LoadError: a request was not answered with 200.
    """
    key = keys.new_key()
    (directory / "api-keys").write_text(keys.file_line("bench", key) + "\n")
    headers = {"keys": [f"authorization: Bearer {key}"]}
    with ExitStack() as stack:
        servers = {name: stack.enter_context(running(*started)) for name, started in _servers(directory).items()}
        samples = {}
        for kind, path in {"single": bodies.of(0), "batch": bodies.of(BATCH_ROWS)}.items():
            body = path.read_bytes()
            require_same_answers(servers, body, headers)
            work = {
                name: partial(requests, server, body, REQUESTS[kind], headers.get(name, ()))
                for name, server in servers.items()
            }
            samples[kind] = take_turns(work, rounds)
    return {"rounds": rounds, "samples": samples}


def _servers(directory: Path) -> dict[str, tuple[Peer, Path, Path]]:
    """By name: what is started, with which model, on which interpreter."""
    off = (("SCORER_METRICS", "false"),)
    serve = ("-m", "scorer", "serve")
    ready = {"readiness": PREDICT, "ready_status": contenders.TINY.ready_status}
    started: dict[str, tuple[Peer, Path]] = {"tiny": (contenders.TINY, MODEL)}
    for name in RUNGS:
        started[name] = Peer(name, name, ("-m", "bench.rungs", name), **ready), MODEL  # type: ignore[arg-type]
    settings = {
        "serve": off,
        "metrics": (),
        "keys": (("SCORER_API_KEYS_FILE", str(directory / "api-keys")),),
        "log": (("SCORER_ACCESS_LOG", "1"),),
        "shadow": (("SCORER_SHADOW_VERSION", SHADOW_VERSION), ("SCORER_SHADOW_SHARE", "1")),
    }
    for name, given in settings.items():
        started[name] = Variant(name, name, serve, settings=given), MODEL
    started["shadow"] = started["shadow"][0], _store(directory / "shadow")
    return {name: (*each, contenders.OWN) for name, each in started.items()}


def _store(path: Path) -> Path:
    """A store of the model and a second version of it, which the pointer does not name."""
    store = Directory(path)
    file = load(MODEL).file
    for each in (certificate.certify(replace(file, version=SHADOW_VERSION, intercept=0.25)), file):
        pointer = Pointer(each.model, each.version, each.sha256)
        store.write(pointer.key, each.to_bytes())
    point(store, pointer)
    return path


def require_same_answers(servers: dict[str, Server], body: bytes, headers: dict[str, list[str]]) -> None:
    answers = {name: send(server.port, body, 1, headers.get(name, ())) for name, server in servers.items()}
    for name, answer in answers.items():
        if answer != answers["tiny"]:
            raise DifferenceError(f"the answer of {name} is not that of the tiny app")


def table(results: Result) -> str:
    """The results as Markdown."""
    lines = head(
        "",
        "files in `scorer/service/`",
        "a single row, CPU µs",
        f"a batch of {BATCH_ROWS:,} rows, CPU ms",
        "lost without it",
    )
    lines += [_row(results, addition) for addition in LADDER]
    total = _cpu(results, LADDER[-1].key)
    lines.append(f"| **the service as it starts** | | {total[0]:.1f} | {total[1]:.1f} | |")
    lines += [_row(results, addition, " (off by default)") for addition in OPTIONAL]
    return "\n".join(lines)


def _row(results: Result, addition: Addition, note: str = "") -> str:
    shown = [f"{taken:.1f}" for taken in _cpu(results, addition.key)]
    if addition.beside:
        pairs = zip(_cpu(results, addition.key), _cpu(results, addition.beside), strict=True)
        shown = [f"{taken - before:+.1f}".replace("-", "−") for taken, before in pairs]
    files = ", ".join(f"`{name}`" for name in addition.files)
    return f"| {addition.words}{note} | {files} | {shown[0]} | {shown[1]} | {addition.without} |"


def _cpu(results: Result, name: str) -> tuple[float, float]:
    """CPU time of a single row in microseconds, and of a batch in milliseconds."""
    single, batch = (min(results["samples"][kind][name]["cpu"]) for kind in ("single", "batch"))
    return single * 1e6, batch * 1e3
