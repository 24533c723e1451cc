"""CPU and wall times of requests."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Callable

import orjson
import pytest

import scorer
from bench.peers.running import Server as BenchServer
from bench.rows import Row
from bench.timing import Times, cpu_nanoseconds, requests, send, take_turns
from bench.wrk import LoadError
from scorer.service import keys
from tests.support.servers import Server, running


def test_contenders_take_turns_and_the_first_round_does_not_count() -> None:
    turns = []

    def work(name: str) -> Callable[[], Times]:
        def do() -> Times:
            turns.append(name)
            return Times(cpu=float(len(turns)), wall=10.0 * len(turns))

        return do

    samples = take_turns({"a": work("a"), "b": work("b")}, 2)
    assert turns == ["a", "b"] * 3
    assert samples == {
        "a": {"cpu": [3.0, 5.0], "wall": [30.0, 50.0]},
        "b": {"cpu": [4.0, 6.0], "wall": [40.0, 60.0]},
    }


def test_the_answer_is_that_of_the_server(server: Server, some_rows: list[Row], model: scorer.Scorer) -> None:
    assert orjson.loads(send(server.port, orjson.dumps(some_rows), 2)) == model.score(some_rows).to_rows()


def test_a_request_takes_cpu_time(server: Server, some_rows: list[Row]) -> None:
    taken = requests(BenchServer(server.port, server.process.pid), orjson.dumps(some_rows), 10)
    assert 0 < taken.cpu < 1
    assert taken.wall > 0


def test_the_time_of_all_threads_is_counted() -> None:
    """Two threads that have each worked for a tenth of a second, and sleep since."""
    script = """
import threading, time
def work():
    while time.thread_time() < 0.1: pass
    ready.wait(); time.sleep(600)
ready = threading.Barrier(3)
for _ in range(2): threading.Thread(target=work, daemon=True).start()
ready.wait(); print(flush=True); time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout
            process.stdout.readline()
            assert cpu_nanoseconds([process.pid]) >= 0.2e9
        finally:
            process.kill()


def test_a_key_is_sent_and_a_refusal_is_told(some_rows: list[Row], tmp_path_factory: pytest.TempPathFactory) -> None:
    path, key = tmp_path_factory.mktemp("keys") / "keys", keys.new_key()
    path.write_text(keys.file_line("bench", key) + "\n")
    body = orjson.dumps(some_rows[0])
    with running(environment={"SCORER_API_KEYS_FILE": str(path)}) as server:
        assert send(server.port, body, 1, [f"authorization: Bearer {key}"])
        with pytest.raises(LoadError, match=r"a request was answered with HTTP/1\.1 401 Unauthorized"):
            send(server.port, body, 1)


def test_a_server_that_hangs_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=lambda: listener.accept()[0].close())
        thread.start()
        with pytest.raises((LoadError, ConnectionError)):
            send(listener.getsockname()[1], b"[]", 1)
        thread.join()
