"""Keeps a model up to date: polls its source in a thread, and hands over each new model that has passed every check.

A failure reaches no request. The served model stays, the failure is logged once and counted, and the next poll comes
sooner at first and then less and less often.
"""

from __future__ import annotations

import logging
import random
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import NamedTuple

from scorer.errors import CoefficientFileError, MissingFileError, ReusedVersionError, StoreError
from scorer.store.cache import LastGood
from scorer.store.sources import Loaded, PollResult, Source

HISTORY = 100
"""How many of the versions served last are kept."""

_log = logging.getLogger("scorer.store")


class VersionRecord(NamedTuple):
    """A version that was or is served.

    Attributes:
        model: name of the model.
        version: its version.
        sha256: of its coefficient file, in hex.
        since: when it was first served, UTC.
        until: when it was replaced, UTC; None for the one that is served.
        source: name of the source it came from.
    """

    model: str
    version: str
    sha256: str
    since: str
    until: str | None
    source: str


class Failure(NamedTuple):
    """A failure to poll a source.

    Attributes:
        at: when it occurred first, UTC.
        times: how many polls have failed in a row.
        reason: the error in words.
    """

    at: str
    times: int
    reason: str


class Status(NamedTuple):
    """The state of a Refresher. Immutable: each poll replaces it as a whole.

    Attributes:
        source: name of the model's source.
        polled: when the source was polled last, UTC; None if not yet.
        failing: the failure of the last poll; None if it succeeded.
        last_failure: the last failure of any poll.
        failures: how many polls have failed.
        swaps: how many times a model has replaced another.
        history: the versions served last, the current one at the end.
    """

    source: str
    polled: str | None = None
    failing: Failure | None = None
    last_failure: Failure | None = None
    failures: int = 0
    swaps: int = 0
    history: tuple[VersionRecord, ...] = ()

    @property
    def current(self) -> VersionRecord | None:
        """The version that is served."""
        return self.history[-1] if self.history else None

    @property
    def previous(self) -> VersionRecord | None:
        """The version that was served before."""
        return self.history[-2] if len(self.history) > 1 else None


class Refresher:
    """Polls a source every few seconds.

    Attributes:
        status: its state.
    """

    def __init__(
        self, source: Source, use: Callable[[Loaded], None], seconds: float, cache: LastGood | None = None
    ) -> None:
        """Makes a refresher. It does nothing until it is started.

        Args:
            source: gives the model.
            use: is called with each new model; an error of its is a failure of the poll.
            seconds: time between two polls.
            cache: keeps the last good model; None for no cache.
        """
        self._source = source
        self._use = use
        self._seconds = seconds
        self._cache = cache
        self._etag: str | None = None
        self._hashes: dict[tuple[str, str], str] = {}
        self._wake = threading.Event()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="refresher", daemon=True)
        self.status = Status(source.name)

    def start(self, first: PollResult | None = None) -> None:
        """Starts polling. The first poll of a local source is done when this returns.

        Args:
            first: the result of a poll made before; it is taken in place of the first poll.
        """
        if self._source.local or first:
            self.poll(first)
        else:
            self._wake.set()
        self._thread.start()

    def wake(self) -> None:
        """Polls at once. May be called from a signal handler."""
        self._wake.set()

    def stop(self) -> None:
        """Ends the thread after its current poll."""
        self._stopped = True
        self._wake.set()

    def poll(self, first: PollResult | None = None) -> None:
        """Polls the source once. Never raises."""
        current = self.status.current
        try:
            with _short_turns():
                result = first or self._source.poll(self._etag, current.sha256 if current else None)
                if result.loaded:
                    self._take(result.loaded, self._source.name)
        except CoefficientFileError as error:
            self._fail(str(error))
        except Exception:
            _log.exception("polling %s failed", self._source.name)
            self._fail("a fault of this program; see the log")
        else:
            self._succeed(result.etag)
            if result.loaded:
                self._keep(result.loaded)

    def _run(self) -> None:
        while not self._stopped:
            failing = self.status.failing
            self._wake.wait(pause(self._seconds, failing.times if failing else 0))
            self._wake.clear()
            if not self._stopped:
                self.poll()

    def _take(self, loaded: Loaded, source: str) -> None:
        new, old = loaded.pointer, self.status.current
        known = self._hashes.setdefault((new.model, new.version), new.sha256)
        if known != new.sha256:
            reason = f"{new} was served with SHA-256 {known} before, and has {new.sha256} now: a version is immutable"
            raise ReusedVersionError(source, "$", reason)
        self._use(loaded)
        now = _now()
        history = self.status.history
        if old:
            history = (*history[:-1], old._replace(until=now))
        served = VersionRecord(new.model, new.version, new.sha256, now, None, source)
        swaps = self.status.swaps + (old is not None)
        self.status = self.status._replace(history=(*history, served)[-HISTORY:], swaps=swaps)
        if old:
            _log.info("serving %s (sha256 %s), before %s %s", new, new.sha256[:12], old.model, old.version)
        elif not self._source.local or self.status.failures:
            _log.info("serving %s (sha256 %s)", new, new.sha256[:12])

    def _succeed(self, etag: str | None) -> None:
        self._etag = etag
        if self.status.failing:
            _log.info("%s is fine again", self._source.name)
        self.status = self.status._replace(polled=_now(), failing=None)

    def _fail(self, reason: str) -> None:
        failing = self.status.failing
        now = _now()
        again = failing is not None and failing.reason == reason
        failure = Failure(failing.at if again and failing else now, failing.times + 1 if failing else 1, reason)
        self.status = self.status._replace(
            polled=now, failing=failure, last_failure=failure, failures=self.status.failures + 1
        )
        if not self.status.current:
            self._take_cached()
        if not again:
            self._log_failure(reason)

    def _take_cached(self) -> None:
        if not self._cache:
            return
        try:
            self._take(self._cache.load(), self._cache.name)
        except MissingFileError:
            return
        except CoefficientFileError as error:
            _log.warning("the cache cannot be used: %s", error)

    def _log_failure(self, reason: str) -> None:
        current = self.status.current
        if not current:
            _log.warning("no model yet, trying again: %s", reason)
            return
        cached = " from the cache" if self._cache and current.source == self._cache.name else ""
        _log.warning("serving %s %s%s, trying again: %s", current.model, current.version, cached, reason)

    def _keep(self, loaded: Loaded) -> None:
        if not self._cache:
            return
        try:
            self._cache.save(loaded)
        except StoreError as error:
            _log.warning("the model is not cached: %s", error)


def pause(seconds: float, failures: int) -> float:
    """The time until the next poll, in seconds.

    Args:
        seconds: time between two polls that succeed.
        failures: how many polls have failed in a row.

    Returns:
        `seconds`, give or take a tenth, so that many servers do not poll at the same moment. After a failure an eighth
        of that, doubled with each further failure, up to one and a half times `seconds`. So a store that is back is
        noticed within two periods.
    """
    wait = seconds if failures == 0 else min(seconds * 1.5, seconds / 8 * 2 ** min(failures - 1, 10))
    return wait * random.uniform(0.9, 1.1)


@contextmanager
def _short_turns() -> Iterator[None]:
    """Makes the thread that validates a file give way to requests after 0.05 ms, where Python's default is 5 ms."""
    default = sys.getswitchinterval()
    sys.setswitchinterval(0.00005)
    try:
        yield
    finally:
        sys.setswitchinterval(default)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
