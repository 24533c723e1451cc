"""Whether a server answers as the library does, to the last bit."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import orjson

from bench.load.client import CONNECT_SECONDS, Target, TargetError
from bench.load.drive import Record
from bench.rows import Row
from scorer.scorer import Scorer

WRONG = "wrong answer"
_HINTS = {401: "give an API key in LOAD_KEY", 404: "is it a scorer?", 503: "it is not ready"}


async def check_model(target: Target, model: Scorer) -> None:
    """Asks a server which model it serves.

    Raises:
        TargetError: the server does not answer as a scorer, or serves another model than the library's.
    """
    connection = await target.connect()
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            answer = await connection.ask(target.request("GET", "/model"))
    except TimeoutError:
        raise TargetError(f"{target.url}: GET /model is not answered within {CONNECT_SECONDS:.0f} seconds") from None
    finally:
        await connection.close()
    if answer.status != 200:
        hint = _HINTS.get(answer.status, "expected 200")
        raise TargetError(f"{target.url}: GET /model answered {answer.status or 'nothing'}: {hint}")
    try:
        served = orjson.loads(answer.body)
        name, version, sha256 = served["name"], served["version"], served["sha256"]
    except (ValueError, KeyError, TypeError):
        raise TargetError(f"{target.url}: GET /model is not answered as a scorer does") from None
    file = model.file
    if sha256 != file.sha256:
        mine = f"{file.model} {file.version} (sha256 {file.sha256[:12]})"
        theirs = f"{name} {version} (sha256 {sha256[:12]})"
        raise TargetError(f"{target.url} serves {theirs}, and the library has {mine}; name the file with --model")


class Expected:
    """The library's answers to the stand-in rows."""

    def __init__(self, model: Scorer, rows: Sequence[Row]) -> None:
        self._sha256 = model.file.sha256
        self._rows = model.score(rows).to_rows()
        self._encoded = [orjson.dumps(row) for row in self._rows]

    def check(self, record: Record) -> str:
        """Notes in a record why its answer is wrong. Returns the first difference in words, or an empty text."""
        answer = record.answer
        if record.error or answer is None:
            return ""
        if answer.status != 200:
            record.error = f"status {answer.status}{_problem(answer.body)}"
        elif answer.sha256 not in ("", self._sha256):
            record.error = "answered by another model"
        elif found := self._difference(record.call.rows, answer.body):
            record.error = WRONG
            return found
        return ""

    def _difference(self, rows: Sequence[int], body: bytes) -> str:
        try:
            answered = orjson.loads(body)
        except ValueError:
            return "not JSON"
        # Compared as encoded again, so that 1, 1.0 and true differ, and the order of keys counts.
        if orjson.dumps(answered) == b"[" + b",".join([self._encoded[row] for row in rows]) + b"]":
            return ""
        if not isinstance(answered, list) or len(answered) != len(rows):
            return f"not an array of {len(rows)}"
        index = next(index for index, row in enumerate(rows) if orjson.dumps(answered[index]) != self._encoded[row])
        return f"row {rows[index]}: {_first(answered[index], self._rows[rows[index]])}"


def _first(answered: Any, expected: dict[str, Any]) -> str:
    if not isinstance(answered, dict) or list(answered) != list(expected):
        return "other keys, or in another order"
    key = next(key for key in expected if repr(answered[key]) != repr(expected[key]))
    return f"{key} is {answered[key]!r} and should be {expected[key]!r}"


def _problem(body: bytes) -> str:
    """The last part of a problem document's type."""
    try:
        name = str(orjson.loads(body)["type"]).rpartition(":")[2]
    except (ValueError, KeyError, TypeError):
        return ""
    return "" if name == "blank" else f" {name}"
