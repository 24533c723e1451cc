"""Sends calls and measures their times: one after another on each connection, or at a fixed rate."""

from __future__ import annotations

import asyncio
import gc
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import repeat
from time import perf_counter

from bench.load.client import LOST, Answer, Connection, Target, TargetError
from bench.load.scenarios import Bodies, Call

SPIN_SECONDS = 0.002
"""Before a call is due the event loop is polled without sleep: its timers count whole milliseconds."""

UNANSWERED = "not answered in time"


@dataclass(slots=True)
class Record:
    """One call.

    Attributes:
        call: the call that was sent.
        begin: time of sending in seconds since the run's start; at a given rate the time when it was due.
        late: seconds from when it was due until it was sent; 0 without a given rate.
        seconds: from begin until its answer arrived.
        answer: its answer; None if there was none.
        error: a few words; empty if there is no error.
    """

    call: Call
    begin: float
    late: float = 0.0
    seconds: float = 0.0
    answer: Answer | None = None
    error: str = ""


@dataclass(slots=True)
class Run:
    """The results of a scenario.

    Attributes:
        records: the calls that were sent, in order of their start.
        seconds: from the start to the last answer.
        interrupted: whether Ctrl-C ended it.
        out_of_time: whether the time limit ended it.
    """

    records: list[Record] = field(default_factory=list)
    seconds: float = 0.0
    interrupted: bool = False
    out_of_time: bool = False


class Driver:
    """Sends a list of calls over a number of connections."""

    def __init__(self, target: Target, bodies: Bodies, calls: list[Call], arrivals: Iterator[float] | None) -> None:
        """Prepares a run.

        Args:
            target: the server.
            bodies: the calls' bodies.
            calls: the calls, in order.
            arrivals: when each call is due, in seconds after the start; None if as soon as a connection is free.
        """
        self._target = target
        self._bodies = bodies
        self._calls = zip(calls, arrivals or repeat(0.0), strict=False)
        self._paced = arrivals is not None
        self._turn = asyncio.Lock()
        self._start = 0.0
        self._opened: list[Connection] = []
        self.run = Run()

    async def drive(self, connections: int, limit: float) -> Run:
        """Sends the calls.

        Args:
            connections: number of connections, opened before the clock starts.
            limit: seconds after which the run ends in any case.

        Raises:
            TargetError: no connection can be opened.
        """
        opened = [await self._connect() for _ in range(connections)]
        gc.collect()
        gc.disable()
        self._start = perf_counter()
        try:
            async with asyncio.timeout(limit):
                await asyncio.gather(*map(self._send, opened))
        except TimeoutError:
            self.run.out_of_time = True
        except asyncio.CancelledError:  # Ctrl-C, as asyncio passes it on
            self.run.interrupted = True
        finally:
            gc.enable()
        self.run.seconds = perf_counter() - self._start
        await asyncio.gather(*(connection.close() for connection in self._opened))
        for record in self.run.records:
            if record.answer is None and not record.error:
                record.error, record.seconds = UNANSWERED, self.run.seconds - record.begin
        return self.run

    async def _send(self, connection: Connection) -> None:
        while True:
            async with self._turn:  # one connection waits until the next call is due; the others wait for the lock
                call, due = next(self._calls, (None, 0.0))
                if call is None:
                    return
                request = self._target.request("POST", "/predict", self._bodies.of(call))
                if self._paced:
                    await self._wait(due)
            now = perf_counter() - self._start
            record = Record(call, due, now - due) if self._paced else Record(call, now)
            self.run.records.append(record)
            try:
                if not connection.open:
                    connection = await self._connect()
                record.answer = await connection.ask(request)
                if not record.answer.status:
                    record.error = LOST
            except TargetError as error:
                record.error = str(error)
            record.seconds = perf_counter() - self._start - record.begin

    async def _connect(self) -> Connection:
        connection = await self._target.connect()
        self._opened.append(connection)
        return connection

    async def _wait(self, due: float) -> None:
        left = due - (perf_counter() - self._start)
        if left > SPIN_SECONDS:
            await asyncio.sleep(left - SPIN_SECONDS)
        while perf_counter() - self._start < due:
            await asyncio.sleep(0)


def poisson(rate: float, seed: int) -> Iterator[float]:
    """Arrivals of independent callers, in seconds after the start: on average ``rate`` per second."""
    drawn, due = random.Random(seed), 0.0
    while True:
        due += drawn.expovariate(rate)
        yield due
