"""The API over real sockets, one worker, as a client sees it."""

from __future__ import annotations

import http.client
import json
import re
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

import scorer
from tests.support.servers import Answer, Client, Server, running
from tests.support.standin import StandIn

pytestmark = pytest.mark.long

VARIABLES = 25


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    with server.client() as opened:
        yield opened


def assert_problem(answer: Answer, status: int, title: str) -> dict[str, Any]:
    """A problem document, and nothing of a traceback in it."""
    document: dict[str, Any] = answer.json()
    assert answer.status == document["status"] == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert document["title"] == title
    assert b"Traceback" not in answer.body
    assert b".py" not in answer.body
    return document


def test_the_documented_call_in_all_its_forms(client: Client, row: dict[str, Any], model: scorer.Scorer) -> None:
    texts = {name: None if cell is None else str(cell) for name, cell in row.items()}
    as_array, as_object, as_texts = (client.predict(body) for body in ([row], row, texts))
    assert as_array.body == as_object.body == as_texts.body
    assert (as_array.status, as_array.headers["content-type"]) == (200, "application/json")
    (element,) = as_array.json()
    assert list(element) == sorted(element)
    assert len(element) == 2 + VARIABLES
    assert element["business_outcome"] == 0
    assert [element] == model.score(row).to_rows()


def test_answers_name_the_model(client: Client, row: dict[str, Any], model: scorer.Scorer) -> None:
    headers = client.predict(row).headers
    assert (headers["x-model-name"], headers["x-model-version"]) == ("glm-26", "1.0.1")
    assert headers["x-model-sha256"] == model.file.sha256


def test_10_000_rows_each_equal_to_its_own_call(client: Client, stand_in: StandIn, model: scorer.Scorer) -> None:
    batch = client.predict(stand_in.rows)
    assert batch.status == 200
    elements = re.findall(rb"\{[^}]*\}", batch.body)
    assert len(elements) == 10_000
    assert batch.json() == model.score(stand_in.rows).to_rows()
    for row, element in zip(stand_in.rows, elements, strict=True):
        assert client.predict(row).body == b"[" + element + b"]"


def test_an_empty_array_gets_an_empty_array(client: Client) -> None:
    assert client.predict([]).body == b"[]"


def test_the_header_may_be_forgotten(client: Client, row: dict[str, Any]) -> None:
    body = json.dumps(row).encode()
    form = client.send("POST", "/predict", body, {"content-type": "application/x-www-form-urlencoded"})
    assert form.body == client.predict(row).body


def test_a_body_that_is_no_json(client: Client) -> None:
    document = assert_problem(client.predict(b'{"x5": '), 400, "The body cannot be read")
    assert document["detail"] == "the body is not JSON: input data was truncated"


def test_a_body_that_is_no_row(client: Client) -> None:
    document = assert_problem(client.predict(3), 422, "The body is neither rows nor columns")
    assert document["detail"] == "expected an object or an array of objects"


def test_bad_cells_are_listed_and_nothing_is_scored(client: Client, row: dict[str, Any]) -> None:
    batch = [row, {**row, "x5": 5}, {**row, "x12": "$x"}]
    document = assert_problem(client.predict(batch), 422, "Rows cannot be scored")
    assert document["errors"] == [
        {"row": 1, "field": "x5", "code": "wrong_type", "message": "expected text, got a number"},
        {"row": 2, "field": "x12", "code": "not_a_number", "message": "the text is not a number"},
    ]
    assert document["total"] == 2


def test_20_problems_and_their_total(client: Client) -> None:
    document = assert_problem(client.predict([{"x12": "abc"}] * 1_000), 422, "Rows cannot be scored")
    assert (len(document["errors"]), document["total"]) == (20, 1_000)


@pytest.mark.parametrize(
    ("method", "path", "status", "title", "allow"),
    [
        ("GET", "/predict", 405, "Method Not Allowed", {"POST"}),
        ("POST", "/model", 405, "Method Not Allowed", {"GET", "HEAD"}),
        ("GET", "/", 404, "Not Found", None),
        ("POST", "/predict/", 404, "Not Found", None),
    ],
)
def test_wrong_paths_and_methods(
    client: Client, method: str, path: str, status: int, title: str, allow: set[str] | None
) -> None:
    answer = client.send(method, path)
    assert_problem(answer, status, title)
    assert allow is None or set(answer.headers["allow"].split(", ")) == allow


def test_model(client: Client, model: scorer.Scorer) -> None:
    document = client.send("GET", "/model").json()
    assert (document["name"], document["version"], document["sha256"]) == ("glm-26", "1.0.1", model.file.sha256)
    assert len(document["inputs"]) == 100
    assert [declared["name"] for declared in document["inputs"] if declared["used"]] == [
        "x5", "x12", "x31", "x44", "x53", "x56", "x58", "x62", "x81", "x91",
    ]  # fmt: skip
    first = document["variables"][0]
    assert (first["name"], first["coefficient"]) == ("x5_saturday", -1.2065)
    assert first["odds_ratio"] == pytest.approx(0.29924, abs=1e-5)
    assert (document["outcome"]["cutoff"], document["outcome"]["rule"]) == (0.712, "phat > cutoff")
    assert document["provenance"]["figures"] == "published"
    assert document["certificate"]["largest_error"] <= document["certificate"]["tolerance"]
    assert document["certificate"]["not_covered"] == []


def test_probes(client: Client) -> None:
    assert client.send("GET", "/livez").json() == {"status": "alive"}
    ready = client.send("GET", "/readyz")
    assert (ready.status, ready.json()) == (200, {"status": "ready", "model": "glm-26", "version": "1.0.1"})


def test_openapi_fits_what_is_answered(client: Client, row: dict[str, Any]) -> None:
    document = client.send("GET", "/openapi.json").json()
    schemas = document["components"]["schemas"]
    Draft202012Validator(schemas["Answer"]).validate(client.predict(row).json()[0])
    Draft202012Validator(schemas["Problem"]).validate(client.predict([{"x5": 1}, 2]).json())
    rows = Draft202012Validator(schemas["Row"])
    rows.validate(row)
    rows.validate(schemas["Row"]["example"])
    assert client.predict(schemas["Row"]["example"]).status == 200
    assert not rows.is_valid({"x5": 1})
    assert not rows.is_valid({"x12": []})


@pytest.fixture(scope="module")
def narrow() -> Iterator[Server]:
    """A server with a small limit on bodies."""
    with running(environment={"SCORER_MAX_BODY_BYTES": "1000"}) as started:
        yield started


def test_a_body_over_the_limit(narrow: Server) -> None:
    with narrow.client() as client:
        assert client.predict(b"[" + b" " * 998 + b"]").status == 200
        document = assert_problem(client.predict(b"[" + b" " * 999 + b"]"), 413, "The body is too large")
    assert document["detail"] == "the request body is larger than the limit of 1,000 bytes"


def test_a_chunked_body_over_the_limit(narrow: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", narrow.port, timeout=30)
    connection.request("POST", "/predict", iter([b" " * 600, b" " * 600]), encode_chunked=True)
    response = connection.getresponse()
    assert response.status == 413
    connection.close()


def test_a_client_that_leaves_disturbs_nobody(server: Server, client: Client, row: dict[str, Any]) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as leaving:
        leaving.sendall(b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n[")
    assert client.predict(row).status == 200
