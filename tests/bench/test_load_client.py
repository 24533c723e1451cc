"""The load client against servers that answer oddly, and the picture of a long run."""

from __future__ import annotations

import asyncio
import dataclasses
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import orjson
import pytest
from matplotlib.image import imread

import scorer
from bench.load import __main__ as load
from bench.load import answers, client, picture
from bench.load.answers import Expected, check_model
from bench.load.client import Answer, Target, TargetError
from bench.load.drive import Record, Run
from bench.load.scenarios import Call
from bench.rows import Row

OK = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n%s\r\n"


@contextmanager
def answering(*parts: bytes) -> Iterator[Target]:
    """A server that sends these bytes, one part for each request on a connection, and then nothing more."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                for part in parts:
                    connection.recv(10_000)
                    connection.sendall(part)
                while connection.recv(10_000):
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        yield Target(f"http://127.0.0.1:{listener.getsockname()[1]}")
        thread.join()


async def ask(target: Target, times: int) -> list[Answer]:
    """The answers to several requests on one connection."""
    connection = await target.connect()
    try:
        return [await connection.ask(target.request("GET", "/")) for _ in range(times)]
    finally:
        await connection.close()


def test_answers_on_a_connection() -> None:
    one, two = OK % (1, b"X-Model-Sha256: abc\r\n") + b"1", OK % (2, b"") + b"22"
    with answering(one, two) as target:
        assert asyncio.run(ask(target, 2)) == [Answer(200, "abc", b"1"), Answer(200, "", b"22")]


def test_a_connection_that_the_server_gives_up_is_not_used_again() -> None:
    with answering(OK % (1, b"connection: close\r\n") + b"1") as target:
        first, second = asyncio.run(ask(target, 2))
    assert (first.status, first.body, second.status) == (200, b"1", 0)


def test_what_is_not_http_is_no_answer() -> None:
    with answering(b"220 mail.example.com ESMTP\r\n") as target:
        [answer] = asyncio.run(ask(target, 1))
    assert answer.status == 0


@pytest.mark.parametrize("body", [b"[]", b"{}", b"pong"])
def test_a_server_that_is_no_scorer(body: bytes, model: scorer.Scorer) -> None:
    with (
        answering(OK % (len(body), b"") + body) as target,
        pytest.raises(TargetError, match="GET /model is not answered as a scorer does"),
    ):
        asyncio.run(check_model(target, model))


def test_a_server_that_does_not_answer(model: scorer.Scorer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "CONNECT_SECONDS", 0.05)
    with answering() as target, pytest.raises(TargetError, match="GET /model is not answered within 0 seconds"):
        asyncio.run(check_model(target, model))


def test_a_server_that_cannot_be_reached_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its queue is full: the system then leaves a new connection without an answer."""
    monkeypatch.setattr(client, "CONNECT_SECONDS", 0.05)
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for waiting in (first, second):
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        with pytest.raises(TargetError, match="no connection within 0 seconds"):
            asyncio.run(Target(f"http://127.0.0.1:{listener.getsockname()[1]}").connect())


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({}, ""),
        ({"sha256": ""}, ""),
        ({"sha256": "0" * 64}, "answered by another model"),
        ({"status": 503, "body": b"busy"}, "status 503"),
        ({"status": 503, "body": b'{"type": "about:blank"}'}, "status 503"),
        ({"status": 422, "body": b'{"type": "urn:problem:too-many-rows"}'}, "status 422 too-many-rows"),
        ({"body": b"[]"}, "wrong answer"),
    ],
)
def test_an_answer_is_right_or_has_an_error(
    changed: dict[str, object], error: str, model: scorer.Scorer, some_rows: list[Row]
) -> None:
    good = Answer(200, model.file.sha256, orjson.dumps(model.score(some_rows[1:2]).to_rows()))
    record = Record(Call([1]), 0.0, answer=dataclasses.replace(good, **changed))  # type: ignore[arg-type]
    Expected(model, some_rows[:3]).check(record)
    assert record.error == error


@pytest.mark.parametrize("wrong", [0, 300])
def test_a_long_run_has_lines_of_its_percentiles(wrong: int, tmp_path: Path) -> None:
    few = [Record(Call([0]), place / 100, seconds=0.001 + place % 7 / 1e4) for place in range(100)]
    many = [Record(Call([0]), place / 100, seconds=0.001 + place % 7 / 1e4) for place in range(2_000)]
    for record in many[:wrong]:
        record.error = "wrong answer"
    pixels = []
    for records in (few, many):
        picture.draw(Run(records, 20.0), "a run", tmp_path / "run.png")
        image = imread(tmp_path / "run.png")[..., :3]
        dark = np.all(np.abs(image[:, : image.shape[1] // 2] - np.array([27, 58, 92]) / 255) < 0.02, axis=2)
        pixels.append(int(dark.sum()))
    assert pixels[0] == 0
    assert pixels[1] > 200


def test_ctrl_c_before_anything_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_options: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(load, "_run", interrupt)
    assert load.main([]) == 130


@pytest.mark.parametrize("option", [["--rows", "0"], ["--rate", "-1"], ["--connections", "x"]])
def test_options_out_of_range(option: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        load.main(option)
    assert f"argument {option[0]}: invalid positive " in capsys.readouterr().err
