"""How many of the connections that are opened at once land on one worker of a server."""

from __future__ import annotations

import json
import socket
from collections import Counter
from contextlib import ExitStack
from http.client import HTTPConnection

from bench.peers.catalog import HOST

TRIALS = 40
CONNECTIONS = (2, 8)
_LAST_REQUEST = b"GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"


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
