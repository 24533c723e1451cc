"""Bodies that arrive in chunks: whatever is cut where, the answer is that of the body as a whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import scorer
from scorer.errors import MalformedBodyError, RequestError, RowsError, RowTooLargeError
from scorer.service.codec import streaming
from scorer.service.codec.rows import RowCodec
from scorer.service.codec.streaming import StreamingScorer
from scorer.service.holder import ServedModel
from tests.service.codec.test_rows import any_rows
from tests.support.standin import StandIn

MODEL = scorer.load()
CODEC = ServedModel(MODEL).codec

row = st.dictionaries(
    st.sampled_from(["x5", "x12", "x91", "x0", "note"]),
    st.none() | st.floats(-1e6, 1e6) | st.sampled_from(["monday", "$5.10", "},{", '"},{"', "[{", "}]", "\\", "a,b"]),
    min_size=1,
)
nested = st.fixed_dictionaries({"x91": st.floats(-9, 9), "x0": st.lists(st.fixed_dictionaries({"a": st.none()}))})


def outcome(body: bytes, cuts: list[int], segment_bytes: int) -> object:
    """The answer, or the error with all that it says."""
    scoring = StreamingScorer(CODEC, CODEC.default_format, segment_bytes=segment_bytes)
    try:
        for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True):
            scoring.feed(body[start:end])
        return scoring.finish()
    except RowsError as error:
        return type(error), error.problems, error.total
    except RequestError as error:
        return type(error)


@given(
    st.lists(row | nested, max_size=30) | any_rows,
    st.sampled_from([(",", ":"), (", ", ": "), (" ,\n ", " : ")]),
    st.data(),
)
def test_any_cuts_give_the_answer_of_the_whole(rows: Any, separators: tuple[str, str], data: st.DataObject) -> None:
    body = json.dumps(rows, separators=separators).encode()
    body = data.draw(st.sampled_from([body, b" \n" + body + b" ", body[:-1], body + b"]", body[: len(body) // 2]]))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=12)))
    assert outcome(body, cuts, data.draw(st.integers(1, 200))) == outcome(body, [], 2**40)


@pytest.mark.parametrize("body", [b"[,%s]", b"[%s,,%s]", b"[%s,]", b"[,]", b"[ ,1]"])
def test_commas_without_a_row_are_malformed_wherever_the_body_is_cut(body: bytes) -> None:
    body = body.replace(b"%s", b'{"x5":"monday"}')
    for size in range(1, len(body)):
        assert outcome(body, list(range(0, len(body), size)), 1) is MalformedBodyError


def test_a_batch_is_really_scored_while_it_arrives(stand_in: StandIn) -> None:
    body = json.dumps(stand_in.rows).encode()
    batch = StreamingScorer(CODEC, CODEC.default_format)
    most = 0
    for start in range(0, len(body), 65_536):
        batch.feed(body[start : start + 65_536])
        most = max(most, batch.held_bytes)
    assert most < streaming.SEGMENT_BYTES + 65_536
    assert json.loads(batch.finish()) == MODEL.score(stand_in.rows).to_rows()


def test_problems_of_all_segments_are_counted_and_the_first_listed() -> None:
    rows: list[dict[str, Any]] = [{"x5": "monday", "x12": n} for n in range(3_000)]
    for place in (10, 1_500, 2_999):
        rows[place]["x12"] = "abc"
        rows[place]["x5"] = 5
    body = json.dumps(rows).encode()
    error = outcome(body, list(range(0, len(body), 1_000)), 5_000)
    assert error == outcome(body, [], 2**40)
    assert isinstance(error, tuple)
    kind, problems, total = error
    assert (kind, total) == (scorer.BadRowsError, 6)
    assert [problem.row for problem in problems] == [10, 10, 1_500, 1_500, 2_999, 2_999]


@pytest.mark.parametrize("blanks", [10, 5_000])
def test_blanks_between_rows_change_nothing(blanks: int) -> None:
    separator = " " * blanks + "," + "\n" * blanks
    body = (" " * blanks + "[" + separator.join(['{"x5": "monday"}'] * 20) + "]").encode()
    cuts = list(range(0, len(body), 700))
    assert outcome(body, cuts, 500) == outcome(body, [], 2**40)
    assert len(json.loads(outcome(body, cuts, 500))) == 20  # type: ignore[arg-type]


class CountingCodec(RowCodec):
    """Notes how many bytes it is given to decode."""

    def __init__(self, model: scorer.Scorer) -> None:
        super().__init__(model)
        self.given: list[int] = []

    def answer(self, body: Any, *more: Any) -> Any:
        self.given.append(len(body))
        return super().answer(body, *more)


ROW = b'{"x5":"monday"}'
WORST_BODIES: dict[str, Callable[[int], bytes]] = {
    "text of row ends": lambda n: b'[{"x5":"' + b"},{" * (n // 3) + b'"},' + ROW + b"]",
    "text of braces": lambda n: b'[{"x5":"' + b"{" * n + b'"},' + ROW + b"]",
    "text of escaped quotes and row ends": lambda n: b'[{"x5":"' + b'\\"},{' * (n // 5) + b'"},' + ROW + b"]",
    "text of first names": lambda n: b'[{"x5":"' + b'},{\\"x5\\"' * (n // 9) + b'"},' + ROW + b"]",
    "texts of row ends in every row": lambda n: (
        b"[" + b",".join([b'{"x5":"' + b"},{" * 500 + b'"}'] * (n // 1_500)) + b"]"
    ),
    "one row that does not end": lambda n: b'[{"x5":"' + b"a" * n,
    "unused objects within a row": lambda n: b'[{"x5":"monday","x0":[' + b"{}," * (n // 3) + b"0]}]",
    "rows within a row": lambda n: b'[{"x0":[' + (ROW + b",") * (n // 16) + b"0]}]",
    "blanks between rows": lambda n: b"[" + ROW + b" " * n + b"," + b" " * n + ROW + b"]",
    "blanks around commas": lambda n: b"[" + (ROW + b" " * 1_200 + b",") * (n // 1_200) + ROW + b"]",
    "numbers": lambda n: b"[" + b"1," * (n // 2) + b"1]",
    "commas": lambda n: b"[" + b"," * n,
    "arrays": lambda n: b"[" * n + b"]" * n,
    "arrays that do not end": lambda n: b"[" * n,
    "objects that do not end": lambda n: b'{"x0":' * (n // 6),
    "empty rows": lambda n: b"[" + b"{}," * (n // 3) + b"{}]",
    "one digit after the other": lambda n: b'[{"x12":' + b"9" * n + b"}]",
    "no JSON after the rows": lambda n: b"[" + (ROW + b",") * (n // 16) + b"}]",
}
"""Bodies of about n bytes that are made to be slow: each has kept some version of this or another server busy."""


@pytest.mark.parametrize("name", WORST_BODIES)
def test_bodies_made_to_be_slow_are_decoded_a_few_times_at_most(name: str) -> None:
    """However long they are: so time grows with the length, and no faster."""
    for length in (50_000, 400_000):
        body = WORST_BODIES[name](length)
        codec = CountingCodec(MODEL)
        scoring = StreamingScorer(codec, codec.default_format, segment_bytes=10_000)
        with suppress(RequestError, RowsError):
            for start in range(0, len(body), 1_000):
                scoring.feed(body[start : start + 1_000])
            scoring.finish()
        assert sum(codec.given) <= 3 * len(body)


def test_a_codec_that_is_asked_again_and_again_is_noticed() -> None:
    """The measure of the test above: what decodes a body anew with each chunk is far over its bound."""
    body = WORST_BODIES["text of braces"](50_000)
    codec = CountingCodec(MODEL)
    for end in range(1_000, len(body), 1_000):
        with pytest.raises(MalformedBodyError):
            codec.answer(body[:end], codec.default_format)
    assert sum(codec.given) > 20 * len(body)


def test_rows_with_arrays_of_objects_in_them_are_cut_between_rows() -> None:
    """Rows begin with the same name, which tells them from the objects within them."""
    rows = [{"x91": 0.5, "x0": [{"a": 1}, {"b": 2}], "note": "[{},{}]"}] * 4_000
    codec = CountingCodec(MODEL)
    scoring = StreamingScorer(codec, codec.default_format, segment_bytes=10_000)
    body = json.dumps(rows).encode()
    for start in range(0, len(body), 5_000):
        scoring.feed(body[start : start + 5_000])
    assert len(json.loads(scoring.finish())) == 4_000
    assert len(codec.given) > 20
    assert sum(codec.given) < 1.1 * len(body)


def test_what_cannot_be_cut_is_limited() -> None:
    body = json.dumps({"x5": "monday", "note": "a" * 5_000_000}).encode()
    batch = StreamingScorer(CODEC, CODEC.default_format, max_row_bytes=3_000_000)
    batch.feed(body[:2_500_000])
    with pytest.raises(RowTooLargeError, match="3,000,000 bytes"):
        batch.feed(body[2_500_000:])
