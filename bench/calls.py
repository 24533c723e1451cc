"""How long 10,000 single rows take, each with a call of its own, by how the caller makes the calls."""

from __future__ import annotations

import asyncio
import resource
import shutil
import subprocess
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from functools import partial
from http import HTTPStatus
from typing import Any

import orjson
import uvloop

from bench import contenders
from bench.load.client import Target, TargetError
from bench.markdown import head
from bench.peers.catalog import HOST, PREDICT
from bench.peers.check import MODEL
from bench.peers.running import Server, running
from bench.rows import Row
from bench.timing import cpu_nanoseconds, send
from bench.wrk import LoadError

AT_A_TIME = 8
WORDS = {
    "one connection": "one by one, on one connection",
    "new connections": "one by one, each on a new connection",
    "at a time": f"{AT_A_TIME} at a time, on {AT_A_TIME} connections",
    "curl": "one by one, each by a new `curl` process",
    "batch": "for comparison: all rows in one POST",
}
Result = dict[str, Any]
Figures = dict[str, float]


def measure(rows: Sequence[Row], rounds: int) -> Result:
    """Times all ways of sending the rows. They take turns in each round; curl is run once, since it takes minutes.

    Args:
        rows: each is sent once.
        rounds: number of turns of each way but curl.

    Returns:
        The number of calls, and by way a list with the seconds of each round: on the wall, and of CPU time of the
        server and of the client. Without curl where it is not installed.

    Raises:
        LoadError: a call was not answered with 200.
    """
    bodies = [orjson.dumps(row) for row in rows]
    with running(contenders.SCORER, MODEL, contenders.OWN) as server:
        target = Target(f"http://{HOST}:{server.port}")
        requests = [target.request("POST", PREDICT, body) for body in bodies]
        ways: dict[str, Callable[[], object]] = {
            "one connection": partial(_run, _on_connections, target, requests, 1),
            "new connections": partial(_run, _each_anew, target, requests),
            "at a time": partial(_run, _on_connections, target, requests, AT_A_TIME),
            "batch": partial(send, server.port, b"[" + b",".join(bodies) + b"]", 1),
        }
        for do in ways.values():
            do()
        samples: dict[str, list[Figures]] = {name: [] for name in ways}
        for _ in range(rounds):
            for name, do in ways.items():
                samples[name].append(_timed(server, do))
        if curl := shutil.which("curl"):
            samples["curl"] = [_timed(server, partial(_by_curl, curl, server.port, bodies))]
    return {"calls": len(rows), "rounds": rounds, "samples": samples}


def table(results: Result) -> str:
    """The results as Markdown: the least of each figure."""
    lines = head(f"{results['calls']:,} single rows", "s", "server, CPU s", "client, CPU s")
    for name, words in WORDS.items():
        if name in results["samples"]:
            rounds = results["samples"][name]
            least = (f"{min(figures[key] for figures in rounds):.2f}" for key in ("wall", "server", "client"))
            lines.append(f"| {words} | {' | '.join(least)} |")
        else:
            lines.append(f"| {words} | not measured: `{name}` was not installed | | |")
    return "\n".join(lines)


def _timed(server: Server, do: Callable[[], object]) -> Figures:
    processes = server.processes()
    before, own, began = cpu_nanoseconds(processes), _own_cpu_seconds(), time.perf_counter()
    do()
    wall = time.perf_counter() - began
    return {
        "wall": wall,
        "server": (cpu_nanoseconds(processes) - before) / 1e9,
        "client": _own_cpu_seconds() - own,
    }


def _own_cpu_seconds() -> float:
    """CPU time of this process, and of the processes that it has started and that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def _run(send: Callable[..., Coroutine[Any, Any, None]], *arguments: Any) -> None:
    try:
        uvloop.run(send(*arguments))
    except TargetError as error:
        raise LoadError(str(error)) from None


async def _on_connections(target: Target, requests: Sequence[bytes], count: int) -> None:
    waiting = iter(requests)
    await asyncio.gather(*(_send(target, waiting) for _ in range(count)))


async def _each_anew(target: Target, requests: Sequence[bytes]) -> None:
    for request in requests:
        await _send(target, [request])


async def _send(target: Target, requests: Iterable[bytes]) -> None:
    connection = await target.connect()
    try:
        for request in requests:
            answer = await connection.ask(request)
            if answer.status != HTTPStatus.OK:
                raise LoadError(f"a call was answered with status {answer.status}")
    finally:
        await connection.close()


def _by_curl(curl: str, port: int, bodies: Sequence[bytes]) -> None:
    options = ["--silent", "--fail", "--output", "/dev/null", "--header", "content-type: application/json"]
    command = [curl, *options, "--url", f"http://{HOST}:{port}{PREDICT}", "--data-binary", "@-"]
    for body in bodies:
        if code := subprocess.run(command, input=body, check=False).returncode:
            raise LoadError(f"curl ended with exit code {code}")
