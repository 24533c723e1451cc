"""What a server keeps of what it was sent: nothing."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median

from tests.conftest import StandIn
from tests.servers import running


def resident_bytes(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))


def test_a_million_rows_leave_no_memory_behind(stand_in: StandIn) -> None:
    """Rows of the ten inputs that are used, so that the client is not what takes the time.

    The heap breathes by a few percent from one reading to the next, so medians are compared.
    """
    used = ("x5", "x12", "x31", "x44", "x53", "x56", "x58", "x62", "x81", "x91")
    rows = [{name: row[name] for name in used} for row in stand_in.rows]
    batch, single = json.dumps(rows).encode(), json.dumps(rows[0]).encode()
    with running() as server, server.client() as client:

        def readings(count: int) -> list[int]:
            taken = []
            for _ in range(count):
                assert all(client.predict(batch).status == 200 for _ in range(5))
                assert all(client.predict(single).status == 200 for _ in range(300))
                assert client.send("GET", "/metrics").status == 200
                taken.append(resident_bytes(server.process.pid))
            return taken

        readings(4)
        taken = readings(20)
    assert median(taken[-5:]) < median(taken[:5]) * 1.02
