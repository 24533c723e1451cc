"""Rows in each format that POST /predict reads, and what its answers say, whatever their format."""

from __future__ import annotations

import asyncio
import codecs
import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
from starlette.types import ASGIApp, Message

from scorer.service.codec.media_types import NAMES, Format
from tests.support.servers import Answer

Rows = Sequence[Mapping[str, Any]]
ARROW = NAMES["arrow"][0]
NDJSON = NAMES["ndjson"][0]


def columns(rows: Rows) -> dict[str, list[Any]]:
    """Rows with the same keys as columns."""
    return {name: [row[name] for row in rows] for name in rows[0]}


def ndjson(rows: Rows, end: str = "\n", mark: bool = False) -> bytes:
    """A line for each row."""
    text = "".join(json.dumps(row, ensure_ascii=False) + end for row in rows)
    return (codecs.BOM_UTF8 if mark else b"") + text.encode()


def csv_of(rows: Rows, end: str = "\n", mark: bool = False, header: bool = True) -> bytes:
    """A line of names, and a line for each row; None is an empty field."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=end)
    if header:
        writer.writerow(rows[0])
    writer.writerows([row[name] for name in rows[0]] for row in rows)
    return (codecs.BOM_UTF8 if mark else b"") + text.getvalue().encode()


def arrow(table: pa.Table, chunk: int | None = None) -> bytes:
    """An Arrow stream of a table, in batches of at most `chunk` rows."""
    file = io.BytesIO()
    with pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table, chunk)
    return file.getvalue()


def answered(answer: Answer) -> dict[str, list[Any]]:
    """An answer as columns."""
    assert answer.status == 200, answer.body
    kind = answer.headers["content-type"].partition(";")[0]
    if kind == ARROW:
        table: dict[str, list[Any]] = pa.ipc.open_stream(answer.body).read_all().to_pydict()
        return table
    if kind in NAMES["csv"]:
        names, *lines = csv.reader(io.StringIO(answer.body.decode(), newline=""))
        return {name: [float(line[index]) for line in lines] for index, name in enumerate(names)}
    found = [json.loads(line) for line in answer.body.splitlines()] if kind in NAMES["ndjson"] else answer.json()
    return found if isinstance(found, dict) else columns(found)


def post_to(app: ASGIApp, pieces: Sequence[bytes], kind: str, query: str = "", accept: str = "") -> Answer:
    """POST /predict to an app in this process; the body comes in pieces."""
    headers = [(b"content-type", kind.encode()), *([(b"accept", accept.encode())] if accept else [])]
    scope = {"type": "http", "method": "POST", "path": "/predict", "query_string": query.encode(), "headers": headers}
    messages: list[Message] = [
        {"type": "http.request", "body": piece, "more_body": index < len(pieces)}
        for index, piece in enumerate(pieces, 1)
    ]
    sent: list[Message] = []

    async def receive() -> Message:
        return messages.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))  # type: ignore[arg-type]
    start, *bodies = sent
    named = {name.decode(): value.decode() for name, value in start["headers"]}
    return Answer(start["status"], named, b"".join(body.get("body", b"") for body in bodies))


def media_type(each: Format) -> str:
    """The name of a format."""
    return NAMES[each][0]
