"""What the decoder takes and refuses, and that it says the same as the library."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import scorer
from scorer import reading
from scorer.errors import BadRowsError, BadShapeError, MalformedBodyError
from scorer.service.codec.rows import LARGE_BYTES
from scorer.service.codec.streaming import SEGMENT_BYTES, StreamingScorer
from scorer.service.holder import ServedModel
from tests.support.cells import TEXTS
from tests.support.models import SMALL

MODEL = scorer.load()
SERVED = ServedModel(MODEL)
INPUTS = [declared.name for declared in MODEL.file.inputs]
USED = [declared.name for declared in MODEL.equation.inputs]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=5,
)
any_rows = st.lists(
    st.dictionaries(st.sampled_from([*USED, "x0", "order"]), json_values | st.sampled_from(["monday", "1.5", "NA"]))
    | json_values,
    max_size=8,
)


def answer(body: bytes, cut: int = 0) -> bytes:
    """The answer to a whole body, or to one that arrives in two pieces and is scored piece by piece; or its error."""
    scoring = StreamingScorer(SERVED.codec, SERVED.codec.default_format, segment_bytes=1 if cut else SEGMENT_BYTES)
    if cut:
        scoring.feed(body[:cut])
    scoring.feed(body[cut:])
    return scoring.finish()


def problems(body: bytes) -> list[tuple[int, str | None, str]]:
    with pytest.raises(BadRowsError) as caught:
        answer(body)
    return [(problem.row, problem.field, problem.code) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body is not JSON: input data was truncated"),
        (b"{", "the body is not JSON: input data was truncated"),
        (b'{"x5": "monday"} {}', "the body is not JSON: trailing characters"),
        (b"5 {", "the body is not JSON: trailing characters"),
        (b'"text" "', "the body is not JSON: trailing characters"),
        (b"null,", "the body is not JSON: trailing characters"),
        (b"tru", "the body is not JSON: input data was truncated"),
        (b"5 },{", "the body is not JSON: trailing characters"),
        (b'{"x5": "monday"},', "the body is not JSON: trailing characters"),
        (b'[{"x5": "monday"}],{"x5": "monday"}', "the body is not JSON: trailing characters"),
        (b'[{"x5": "monday"}] 5', "the body is not JSON: trailing characters"),
        (b"x5=monday", "the body is not JSON: invalid character"),
        (b'[{"x12": NaN}]', "the body is not JSON: invalid character"),
        (b'[{"x0": NaN}]', "the body is not JSON: invalid character"),
        (b'[{"x5": "\xff"}]', "the body is not JSON: a text is not UTF-8"),
        (b'[{"x5": 5}, {', "the body is not JSON: input data was truncated"),
        (b'[{"x0": 1}, {"x5": 5, "x12": "\xff"}]', "the body is not JSON: a text is not UTF-8"),
    ],
)
def test_bodies_that_are_no_json(body: bytes, message: str) -> None:
    for cut in range(len(body) + 1):
        with pytest.raises(MalformedBodyError) as caught:
            answer(body, cut)
        assert str(caught.value).startswith(message)


@pytest.mark.parametrize("body", [b"3", b'"text"', b"null", b"true", b"1e999"])
def test_neither_a_row_nor_rows(body: bytes) -> None:
    with pytest.raises(BadShapeError, match="expected an object or an array of objects"):
        answer(body)


def test_every_bad_cell_of_a_batch_is_found() -> None:
    body = b"""[{"x5": "monday"}, 1, {"x5": 5, "x12": [1]}, {"order": 1}, {"x12": "$x", "x44": 1e999},
                {"x44": {"a": 1}, "x91": false, "x0": [[]]}, null, [], {"x53": 1}]"""
    assert problems(body) == [
        (1, None, "not_an_object"),
        (2, "x5", "wrong_type"),
        (2, "x12", "wrong_type"),
        (3, None, "no_model_input"),
        (4, "x12", "not_a_number"),
        (4, "x44", "not_finite"),
        (5, "x44", "wrong_type"),
        (5, "x91", "wrong_type"),
        (6, None, "not_an_object"),
        (7, None, "not_an_object"),
    ]


def test_rows_without_inputs_hide_no_bad_cells() -> None:
    assert problems(b'[{"x5": "monday"}, {}, {"x12": "$x"}]') == [
        (1, None, "no_model_input"),
        (2, "x12", "not_a_number"),
    ]


def test_one_bad_object_is_row_0() -> None:
    assert problems(b'{"x12": true}') == [(0, "x12", "wrong_type")]
    assert problems(b"{}") == [(0, None, "no_model_input")]


def test_only_20_problems_are_listed_and_all_counted() -> None:
    with pytest.raises(BadRowsError) as caught:
        answer(json.dumps([{"x12": True}] * 30).encode())
    assert (len(caught.value.problems), caught.value.total) == (20, 30)


def test_unused_inputs_make_a_row_and_are_not_read() -> None:
    expected = MODEL.score({"x0": None}).to_rows()
    for body in (b'{"x0": 1}', b'{"x0": {"a": []}}', b'{"x99": "text"}', b'{"x5": null}'):
        assert json.loads(answer(body)) == expected
    long = b"1" * LARGE_BYTES
    for body in (b'{"x0": "%b"}' % long, b'[{"x0": "%b"}]' % long):
        assert json.loads(answer(body)) == expected
    assert problems(b'[{"x0": "%b"}, {"x100": 1}]' % long) == [(1, None, "no_model_input")]
    assert problems(b'{"x100": "%b"}' % long) == [(0, None, "no_model_input")]
    assert problems(b'[{"x0": 1}, {"x100": 1}]') == [(1, None, "no_model_input")]


def test_the_last_of_two_equal_keys_counts() -> None:
    assert answer(b'{"x5": "friday", "x5": "monday"}') == answer(b'{"x5": "monday"}')


numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**70), 2**70)


@given(st.lists(numbers, min_size=1, max_size=5))
def test_numbers_are_decoded_to_the_bit(values: list[float]) -> None:
    rows = [{"x12": value} for value in values]
    texts = [{"x12": json.dumps(value)} for value in values]
    try:
        expected = MODEL.score(rows).to_rows()
    except BadRowsError:
        return
    assert json.loads(answer(json.dumps(rows).encode())) == expected
    assert json.loads(answer(json.dumps(texts).encode())) == expected


@given(any_rows)
def test_the_service_says_what_the_library_says(batch: Any) -> None:
    body = json.dumps(batch).encode()
    try:
        expected = MODEL.score(batch).to_rows()
    except BadRowsError:
        with pytest.raises(BadRowsError):
            answer(body)
    else:
        assert json.loads(answer(body)) == expected


cells = TEXTS | st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([True, 5, "monday"])
some_rows = st.lists(st.dictionaries(st.sampled_from(USED), cells, min_size=1), min_size=1, max_size=3)


@given(some_rows, st.sampled_from([None, 0.5, "0.5"]), st.sampled_from([1, 20, 80]))
def test_batches_of_any_size_say_what_the_library_says(some: list[dict[str, Any]], unused: Any, copies: int) -> None:
    """A few rows are read one by one, more by column, and many by the order of their keys."""
    batch = [{**dict.fromkeys(INPUTS, unused), **row} for row in some] * copies
    try:
        expected: Any = MODEL.score(batch).to_rows()
    except BadRowsError as error:
        expected = error.problems, error.total
    try:
        found = json.loads(answer(json.dumps(batch).encode()))
    except BadRowsError as error:
        found = error.problems, error.total
    assert repr(found) == repr(expected)


def test_a_model_of_another_shape() -> None:
    model = scorer.Scorer(reading.parse(json.dumps(SMALL).encode()))
    codec = ServedModel(model).codec
    batch: list[dict[str, Any]] = [{"the rate": "60%", "colour": "bright green"}, {"colour": None}]
    assert (
        json.loads(codec.answer(json.dumps(batch).encode(), codec.default_format).answer)
        == model.score(batch).to_rows()
    )
