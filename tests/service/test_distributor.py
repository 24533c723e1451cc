"""A server with several workers: a new connection goes to one with the fewest, and is not lost on its way."""

from __future__ import annotations

import os
import resource
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path

import pytest

from bench.connections import most_on_one_worker
from tests.service.test_server import workers_of
from tests.support.raw_http import connect, get
from tests.support.servers import Server, accepts, running, wait_until

pytestmark = pytest.mark.long

TRIALS = 40
OK = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture
def server() -> Iterator[Server]:
    """One with two workers, both ready."""
    with running("--workers", "2") as server:
        server.wait_for_reports(2, bool, "both workers")
        yield server


@contextmanager
def no_more_files(pid: int) -> Iterator[None]:
    """Lets a process open no more files than it has until the block ends."""
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    opened = {int(each.name) for each in Path(f"/proc/{pid}/fd").iterdir()}
    lowest = next(number for number in count() if number not in opened)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (lowest, before[1]))
    yield
    resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize("connections", [2, 8])
def test_connections_that_come_at_once_are_shared_evenly(server: Server, connections: int) -> None:
    most = [most_on_one_worker(server.port, connections) for _ in range(TRIALS)]
    assert most == [connections // 2] * TRIALS


def test_what_a_worker_has_not_taken_when_it_is_killed_goes_to_the_other(server: Server) -> None:
    stopped, _ = workers_of(server)
    os.kill(stopped, signal.SIGSTOP)
    with ExitStack() as stack:
        opened = [stack.enter_context(connect(server)) for _ in range(8)]
        for connection in opened:
            connection.sendall(get())
        os.kill(stopped, signal.SIGKILL)
        for connection in opened:
            assert connection.recv(len(OK)) == OK


def test_workers_end_when_their_supervisor_is_killed(server: Server) -> None:
    workers = workers_of(server)
    server.process.kill()
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers), "the workers' end")
    assert not accepts(server.port)


def test_workers_may_be_added_and_taken_away(server: Server) -> None:
    server.process.send_signal(signal.SIGTTIN)
    server.wait_for_reports(3, bool, "three workers")
    server.process.send_signal(signal.SIGTTOU)
    wait_until(lambda: len(workers_of(server)) == 2, "two workers")
    assert len(server.reports(2)) == 2


def test_connections_wait_where_workers_may_open_no_more_files() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    with ExitStack() as stack:
        resource.setrlimit(resource.RLIMIT_NOFILE, (102, before[1]))
        try:
            server = stack.enter_context(running("--workers", "2"))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
        opened = [stack.enter_context(connect(server)) for _ in range(6)]
        for connection in opened:
            connection.sendall(get())
        for connection in opened[:4]:  # two a worker
            assert connection.recv(len(OK)) == OK
        for connection in opened[:4]:
            connection.close()
        for connection in opened[4:]:
            assert connection.recv(len(OK)) == OK


def test_connections_wait_while_none_can_be_accepted(server: Server) -> None:
    with no_more_files(server.process.pid):
        connection = connect(server)
        connection.sendall(get())
        server.wait_for_line("Connections wait to be accepted, which is tried again: too many open files")
    with connection:
        assert connection.recv(len(OK)) == OK


def test_a_worker_that_can_open_no_more_files_says_so_and_goes_on(server: Server) -> None:
    with ExitStack() as stack:
        with no_more_files(workers_of(server)[0]):

            def says_so() -> bool:
                stack.enter_context(connect(server))  # other files that it closes leave room for some
                return any("A connection was lost: too many open files" in line for line in server.output)

            wait_until(says_so, "a connection too many")
        for _ in range(2):
            assert answer_of(stack.enter_context(connect(server))) == OK


def answer_of(connection: socket.socket) -> bytes:
    """What a connection is answered first."""
    connection.sendall(get())
    return connection.recv(len(OK))
