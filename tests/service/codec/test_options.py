"""What query parameters ask for: errors in the place of bad rows, explanations, and answers without the variables."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import scorer
from scorer import Scorer, reading
from scorer.errors import ParameterError
from scorer.explain import contributions, explain, log_odds
from scorer.service.codec.encoder import EXPLAINED_ROWS
from scorer.service.codec.options import DOCUMENTED, Options, parse, value_of
from scorer.service.codec.streaming import StreamingScorer
from scorer.service.holder import ServedModel
from tests.service.codec.test_rows import any_rows
from tests.support.servers import Server
from tests.support.standin import StandIn

MODEL = scorer.load()
CODEC = ServedModel(MODEL).codec


def answer(rows: Any, options: Options, segment_bytes: int = 2**40) -> Any:
    batch = StreamingScorer(CODEC, CODEC.response_format(options), segment_bytes=segment_bytes)
    body = json.dumps(rows).encode()
    for start in range(0, len(body), 100):
        batch.feed(body[start : start + 100])
    return json.loads(batch.finish())


def test_parameters() -> None:
    assert parse(b"") == parse(b"on_error=fail&explain=false&variables=all") == Options()
    assert parse(b"on_error=report&explain=true&variables=none") == Options(report=True, explain=True, variables=False)
    assert parse(b"unknown_levels=error&envelope=true") == Options(unknown_levels="error", envelope=True)
    assert set(DOCUMENTED) == {"on_error", "explain", "variables", "unknown_levels", "envelope"}


def test_what_a_request_does_not_say_is_as_by_default() -> None:
    refusing = Options(unknown_levels="error")
    assert parse(b"", refusing) == refusing
    assert parse(b"explain=true", refusing) == Options(explain=True, unknown_levels="error")
    assert parse(b"unknown_levels=baseline", refusing) == Options()


@pytest.mark.parametrize("name", DOCUMENTED)
def test_every_value_is_named_by_the_options_that_it_gives(name: str) -> None:
    for value in DOCUMENTED[name]:
        assert value_of(name, parse(f"{name}={value}".encode())) == value


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (b"on_errors=report", f"on_errors: no such parameter; known are {', '.join(DOCUMENTED)}"),
        (b"on_error=ignore", "on_error: expected fail or report"),
        (b"explain", "explain: expected false or true"),
        (b"unknown_levels=ignore", "unknown_levels: expected baseline or error"),
        (b"envelope=1", "envelope: expected false or true"),
        (b"explain=true&explain=true", "explain: given twice"),
        (b"\xff=%ff", "ÿ: no such parameter"),
    ],
)
def test_parameters_that_are_not_valid(query: bytes, message: str) -> None:
    with pytest.raises(ParameterError) as caught:
        parse(query)
    assert str(caught.value).startswith(message)


def test_they_are_answered_with_a_problem(server: Server) -> None:
    with server.client() as client:
        refused = client.send("POST", "/predict?explain=yes", {"x5": "monday"})
    assert (refused.status, refused.json()["type"]) == (400, "urn:coefficient-scorer:problem:bad-parameter")


def alone(row: object) -> dict[str, Any]:
    """What a row must be answered with where errors are reported."""
    try:
        return MODEL.score([row]).to_rows()[0]  # type: ignore[list-item]
    except scorer.BadRowsError as error:
        problem = error.problems[0]
        return {"error": {"field": problem.field, "code": problem.code}}


@given(any_rows, st.sampled_from([30, 2**40]))
def test_bad_rows_are_reported_in_their_place_and_the_others_scored(rows: list[Any], segment_bytes: int) -> None:
    answers = answer(rows, Options(report=True), segment_bytes)
    for found in answers:
        if "error" in found:
            assert found["error"].pop("message")
    assert answers == [alone(row) for row in rows]


def test_one_object_and_a_body_that_is_no_json() -> None:
    assert list(answer({"x12": {}}, Options(report=True))[0]) == ["error"]
    with pytest.raises(scorer.BadShapeError):
        answer(5, Options(report=True))


def test_an_array_in_the_place_of_a_row_is_one_bad_row() -> None:
    answers = answer([[{"x5": "monday"}, {"x5": "friday"}], {"x5": "monday"}], Options(report=True))
    assert [list(found)[:1] for found in answers] == [["error"], ["business_outcome"]]


def test_without_the_variables(stand_in: StandIn) -> None:
    for rows in (stand_in.rows[:3], stand_in.rows[:100]):
        whole = answer(rows, Options())
        assert answer(rows, Options(variables=False)) == [
            {key: found[key] for key in ("business_outcome", "phat")} for found in whole
        ]


def test_the_parts_add_up_to_the_logit_to_the_bit(stand_in: StandIn, model: Scorer) -> None:
    rows: list[Any] = [*stand_in.rows[:500], {"x5": None, "x12": "NA", "x31": "atlantis"}]
    answers = answer(rows, Options(explain=True))
    plain = answer(rows, Options())
    for found, without in zip(answers, plain, strict=True):
        assert list(found) == sorted(found)
        explanation = found.pop("explanation")
        assert found == without
        total = explanation["intercept"]
        for term in model.file.terms:
            total += explanation["contributions"][term.variable]
        assert total == explanation["log_odds"]
        tail = math.exp(-abs(total))
        assert found["phat"] == pytest.approx((1.0 if total >= 0 else tail) / (1 + tail), rel=1e-15)
    assert list(explanation["contributions"]) == [term.variable for term in model.file.terms]
    assert explanation["unknown_levels"] == ["x31"]
    assert set(explanation["imputed"]) == {each.name for each in model.equation.inputs} - {"x31"}
    short = answer(rows[:1], Options(explain=True, variables=False))
    assert list(short[0]) == ["business_outcome", "explanation", "phat"]


def test_an_explanation_from_python(small: dict[str, Any]) -> None:
    model = Scorer(reading.parse(json.dumps(small).encode()))
    scores = model.score([{"the rate": "60%", "colour": "bright green"}, {"colour": None}])
    assert log_odds(scores).tolist() == [-0.25 - 1.5 + 0.5, -0.25 + 2.0]
    assert {name: column.tolist() for name, column in contributions(scores).items()} == {
        "colour is unknown": [0.0, 2.0],
        "the rate": [-1.5, 0.0],
        "colour is bright green": [0.5, 0.0],
    }
    assert [row["imputed"] for row in explain(scores)] == [[], ["the rate", "colour"]]


def test_reported_errors_over_http(server: Server) -> None:
    rows: list[Any] = [{"x5": "monday"}, {"x12": "no number"}, {"order": 1}]
    with server.client() as client:
        first, second, third = client.send("POST", "/predict?on_error=report", rows).json()
    assert first == MODEL.score(rows[0]).to_rows()[0]
    message = "the text is not a number"
    assert second == {"error": {"field": "x12", "code": "not_a_number", "message": message}}
    assert third["error"]["code"] == "no_model_input"


def test_long_batches_are_explained_as_short_ones_are(row: dict[str, Any]) -> None:
    rows = [{**row, "x91": number} for number in range(2 * EXPLAINED_ROWS + 1)]
    options = Options(explain=True)
    assert answer(rows, options) == [one for each in rows for one in answer([each], options)]
    assert answer([], options) == []
