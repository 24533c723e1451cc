"""CSV at POST /predict: with names and without, its errors, its limits."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest

import scorer
from scorer.service.app import create_app
from scorer.service.holder import Holder
from scorer.service.settings import Settings
from tests.support.bodies import Rows, answered, columns, csv_of, post_to
from tests.support.servers import Answer, Client, Server
from tests.support.standin import StandIn

pytestmark = pytest.mark.long

CSV = "text/csv"
MODEL = scorer.load()
APP = create_app(Holder(MODEL))


def post(body: bytes, kind: str = CSV, query: str = "", accept: str = "") -> Answer:
    return post_to(APP, [body], kind, query, accept)


def detail(answer: Answer, status: int, name: str) -> str:
    document = answer.json()
    assert answer.status == status, document
    assert document["type"] == f"urn:coefficient-scorer:problem:{name}"
    return str(document["detail"])


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    with server.client() as opened:
        yield opened


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_a_file_of_10_000_rows(client: Client, stand_in: StandIn, model: scorer.Scorer, encoding: str) -> None:
    body = stand_in.test.read_bytes()
    body = gzip.compress(body, 1) if encoding == "gzip" else body
    answer = client.send("POST", "/predict", body, {"content-type": CSV, "content-encoding": encoding})
    assert answered(answer) == columns(model.score(stand_in.rows).to_rows())
    assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert answer.headers["vary"] == "accept"
    as_json = client.send(
        "POST", "/predict", body, {"content-type": CSV, "content-encoding": encoding, "accept": "*/json"}
    )
    assert as_json.status == 406


def test_without_names_in_the_order_of_the_file(stand_in: StandIn) -> None:
    rows: Rows = stand_in.rows[:3]
    named = post(csv_of(rows))
    unnamed = csv_of(rows, header=False)
    assert set(rows[0]) == {declared.name for declared in MODEL.file.inputs}
    in_order = csv_of([{i.name: row[i.name] for i in MODEL.file.inputs} for row in rows], header=False)
    assert unnamed == in_order
    for kind in (CSV, f"{CSV}; header=absent"):
        assert post(in_order, kind).body == named.body
    assert post(csv_of(rows), f"{CSV}; header=present").body == named.body


@pytest.mark.parametrize(
    ("body", "kind", "expected"),
    [
        (b"a,b\n1,2\n", CSV, "no name of the model's inputs, and 2 fields where the model has 100 inputs"),
        (b"a,b\n1,2\n", f"{CSV}; header=present", "none of the columns is an input of the model"),
    ],
)
def test_columns_that_are_not_the_models(body: bytes, kind: str, expected: str) -> None:
    assert expected in detail(post(body, kind), 422, "bad-shape")


@pytest.mark.parametrize(
    ("body", "kind", "expected"),
    [
        (b"", CSV, "the body is not CSV: empty, without even a header line"),
        (b"\n\n", CSV, "the body is not CSV: empty, without even a header line"),
        (b"x5,x12\nmonday,1\nmonday\n", CSV, "the body is not CSV: line 3: 1 fields, where the header has 2"),
        (b"x5,x12\nmonday,1,2\n", CSV, "the body is not CSV: line 2: 3 fields, where the header has 2"),
        (b"x5,x5\nmonday,1\n", CSV, "the body is not CSV: columns are given twice: x5"),
        (b'x5,x12\n"monday,1\n', CSV, "the body is not CSV: line 2: unexpected end of data"),
        (b"x5,x12\nm\xff,1\n", CSV, "the body is not CSV: line 2: not UTF-8"),
        (b"1,2\n", f"{CSV}; header=absent", "the body is not CSV: line 1: 2 fields, where the header has 100"),
    ],
)
def test_what_is_not_csv(body: bytes, kind: str, expected: str) -> None:
    assert detail(post(body, kind), 400, "malformed-body") == expected


def test_no_rows() -> None:
    names = list(MODEL.score({"x5": "monday"}).to_rows()[0])
    for body in (b"x5", b"x5\n", b"\xef\xbb\xbfx5\r\n"):
        answer = post(body)
        assert (answer.status, answer.body.decode()) == (200, ",".join(names) + "\n")
    assert post(b"", f"{CSV}; header=absent").status == 200
    assert post(b"x5\n", accept="application/json").body == b"[]"


def test_names_beside_those_of_the_model_and_unused_inputs() -> None:
    assert answered(post(b'order,"x5"\n7,monday\n')) == columns(MODEL.score([{"x5": "monday"}]).to_rows())
    assert answered(post(b"x0\n7\n8\n")) == columns(MODEL.score([{"x0": 7}] * 2).to_rows())


def test_bad_cells_are_told_by_row(stand_in: StandIn) -> None:
    bad = [dict(row) for row in stand_in.rows[:9_000]]
    bad[8_500]["x12"] = "$x"
    document = post(csv_of(bad)).json()
    assert (document["status"], document["total"]) == (422, 1)
    assert document["errors"] == [
        {"row": 8_500, "field": "x12", "code": "not_a_number", "message": "the text is not a number"}
    ]
    reported = post(csv_of(bad), query="on_error=report&variables=none").body.decode().splitlines()
    assert reported[0] == "business_outcome,phat,error"
    assert reported[8_501] == ",,x12: the text is not a number"
    scores = MODEL.score(bad[:8_500])
    assert [float(line.split(",")[1]) for line in reported[1:8_501]] == scores.phat.tolist()
    assert all(line.endswith(",") for line in (*reported[1:8_501], *reported[8_502:]))


def test_parameters(row: dict[str, Any]) -> None:
    body = csv_of([row, {**row, "x5": "Monday"}])
    assert post(body, query="variables=none").body.startswith(b"business_outcome,phat\n")
    assert detail(post(body, query="explain=true"), 400, "bad-parameter").startswith("explain: ")
    assert detail(post(body, query="envelope=true"), 400, "bad-parameter").startswith("envelope: ")
    explained = post(body, query="explain=true&envelope=true", accept="application/json").json()
    assert "explanation" in explained["predictions"][0]
    assert post(body).headers["x-unknown-levels"] == "1"
    assert post(body, query="unknown_levels=error").json()["errors"][0]["code"] == "unknown_level"


def test_limits(row: dict[str, Any]) -> None:
    app = create_app(Holder(MODEL), Settings(max_rows=2, max_body_bytes=5_000))
    assert post_to(app, [csv_of([row] * 2)], CSV).status == 200
    assert detail(post_to(app, [csv_of([row] * 3)], CSV), 422, "too-many-rows")
    assert detail(post_to(app, [csv_of([row] * 9)], CSV), 413, "body-too-large")


def test_json_of_the_same_rows(stand_in: StandIn) -> None:
    rows = stand_in.rows[:50]
    as_json = post(json.dumps(rows).encode(), "application/json")
    assert post(csv_of(rows), accept="application/json").body == as_json.body
