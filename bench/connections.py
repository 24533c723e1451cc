"""How many of the connections that are opened at once land on one worker of a server."""

from __future__ import annotations

import json
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPConnection
from typing import Any

from bench import contenders
from bench.bound import Bound
from bench.markdown import head
from bench.peers.catalog import HOST
from bench.peers.check import MODEL
from bench.peers.running import running

TRIALS = 40
CONNECTIONS = (2, 8)
_LAST_REQUEST = b"GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
Result = dict[str, Any]


def measure() -> Result:
    """Opens connections to a server of two workers, again and again.

    Returns:
        By number of connections, how many one worker got at most, in each trial.
    """
    with running(contenders.TWO_WORKERS, MODEL, contenders.OWN) as server:
        _wait_for_both(server.port)
        most = {str(count): [most_on_one_worker(server.port, count) for _ in range(TRIALS)] for count in CONNECTIONS}
    return {"most": most}


def _wait_for_both(port: int) -> None:
    """The server is ready when one of its workers is. Two connections are one worker's until the other is, too."""
    while most_on_one_worker(port, 2) > 1:
        pass


def bounds(results: Result) -> Iterator[Bound]:
    """The most connections of one of two workers, in any trial: half of them."""
    for count, most in results["most"].items():
        words = f"{count} connections at once on 2 workers, {len(most)} trials: most on one worker"
        yield Bound(words, max(most), int(count) / 2, int(count) / 2, most=True)


def table(results: Result) -> str:
    """The results as Markdown."""
    lines = head("connections opened at once on 2 workers", "trials", "by most on one worker")
    for count, most in results["most"].items():
        trials = ", ".join(f"{number}: {times}" for number, times in sorted(Counter(most).items()))
        lines.append(f"| {count} | {len(most)} | {trials} |")
    return "\n".join(lines)


def most_on_one_worker(port: int, connections: int) -> int:
    """Opens connections at once, asks each for the process that answers, and closes them.

    Args:
        port: the server's port, at HOST.
        connections: how many are opened before anything is sent.

    Returns:
        The number of connections that one process has answered, at most.
    """
    with ExitStack() as stack:
        opened = [stack.enter_context(socket.socket()) for _ in range(connections)]
        for connection in opened:
            connection.setblocking(False)
            connection.connect_ex((HOST, port))
        clients = []
        for connection in opened:
            connection.setblocking(True)
            client = HTTPConnection(HOST, port)
            client.sock = connection
            client.request("GET", "/model")
            clients.append(client)
        pids = Counter(json.load(client.getresponse())["serving"]["pid"] for client in clients)
        for connection in opened:
            connection.sendall(_LAST_REQUEST)
        for connection in opened:  # the server closes it, so none is left when the next ones are opened
            while connection.recv(1_024):
                pass
    return max(pids.values())
