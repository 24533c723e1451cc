"""Hostile bodies: whatever comes, the answer is the library's or a problem document, and the server lives on.

tests/data/hostile holds one body in each file, byte for byte. Large bodies are made here.
"""

from __future__ import annotations

import gzip
import http.client
import json
import operator
import random
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import pytest
import schemathesis
from hypothesis import given, note, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi import checks

from scorer.cells import UnknownLevels
from scorer.errors import BadRowsError, BadShapeError, MalformedBodyError, RowsError, ScorerError
from scorer.service import problems
from scorer.service.codec.options import Options
from scorer.service.codec.streaming import StreamingScorer
from tests.service.codec.test_rows import MODEL, SERVED, USED
from tests.support.json_reading import has_surrogates, read
from tests.support.paths import DATA
from tests.support.servers import Answer, Server

TIMEOUT_SECONDS = 30
pytestmark = pytest.mark.long

MEGABYTE = 1024 * 1024
READABLE_DEPTH = 500
"""Objects and arrays within each other that every supported Python reads; what is deeper may be malformed."""

BODIES: dict[str, bytes] = {
    **{path.stem: path.read_bytes() for path in sorted((DATA / "hostile").iterdir())},
    "large-deep-arrays": b"[" * 100_000 + b"]" * 100_000,
    "large-deep-arrays-unfinished": b"[" * 100_000,
    "large-deep-objects-unfinished": b'{"x0":' * 100_000,
    "large-deep-unused-cell": b'{"x5":"monday","x0":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "large-depth-501-unused-cell": b'{"x5":"monday","x0":' + b"[" * 500 + b"]" * 500 + b"}",
    "large-name": b'{"' + b"x" * MEGABYTE + b'":1,"x5":"monday"}',
    "large-name-of-escapes": b'{"' + rb"\u0078" * 170_000 + b'":1,"x5":"monday"}',
    "large-text": b'{"x5":"' + b"monday" * 170_000 + b'"}',
    "large-text-of-a-number": b'{"x12":"' + b"1" * 300_000 + b'"}',
    "large-text-without-end": b'{"x5":"' + b"a" * MEGABYTE,
    "large-text-of-row-ends": b'[{"x5":"' + b"},{" * 400_000 + b'"},{"x5":"monday"}]',
    "large-blanks": b" " * MEGABYTE + b'{"x5":"monday"}' + b"\n" * MEGABYTE,
    "large-number": b'{"x12":' + b"9" * MEGABYTE + b"}",
    "large-fraction": b'{"x12":0.' + b"1" * MEGABYTE + b"}",
    "many-names": b'{"x5":"monday",' + b",".join(b'"k%d":%d' % (n, n) for n in range(20_000)) + b"}",
    "many-equal-names": b"{" + b",".join(b'"x12":%d' % n for n in range(50_000)) + b"}",
    "many-rows-then-nonsense": b"[" + (b'{"x5":"monday","x0":"' + b"a" * 200 + b'"},') * 6_000 + b"}]",
    "many-rows-not-utf-8": b"[" + b'{"x5":"\xff"},' * 5_000 + b"null]",
    "many-numbers": b"[" + b"1," * 5_000 + b"1]",
    "many-commas": b"[" + b"," * MEGABYTE + b"]",
}


def library_row(row: Any, unknown_levels: UnknownLevels) -> dict[str, Any]:
    """What the library says of a row, in the form of on_error=report."""
    try:
        return MODEL.score([row], unknown_levels=unknown_levels).to_rows()[0]
    except RowsError as error:
        return {"error": {"field": error.problems[0].field, "code": error.problems[0].code}}


Outcome = list[Any] | type[ScorerError]
"""Rows, or the kind of an error."""


def rows_of_columns(value: dict[str, Any]) -> list[Any] | None:
    """The rows of a document of columns; None for any other object.

    Raises:
        BadShapeError: columns that differ in length, or single cells beside them.
    """
    others = [declared.name for declared in MODEL.file.inputs if declared.name not in USED]
    for names in (USED, others):  # columns that the equation does not use count where there are no others
        present = {name: value[name] for name in names if name in value}
        if any(isinstance(cell, list) for cell in present.values()):
            if len({len(cell) if isinstance(cell, list) else None for cell in present.values()}) > 1:
                raise BadShapeError("")
            return [dict(zip(present, cells, strict=True)) for cells in zip(*present.values(), strict=True)]
        if present:
            return None
    return None


def as_rows(answer: Any) -> Any:
    """An answer's rows, where it gives them as columns."""
    if not isinstance(answer, dict):
        return answer
    rows = [dict(zip(answer, row, strict=True)) for row in zip(*answer.values(), strict=True)]
    problems = [row.pop("error", None) for row in rows]
    return [row if problem is None else {"error": problem} for row, problem in zip(rows, problems, strict=True)]


def library_outcome(value: dict[str, Any] | list[Any], options: Options) -> Outcome:
    if isinstance(value, dict):
        try:
            columns = rows_of_columns(value)
        except BadShapeError:
            return BadShapeError
        value = [value] if columns is None else columns
    rows = [library_row(row, options.unknown_levels) for row in value]
    return BadRowsError if not options.report and any("error" in row for row in rows) else rows


def check(body: bytes, outcome: Outcome, options: Options) -> None:
    """Holds what the service says of a body to what the library says.

    What is no JSON is malformed. What is nested too deeply, or is JSON but for bytes that are no UTF-8 or for lone
    surrogates, may be refused as malformed. Unused cells and unknown names are skipped: where only they are so, the
    library's outcome is right as well.
    """
    document = read(body)
    if document is None:  # the standard library reads less deep than the service does on some Pythons
        assert outcome is MalformedBodyError or body.count(b"[") + body.count(b"{") > READABLE_DEPTH
        return
    if outcome is MalformedBodyError and document.depth > READABLE_DEPTH:
        return
    if not isinstance(document.value, dict | list):
        assert outcome is BadShapeError or (not document.clean and outcome is MalformedBodyError)
        return
    if not document.clean:
        if outcome is MalformedBodyError:
            return
        rows = document.value if isinstance(document.value, list) else [document.value]
        assert not any(has_surrogates(row.get(name)) for row in rows if isinstance(row, dict) for name in USED)
    for row in outcome if isinstance(outcome, list) else ():
        row.pop("explanation", None)
        row.get("error", {}).pop("message", None)
    assert outcome == library_outcome(document.value, options)


def post(port: int, body: bytes | Sequence[bytes], query: str = "", encoding: str = "identity") -> Answer:
    """POST /predict on a connection of its own; pieces are sent as chunks."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    headers = {"content-type": "application/json", "content-encoding": encoding}
    try:
        connection.request("POST", f"/predict{query}", body if isinstance(body, bytes) else iter(body), headers)
        response = connection.getresponse()
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
    finally:
        connection.close()


def pieces(body: bytes) -> list[bytes]:
    """A body cut anywhere, and the same body always at the same places."""
    chance = random.Random(body)
    cuts = [0]
    while cuts[-1] < len(body):
        cuts.append(cuts[-1] + chance.randint(1, 5 if len(body) < 10_000 else len(body) // 200))
    return [body[start:end] for start, end in pairwise(cuts)]


WAYS: dict[str, Callable[[int, bytes], Answer]] = {
    "whole": post,
    "in-chunks": lambda port, body: post(port, pieces(body)),
    "report": lambda port, body: post(port, body, "?on_error=report"),
    "gzip": lambda port, body: post(port, gzip.compress(body, 1), encoding="gzip"),
}
ERRORS = {f"{problems.URN}{name}": error for error, (_, name, _) in problems.TABLE.items()}


def outcome_of(answer: Answer) -> Outcome:
    """The rows of an answer, or the error that its problem document names."""
    assert b"Traceback" not in answer.body
    assert answer.status in (200, 400, 422)
    document = answer.json()
    if answer.status == 200:
        assert answer.headers["content-type"] == "application/json"
        document = as_rows(document)
        assert isinstance(document, list)
        return document
    assert answer.headers["content-type"] == problems.MEDIA_TYPE
    error = ERRORS[document["type"]]
    status, _, title = problems.TABLE[error]
    assert (answer.status, document["status"], document["title"]) == (status, status, title)
    return error


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", BODIES)
def test_hostile_bodies_are_answered_as_the_library_does(name: str, way: str, server: Server, row: Any) -> None:
    answer = WAYS[way](server.port, BODIES[name])
    good = post(server.port, json.dumps(row).encode())
    assert (good.status, good.json()) == (200, MODEL.score(row).to_rows())
    check(BODIES[name], outcome_of(answer), Options(report=way == "report"))


texts = ['"monday"', '"$1,205.10"', '"62.5%"', '"NA"', '"é😀"', r'"\ud83d\ude00"', '"},{"', r'"\"}"', '""', r'"\u0000"']
foreign = ['"\udcff"', '"\udce2\udc82"', r'"\ud800"', r'"\udc00"']  # the first two become bytes that are no UTF-8
numbers = ["0.1", "-0", "1e-5", "1e400", "-1e400", "9" * 5_000, "1.7976931348623158e308", "2.2250738585072011e-308"]
values = st.sampled_from([*texts, *foreign, *numbers, "null", "true", "[]", "{}", "[{}]"])
cells = values | st.floats(allow_nan=False, allow_infinity=False).map(json.dumps) | st.integers().map(str)
names = st.sampled_from(["x5", "x12", "x44", "x91", r"\u00785", "x0", "note", "\udcff", r"\ud800"])
members = st.lists(st.builds('"{}": {}'.format, names, cells), min_size=1, max_size=5)
rows = members.map(lambda row: f"{{{', '.join(row)}}}")
repeated = st.builds(operator.mul, st.lists(rows, max_size=4), st.sampled_from([1, 9]))
arrays = repeated.map(lambda batch: f"[{','.join(batch)}]")


def columns_of(length: int) -> st.SearchStrategy[str]:
    """Objects of columns of this length."""
    column = st.lists(cells, min_size=length, max_size=length).map(", ".join)
    columns = st.lists(st.builds('"{}": [{}]'.format, names, column), min_size=1, max_size=5)
    return columns.map(lambda each: f"{{{', '.join(each)}}}")


deep = [b'"x0":' + b"[" * 499 + b"]" * 499 + b",", b'"x0":' + b'{"":' * 500 + b"1" + b"}" * 500 + b","]
inserted = st.binary(min_size=1, max_size=3) | st.sampled_from(
    [
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b'"',
        b"\\",
        b"NaN",
        b"1e400",
        b"\xff",
        rb"\ud800",
        rb"\u0078",
        b'"x5":5,',
        *deep,
    ]
)


@st.composite
def hostile(draw: st.DrawFn) -> bytes:
    """A body of rows, and what a few mutations make of it."""
    body = draw(arrays | rows | st.integers(0, 3).flatmap(columns_of)).encode("utf-8", "surrogateescape")
    for _ in range(draw(st.integers(0, 3))):
        a, b, c, d = sorted(draw(st.tuples(*[st.integers(0, len(body))] * 4)))
        bit = draw(st.sampled_from([1 << place for place in range(8)]))
        mutations = [
            body[:a] + bytes(byte ^ bit for byte in body[a : a + 1]) + body[a + 1 :],  # flipped
            body[:a] + body[b:],  # deleted
            body[:c] + body[a:b] + body[c:],  # duplicated
            body[:a] + draw(inserted) + body[a:],
            body[:a] + body[c:d] + body[b:c] + body[a:b] + body[d:],  # swapped
        ]
        body = draw(st.sampled_from(mutations))
    return body


def answered(body: bytes, options: Options, cuts: Sequence[int], segment_bytes: int) -> Outcome:
    """The service's answer to a body that arrives in pieces."""
    scoring = StreamingScorer(SERVED.codec, SERVED.codec.response_format(options), segment_bytes=segment_bytes)
    try:
        for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True):
            scoring.feed(body[start:end])
        answer = json.loads(scoring.finish())
    except ScorerError as error:
        return type(error)
    rows: list[Any] = as_rows(answer["predictions"] if options.envelope else answer)
    return rows


any_options = st.builds(Options, variables=st.just(True))
"""Any values of all others."""


@settings(max_examples=1_000)
@given(hostile(), any_options, st.data())
def test_mutated_bodies_are_answered_as_the_library_does(body: bytes, options: Options, data: st.DataObject) -> None:
    note(repr(body))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=5)))
    outcome = answered(body, options, cuts, data.draw(st.integers(1, 300)))
    check(body, outcome, options)


CONFORMANCE = [checks.status_code_conformance, checks.content_type_conformance, checks.response_schema_conformance]


@pytest.mark.parametrize("mode", schemathesis.GenerationMode)
def test_answers_are_as_documented(mode: schemathesis.GenerationMode, server: Server) -> None:
    """Requests made from the served OpenAPI document: such as it asks for, and others."""
    api = schemathesis.openapi.from_url(f"http://127.0.0.1:{server.port}/openapi.json", timeout=TIMEOUT_SECONDS)
    calls = st.one_of([result.ok().as_strategy(mode) for result in api.get_all_operations() if isinstance(result, Ok)])

    @settings(max_examples=80)
    @given(calls)
    def call(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate(checks=[not_a_server_error, *CONFORMANCE], timeout=TIMEOUT_SECONDS)

    call()
