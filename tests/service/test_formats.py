"""NDJSON and JSON columns over real sockets: the same scores as JSON rows, to the bit, and errors in the same form."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest

import scorer
from scorer.service.codec.media_types import NAMES
from tests.support.servers import Answer, Client, Server
from tests.support.standin import StandIn

pytestmark = pytest.mark.long

NDJSON = NAMES["ndjson"][0]
Rows = list[dict[str, Any]]


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    with server.client() as opened:
        yield opened


def post(client: Client, body: bytes, kind: str, query: str = "", **headers: str) -> Answer:
    return client.send("POST", f"/predict{query}", body, {"content-type": kind, **headers})


def lines(rows: Rows) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def columns(rows: Rows) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in rows[0]}


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_a_line_for_each_line(client: Client, stand_in: StandIn, encoding: str, model: scorer.Scorer) -> None:
    body = lines(stand_in.rows)
    body = gzip.compress(body, 1) if encoding == "gzip" else body
    for kind in NAMES["ndjson"]:
        answer = post(client, body, kind, **{"content-encoding": encoding})
        assert (answer.status, answer.headers["content-type"], answer.headers["vary"]) == (200, NDJSON, "accept")
        assert [json.loads(line) for line in answer.body.splitlines()] == model.score(stand_in.rows).to_rows()
        assert answer.headers["x-model-sha256"] == model.file.sha256


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\n\n  \n"])
def test_line_ends_blank_lines_and_a_byte_order_mark(client: Client, row: dict[str, Any], end: bytes) -> None:
    body = b"\xef\xbb\xbf" + end.join([json.dumps(row).encode()] * 3)
    assert post(client, body, NDJSON).body == post(client, lines([row] * 3), NDJSON).body
    assert post(client, b"", NDJSON).body == post(client, end, NDJSON).body == b""


def test_unknown_levels_are_counted(client: Client) -> None:
    rows = [{"x5": "Monday", "x81": "spring"}, {"x5": "monday"}]
    assert post(client, lines(rows), NDJSON).headers["x-unknown-levels"] == "2"
    table = {"x5": ["Monday", "monday"], "x81": ["spring", None]}
    assert client.predict(table).headers["x-unknown-levels"] == "2"


def test_bad_lines_are_named(client: Client, row: dict[str, Any]) -> None:
    bad = [row] * 1_500 + [{**row, "x12": "$x"}, {"order": 1}]
    document = post(client, lines(bad), NDJSON).json()
    assert [(each["row"], each["field"], each["code"]) for each in document["errors"]] == [
        (1_500, "x12", "not_a_number"),
        (1_501, None, "no_model_input"),
    ]
    for second in (b'{"x5": ', b'{"x5":"monday"} {"x5":"monday"}', b'{"x5":"monday"},{"x5":"monday"}', b"\xff"):
        answer = post(client, lines([row] * 1_500) + b"\n" + second + b"\n" + lines([row]), NDJSON)
        assert answer.status == 400
        assert answer.json()["detail"] == "the body is not NDJSON: line 1502 is not a JSON value"


def test_columns_are_answered_as_columns(client: Client, stand_in: StandIn, model: scorer.Scorer) -> None:
    texts: Rows = [*stand_in.rows]
    numbers: Rows = [
        {name: float(cell) if cell and name == "x44" else cell for name, cell in row.items()} for row in texts
    ]
    mixed = [*numbers[:50], *texts[50:]]
    for rows in (texts, numbers, mixed):
        answer = client.predict(columns(rows))
        assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
        assert answer.json() == columns(model.score(rows).to_rows())
        assert list(answer.json()) == sorted(answer.json())


def test_one_row_as_columns(client: Client, row: dict[str, Any], model: scorer.Scorer) -> None:
    (scored,) = model.score(row).to_rows()
    assert client.predict({name: [cell] for name, cell in row.items()}).json() == {k: [v] for k, v in scored.items()}
    unused = client.predict({"x0": [1, 2], "note": "of the clerk"}).json()
    assert unused["phat"] == [model.score({"x0": 1}).phat[0]] * 2
    assert client.predict({"x5": [], "x12": []}).json()["phat"] == []


@pytest.mark.parametrize(
    ("body", "kind", "detail"),
    [
        ({"x5": ["monday"], "x12": [1, 2]}, "bad-shape", "the columns differ in length: x5 has 1, x12 has 2"),
        (
            {"x5": "monday", "x12": [1, 2]},
            "bad-shape",
            "some of the model's inputs are single cells and some are columns",
        ),
        ({"x12": [1, "x", True, [1], {}]}, "bad-rows", "row 1, x12: the text is not a number (and 3 more)"),
        ({"x5": ["a", 5]}, "bad-rows", "row 1, x5: expected text, got a number"),
        ({"x12": [0] * 100_001}, "too-many-rows", "the request has more rows than the limit of 100,000"),
        ({"x5": ["a,"] * 100_001}, "too-many-rows", "the request has more rows than the limit of 100,000"),
    ],
)
def test_columns_that_cannot_be_scored(client: Client, body: dict[str, Any], kind: str, detail: str) -> None:
    document = client.predict(body).json()
    assert document["type"] == f"urn:coefficient-scorer:problem:{kind}"
    assert (document["status"], document["detail"]) == (422, detail)


def test_commas_in_texts_are_no_rows(client: Client) -> None:
    assert client.predict({"x5": [",,,," * 30_000, 'a","b']}).headers["x-unknown-levels"] == "2"


def test_parameters_of_each_format(client: Client, row: dict[str, Any], model: scorer.Scorer) -> None:
    rows = [row, {**row, "x12": "$x"}, row]
    array = client.send("POST", "/predict?on_error=report&explain=true", rows).json()
    by_line = post(client, lines(rows), NDJSON, "?on_error=report&explain=true")
    assert [json.loads(line) for line in by_line.body.splitlines()] == array
    table = client.send("POST", "/predict?on_error=report&explain=true", columns(rows)).json()
    assert table.pop("error") == [None, array[1]["error"], None]
    assert [dict(zip(table, cells, strict=True)) for cells in zip(*table.values(), strict=True)][::2] == array[::2]
    enveloped = client.send("POST", "/predict?envelope=true&variables=none", columns([row, row])).json()
    scores = model.score([row, row])
    assert enveloped["model"]["version"] == model.file.version
    assert enveloped["predictions"] == {"business_outcome": scores.outcome.tolist(), "phat": scores.phat.tolist()}
    refused = post(client, lines(rows), NDJSON, "?envelope=true").json()
    assert (refused["status"], refused["detail"]) == (400, "envelope: only an answer in JSON can have an envelope")


def test_accept_chooses_the_answer(client: Client, row: dict[str, Any], model: scorer.Scorer) -> None:
    rows = [row] * 3
    as_array = client.predict(rows).body
    as_lines = post(client, lines(rows), NDJSON).body
    crossed = post(client, lines(rows), NDJSON, accept="application/json")
    assert (crossed.body, crossed.headers["content-type"]) == (as_array, "application/json")
    crossed = post(client, json.dumps(rows).encode(), "application/json", accept="application/jsonl, */*;q=0.1")
    assert (crossed.body, crossed.headers["content-type"]) == (as_lines, "application/jsonl")
    crossed = post(client, json.dumps(columns(rows)).encode(), "application/json", accept=NDJSON)
    assert crossed.body == as_lines
    crossed = post(client, json.dumps(rows).encode(), "application/json", accept="text/csv")
    header, *fields = crossed.body.decode().splitlines()
    assert crossed.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert header.split(",") == list(json.loads(as_array)[0])
    assert [list(map(float, line.split(","))) for line in fields] == [
        list(each.values()) for each in model.score(rows).to_rows()
    ]


def test_nothing_that_is_accepted(client: Client, row: dict[str, Any]) -> None:
    answer = post(client, json.dumps(row).encode(), "application/json", accept="text/html")
    assert (answer.status, answer.headers["content-type"]) == (406, "application/problem+json")
    assert answer.headers["vary"] == "accept"
    answer = post(client, json.dumps(row).encode(), "text/html")
    assert answer.status == 415
    assert "text/csv" in answer.json()["detail"]
