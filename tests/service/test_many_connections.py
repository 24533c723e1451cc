"""Many connections at a time, slow ones, and clients that go away: nobody else notices."""

from __future__ import annotations

import json
import socket
import threading
from typing import Any

from scorer import Scorer
from tests.service.test_limits import ROW, URN
from tests.support.servers import running, wait_until


def test_500_slow_connections_take_nothing_from_others(row: dict[str, Any], model: Scorer) -> None:
    expected = model.score(row).to_rows()
    with running(environment={"SCORER_RECEIVE_SECONDS": "20"}) as server:
        slow = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(500)]
        try:
            for number, connection in enumerate(slow):
                head = b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{"
                connection.sendall(head[: len(head) if number % 2 else 20])
            with server.client() as client:
                assert all(client.predict(row).json() == expected for _ in range(200))
        finally:
            for connection in slow:
                connection.close()


def test_more_requests_at_a_time_than_are_taken_on() -> None:
    head = b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n"
    with running(environment={"SCORER_MAX_REQUESTS": "4"}) as server, server.client() as client:
        waiting = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(4)]
        for connection in waiting:
            connection.sendall(head)
        refused = wait_until(lambda: (answer := client.predict(ROW)).status == 503 and answer, "refusal")
        assert (refused.json()["type"], refused.headers["retry-after"]) == (f"{URN}overloaded", "1")
        assert client.send("GET", "/readyz").status == 200
        for connection in waiting:
            connection.close()
        wait_until(lambda: client.predict(ROW).status == 200, "room again")


def test_clients_that_go_away_are_forgotten(row: dict[str, Any]) -> None:
    body = json.dumps([row] * 2_000).encode()
    head = f"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n".encode()
    with running(environment={"SCORER_MAX_REQUESTS": "2"}) as server:

        def go_away(length: int) -> None:
            with socket.create_connection(("127.0.0.1", server.port)) as connection:
                connection.sendall((head + body)[:length])

        for length in (len(head), len(head) + 10, 2_000_000):
            for _ in range(5):
                thread = threading.Thread(target=go_away, args=(length,))
                thread.start()
                thread.join()
        with server.client() as client:
            wait_until(lambda: client.predict(row).status == 200, "room for a request")
        server.stop()
    assert "".join(server.output) == ""
