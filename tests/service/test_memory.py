"""What a server keeps of what it was sent: nothing. And what it takes of memory meanwhile: little."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from statistics import median

import pytest

from tests.service.test_hostile import BODIES, MEGABYTE, post
from tests.support.servers import Server, running
from tests.support.standin import StandIn

pytestmark = pytest.mark.long


def memory(server: Server, field: str) -> int:
    """VmRSS, what is in memory, or VmHWM, the most that ever was, in bytes."""
    lines = Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
    (kilobytes,) = (line.split()[1] for line in lines if line.startswith(f"{field}:"))
    return int(kilobytes) * 1024


def test_a_million_rows_leave_no_memory_behind(stand_in: StandIn) -> None:
    """Rows of the ten inputs that are used, so that the client is not what takes the time.

    The heap breathes by a few percent from one reading to the next, so medians are compared.
    """
    used = ("x5", "x12", "x31", "x44", "x53", "x56", "x58", "x62", "x81", "x91")
    rows = [{name: row[name] for name in used} for row in stand_in.rows]
    batch, single = json.dumps(rows).encode(), json.dumps(rows[0]).encode()
    with running(measured=False) as server, server.client() as client:

        def readings(count: int) -> list[int]:
            taken = []
            for _ in range(count):
                assert all(client.predict(batch).status == 200 for _ in range(5))
                assert all(client.predict(single).status == 200 for _ in range(300))
                assert client.send("GET", "/metrics").status == 200
                taken.append(memory(server, "VmRSS"))
            return taken

        readings(4)
        taken = readings(20)
    assert median(taken[-5:]) < median(taken[:5]) * 1.02


def test_memory_does_not_grow_with_hostile_bodies() -> None:
    packed = [gzip.compress(body, 1) for body in BODIES.values()]
    sizes: list[int] = []
    with running(measured=False) as server, server.client() as client:
        for _ in range(24):
            for body in packed:
                client.send("POST", "/predict?on_error=report", body, {"content-encoding": "gzip"})
            sizes.append(memory(server, "VmRSS"))
        server.stop()
    assert sizes[-1] - sizes[3] < 2 * MEGABYTE, sizes  # the first rounds warm up
    assert "".join(server.output) == ""  # no fault was logged


def test_a_row_of_many_texts_takes_little_memory() -> None:
    row = b'{"x5":"monday","x0":[' + b'"",' * 5_000_000 + b"[]," * 600 + b"1]}"
    with running(measured=False) as server:
        before = memory(server, "VmHWM")
        assert post(server.port, gzip.compress(row), encoding="gzip").status == 200
        assert memory(server, "VmHWM") - before < 200 * MEGABYTE


@pytest.mark.parametrize(("start", "row"), [("[", "1,"), (" " * 2_000 + "[", "{},")], ids=["numbers", "empty-objects"])
def test_far_too_many_rows_take_little_memory(start: str, row: str) -> None:
    body = f"{start}{row * (4_000_000 // len(row))}{row[:-1]}]".encode()
    with running(measured=False) as server:
        before = memory(server, "VmHWM")
        assert post(server.port, gzip.compress(body), encoding="gzip").status == 422
        assert memory(server, "VmHWM") - before < 200 * MEGABYTE
