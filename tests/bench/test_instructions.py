"""The instructions of a single row: what is counted answers as the service does, and valgrind counts it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import orjson
import pytest
import uvloop

import scorer
from bench import in_memory, instructions
from bench.rows import Row
from tests.support.skips import needs


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    yield loop
    asyncio.set_event_loop(None)
    loop.close()


def test_the_connection_in_memory_gets_the_answers_of_the_service(
    loop: asyncio.AbstractEventLoop, model: scorer.Scorer, some_rows: list[Row]
) -> None:
    body = orjson.dumps(some_rows[0])
    connection = in_memory.servers(body, loop)["scorer"]
    for _ in range(2):
        connection.run(3)
        head, _, answer = b"".join(connection.answer).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\ndate: ")
        assert json.loads(answer) == model.score(some_rows[0]).to_rows()
    assert next(iter(b"".join(connection.answer).splitlines())) == b"HTTP/1.1 200 OK"


def test_every_part_can_be_repeated(loop: asyncio.AbstractEventLoop, some_rows: list[Row]) -> None:
    works = in_memory.parts(orjson.dumps(some_rows[0]), loop)
    assert works.keys() == instructions.PARTS.keys()
    for work in works.values():
        work(2)
        work(0)


@needs("valgrind")
@pytest.mark.usefixtures("unmeasured")
def test_valgrind_counts_the_instructions_of_a_part() -> None:
    figures = instructions.measure(1_000, ["encode"])
    assert 1_000 < figures["encode"] < 100_000
    assert instructions.table({"encode": 12_345.6}).splitlines()[-1] == "| encoding alone | 12,346 |"


def test_without_valgrind_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    assert instructions.main() == 2
    assert capsys.readouterr().err == f"bench.instructions: {instructions.NO_VALGRIND}\n"
