"""Runs the app on uvicorn: binds the ports, starts the workers, announces the model, handles signals."""

from __future__ import annotations

import ctypes
import gc
import logging.config
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn
import uvicorn.config
from msgspec.structs import replace

from scorer.errors import ScorerError
from scorer.service.app import Service, create_app
from scorer.service.holder import Holder
from scorer.service.http_protocol import HTTPProtocol
from scorer.service.http_watchdog import SlowConnectionWatchdog
from scorer.service.listening import BACKLOG, listen
from scorer.service.models import Models
from scorer.service.settings import PREFIX, Settings
from scorer.service.telemetry import logs
from scorer.store.sources import PollResult


def serve(environment: Mapping[str, str]) -> None:
    """Serves until SIGTERM or Ctrl-C, then lets running requests finish. SIGHUP polls the store at once.

    Args:
        environment: where the SCORER_* settings are read from; workers inherit it.

    Raises:
        SettingError: a setting that cannot be used, such as a port that is taken.
        CoefficientFileError: the model is a single file, and cannot be loaded.
    """
    settings = Settings.from_environment(environment)
    models = Models(settings)
    alone = replace(settings, metrics_dir="")  # one worker shares its counts with nobody
    app = create_app(models.holder, alone, models)
    first = models.first_poll()
    listeners = [listen(settings, "port")] + ([listen(settings, "admin_port")] if settings.admin_port else [])
    workers = settings.worker_count()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    _announce(first, models.source.name, listeners[0], workers, settings)
    if workers == 1:
        config = _config(app, settings)
        _start(models, first)
        DrainingServer(config, models.holder, settings).run(listeners)
    else:
        _serve_with_workers(settings, environment, listeners, workers)


def _serve_with_workers(
    settings: Settings, environment: Mapping[str, str], listeners: list[socket.socket], workers: int
) -> None:
    import tempfile  # these take milliseconds that one worker can do without

    from scorer.service.distributor import Distributor
    from scorer.service.supervisor import Supervisor

    os.environ.update(environment)
    if settings.metrics_dir:
        Path(settings.metrics_dir).mkdir(parents=True, exist_ok=True)
    # The directory of counts is this server's own, so no other server's counts are added. With a cache, a restarted
    # worker serves the same model as the others, even if the file has gone since.
    with (
        tempfile.TemporaryDirectory(prefix="scorer-", dir=settings.metrics_dir or None) as counts,
        tempfile.TemporaryDirectory(prefix="scorer-") as cache,
    ):
        os.environ |= {f"{PREFIX}METRICS_DIR": counts, f"{PREFIX}CACHE_DIR": settings.cache_dir or cache}
        config = _config("scorer.service.server:worker", settings, workers)
        distributor = Distributor(listeners)
        try:
            Supervisor(config, distributor).run()
        finally:
            distributor.stop()


def worker() -> Service:
    """The app of one worker process, made from the environment."""
    try:
        settings = Settings.from_environment(os.environ)
        models = Models(settings)
        app = create_app(models.holder, settings, models)
    except ScorerError as error:
        print(f"scorer: {error}", file=sys.stderr)
        sys.exit(uvicorn.config.STARTUP_FAILURE)
    _start(models)
    handler = signal.getsignal(signal.SIGTERM)  # uvicorn's, which is set before the app is made
    if callable(handler):
        signal.signal(signal.SIGTERM, _drain_first(models.holder, settings, handler))
    return app


class DrainingServer(uvicorn.Server):
    """Goes on answering for SCORER_DRAIN_SECONDS after SIGTERM, with /readyz at 503."""

    def __init__(self, config: uvicorn.Config, holder: Holder, settings: Settings) -> None:
        super().__init__(config)
        self._drain_first = _drain_first(holder, settings, super().handle_exit)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """As uvicorn.Server: handles SIGTERM and Ctrl-C."""
        self._drain_first(sig, frame)


def _drain_first(
    holder: Holder, settings: Settings, exit_: Callable[[int, FrameType | None], Any]
) -> Callable[[int, FrameType | None], None]:
    """A signal handler that drains before it exits as uvicorn does."""

    def handle(number: int, frame: FrameType | None) -> None:
        again, holder.draining = holder.draining, True
        if again or number != signal.SIGTERM or not settings.drain_seconds:
            exit_(number, frame)
            return
        timer = threading.Timer(settings.drain_seconds, exit_, (number, None))
        timer.daemon = True
        timer.start()

    return handle


def _start(models: Models, first: PollResult | None = None) -> None:
    """Loads the model, and prepares this process for requests."""
    signal.signal(signal.SIGHUP, lambda _number, _frame: models.wake())
    models.start(first)
    gc.freeze()  # these objects stay, so the collector need not visit them again every few requests
    _keep_heap()


def _keep_heap() -> None:
    """Tells glibc's malloc to keep what is freed for the next request, up to 128 MB, instead of giving it back.

    By default it maps every buffer of over 128 KiB anew, chunks of bodies among them, and a batch pays for thousands of
    page faults (mallopt(3): M_MMAP_THRESHOLD, M_TRIM_THRESHOLD). Other C libraries are left as they are.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, 64 * 1024 * 1024)
        mallopt(_M_TRIM_THRESHOLD, 128 * 1024 * 1024)


_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""As glibc's malloc.h numbers them."""


def _config(app: Any, settings: Settings, workers: int = 1) -> uvicorn.Config:
    kind, loop = HTTPProtocol, "uvloop"
    if workers > 1:
        from scorer.service.receiver import ReceivedConnection

        kind, loop = ReceivedConnection, "scorer.service.receiver:Loop"
    connection = partial(  # uvicorn pickles it for its workers, so that each has a watchdog of its own
        kind,
        max_header_bytes=settings.max_header_bytes,
        watchdog=SlowConnectionWatchdog(settings.receive_seconds),
    )
    return uvicorn.Config(
        app,
        factory=isinstance(app, str),
        workers=workers,
        loop=loop,
        http=connection,  # type: ignore[arg-type]
        ws="none",
        interface="asgi3",
        proxy_headers=False,  # nothing here asks who the client is
        lifespan="off",
        log_config=logs.configuration(settings),
        access_log=False,  # scorer.service.telemetry.request_log has its own
        server_header=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=settings.shutdown_seconds,
    )


def _announce(first: PollResult | None, source: str, listener: socket.socket, workers: int, settings: Settings) -> None:
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    processes = "1 worker" if workers == 1 else f"{workers} workers"
    if first and first.loaded:
        pointer = first.loaded.pointer
        what = f"serving {pointer} (sha256 {pointer.sha256[:12]})"
    else:
        what = f"waiting for the model of {source}, listening"
    line = f"{what} at http://{shown}:{port} with {processes}"
    if settings.log_format == "text":
        print(f"{line}; Ctrl-C stops", flush=True)
    else:
        logging.config.dictConfig(logs.configuration(settings))
        logging.getLogger("scorer.service").info(line, extra={"port": port, "workers": workers, "source": source})


def _stop(_number: int, _frame: object) -> None:
    # uvicorn raises the signal anew once its server has shut down: this turns it into a clean exit.
    sys.exit(0)
