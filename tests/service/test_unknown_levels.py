"""Levels that the model does not know, over HTTP: counted in a header, or refused. The library says which."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from itertools import chain
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

import scorer
from export import certificate
from scorer import BadRowsError, Scorer, reading
from scorer.service.codec.options import Options
from scorer.service.codec.streaming import StreamingScorer
from scorer.service.holder import Holder, ServedModel
from scorer.service.settings import Settings
from scorer.service.shadow import Shadow
from tests.service.codec.test_rows import any_rows
from tests.service.test_app import serving
from tests.support.models import SMALL
from tests.support.prometheus import scrape
from tests.support.servers import Client, Server, running, wait_until
from tests.support.standin import StandIn
from tests.test_unknown_levels import rows_of_levels

MODEL = scorer.load()
CODEC = ServedModel(MODEL).codec
HEADER = "x-unknown-levels"
PROBLEM = {"field": "x5", "code": "unknown_level", "message": "the model does not know this level"}
REFUSING = Settings(unknown_levels="error")


def count(scores: scorer.Scores) -> int:
    return sum(scores.unknown_levels.values())


def by_the_library(rows: list[Any], asked: Options) -> tuple[list[Any], int]:
    """phat and outcome of each row, or the code of its first problem, and the count of unknown levels.

    Raises:
        BadRowsError: where no row is to be scored.
    """
    if asked.report:
        alone = [_alone(row, asked) for row in rows]
        return list(chain.from_iterable(found for found, _ in alone)), sum(number for _, number in alone)
    scores = MODEL.score(rows, unknown_levels=asked.unknown_levels)
    return list(zip(scores.phat.tolist(), scores.outcome.tolist(), strict=True)), count(scores)


def _alone(row: Any, asked: Options) -> tuple[list[Any], int]:
    try:
        return by_the_library([row], asked._replace(report=False))
    except BadRowsError as error:
        return [error.problems[0].code], 0


def answered(body: bytes, asked: Options, cut: int, segment_bytes: int) -> tuple[list[Any], int]:
    """What a body that arrives in two pieces is answered with, as `by_the_library` gives it."""
    scoring = StreamingScorer(CODEC, CODEC.response_format(asked), segment_bytes=segment_bytes)
    scoring.feed(body[:cut])
    scoring.feed(body[cut:])
    answer = json.loads(scoring.finish())
    elements = answer["predictions"] if asked.envelope else answer
    found = [row["error"]["code"] if "error" in row else (row["phat"], row["business_outcome"]) for row in elements]
    return found, scoring.unknown


class Refusal(NamedTuple):
    """The problems that are listed, by row, field and code, and how many there are."""

    places: list[tuple[int, str | None, str]]
    total: int

    def bad_rows(self) -> list[tuple[int, str | None, str]]:
        """Those of rows as a whole."""
        return [place for place in self.places if place[1] is None]

    def is_cut(self) -> bool:
        """Whether there are more than are listed."""
        return self.total > len(self.places)


def outcome(attempt: Callable[[], object]) -> object:
    """What an attempt gives, or what refuses it."""
    try:
        return attempt()
    except BadRowsError as error:
        return Refusal([(problem.row, problem.field, problem.code) for problem in error.problems], error.total)


def assert_same(found: object, expected: object) -> None:
    """The library looks at cells only where all rows are rows, the service does so anyway: where rows are bad, cells
    beside them are not compared. They may fill the service's list before its last bad row."""
    if isinstance(found, Refusal) and isinstance(expected, Refusal) and expected.bad_rows():
        shown = found.bad_rows()
        assert shown == expected.bad_rows()[: len(shown)]
        assert found.is_cut() or len(shown) == len(expected.bad_rows())
    else:
        assert found == expected


options = st.builds(
    Options, st.booleans(), st.booleans(), st.booleans(), st.sampled_from(["baseline", "error"]), st.booleans()
)


@given(rows_of_levels | any_rows, options, st.sampled_from([1, 100, 2**40]), st.data())
def test_the_service_counts_and_refuses_what_the_library_does(
    rows: list[Any], asked: Options, segment_bytes: int, data: st.DataObject
) -> None:
    """Row by row and in columns, in one segment and in several, decoded strictly, permissively and by diagnosis."""
    body = json.dumps(rows).encode()
    cut = data.draw(st.integers(0, len(body)))
    expected = outcome(lambda: by_the_library(rows, asked))
    assert_same(outcome(lambda: answered(body, asked, cut, segment_bytes)), expected)


def test_a_bad_row_that_is_not_told_is_found() -> None:
    told = Refusal([(0, None, "no_model_input"), (4, None, "no_model_input")], 2)
    with pytest.raises(AssertionError):
        assert_same(Refusal(told.places[:1], 1), told)
    with pytest.raises(AssertionError):
        assert_same(Refusal(told.places[1:], 30), told)
    assert_same(Refusal(told.places[:1], 30), told)


def send(client: Client, body: Any, query: str = "") -> tuple[int, str | None]:
    """The status, and the count in the header."""
    answer = client.send("POST", f"/predict?{query}", body)
    return answer.status, answer.headers.get(HEADER)


def test_the_header_counts_them_and_is_left_out_where_there_are_none(server: Server, stand_in: StandIn) -> None:
    rows: list[Any] = stand_in.rows[:4_000]  # several segments
    assert count(MODEL.score(rows)) == 0
    some = [{**row, "x5": "Monday"} if index % 7 == 0 else row for index, row in enumerate(rows)]
    some[-1] = {**some[-1], "x5": "Monday", "x31": "atlantis"}
    of_all = str(count(MODEL.score(some)))
    packed = gzip.compress(json.dumps(some).encode())
    with server.client() as client:
        assert send(client, {"x5": "Monday", "x81": "may "}) == (200, "2")
        assert send(client, {"x5": "monday"}) == send(client, []) == send(client, rows) == (200, None)
        assert send(client, some[:10]) == (200, "2")
        assert send(client, some) == (200, of_all)
        answer = client.send("POST", "/predict", packed, {"content-encoding": "gzip"})
        assert answer.headers[HEADER] == of_all
        for query in ("explain=true", "variables=none", "envelope=true", "unknown_levels=baseline"):
            assert send(client, some[:100], query) == (200, "15")
        reported = client.send("POST", "/predict?on_error=report", [{"x5": "Monday"}, {"x5": "Monday", "x12": []}])
    assert (reported.status, reported.headers[HEADER]) == (200, "1"), "of the row that was scored"


def test_they_are_refused_where_a_request_says_so(server: Server) -> None:
    rows: list[Any] = [{"x5": "monday", "x12": "$5"}, {"x5": "secret"}]
    with server.client() as client:
        refused = client.send("POST", "/predict?unknown_levels=error", rows)
        reported = client.send("POST", "/predict?unknown_levels=error&on_error=report", rows)
        accepted = client.send("POST", "/predict?unknown_levels=error", rows[:1])
        plain = client.predict(rows[:1])
        bad = client.send("POST", "/predict?unknown_levels=both", rows)
    document = refused.json()
    assert (refused.status, document["type"]) == (422, "urn:coefficient-scorer:problem:bad-rows")
    assert (document["errors"], document["total"]) == ([{"row": 1, **PROBLEM}], 1)
    assert b"secret" not in refused.body
    assert HEADER not in refused.headers
    assert (reported.status, reported.json()[1]) == (200, {"error": PROBLEM})
    assert HEADER not in reported.headers
    assert (accepted.status, accepted.body) == (200, plain.body)
    assert (bad.status, bad.json()["detail"]) == (400, "unknown_levels: expected baseline or error")


DOCUMENTS = [
    b'[{"x44":"1.5","x5":"Monday"}]',  # a number as text: decoded permissively
    b'{"x12":[],"x12":"$5","x5":"Monday"}',  # the first of two cells is bad: diagnosed, and scored after all
    b'[{"x5":"Monday","x31":null},{"x0":1}]',
]


@pytest.mark.parametrize("body", DOCUMENTS)
def test_however_a_document_is_decoded(server: Server, body: bytes) -> None:
    with server.client() as client:
        assert send(client, body) == (200, "1")
        refused = client.send("POST", "/predict?unknown_levels=error", body)
    assert (refused.status, refused.json()["errors"]) == (422, [{"row": 0, **PROBLEM}])


def test_the_setting_is_the_default_of_requests_that_do_not_say() -> None:
    unknown = {"x5": "Monday"}
    with running(environment={"SCORER_UNKNOWN_LEVELS": "error"}) as server, server.client() as client:
        for query in ("", "explain=true", "unknown_levels=error"):
            assert send(client, unknown, query) == (422, None)
            assert send(client, {"x5": "monday"}, query) == (200, None)
        assert send(client, unknown, "unknown_levels=baseline") == (200, "1")
        assert default_in_openapi(client) == "error"


def default_in_openapi(client: Client) -> str:
    document = client.send("GET", "/openapi.json").json()
    (parameter,) = [each for each in document["paths"]["/predict"]["post"]["parameters"] if "levels" in each["name"]]
    return str(parameter["schema"]["default"])


def test_the_openapi_document_has_another_tag_with_another_default(model: Scorer) -> None:
    tags = []
    for settings, default in ((Settings(), "baseline"), (REFUSING, "error")):
        with serving(Holder(model), settings) as client:
            assert default_in_openapi(client) == default
            tags.append(client.send("GET", "/openapi.json").headers["etag"])
    assert tags[0] != tags[1]


def test_metrics_count_cells_that_are_scored_and_errors_that_are_not() -> None:
    with serving(Holder(MODEL)) as client:
        for query in ("", "unknown_levels=error", "envelope=true"):
            client.send("POST", f"/predict?{query}", {"x5": "Monday"})
        found = scrape(client)
    assert found["input_unknown_level_total", "x5"] == 2
    assert found["errors_total", "unknown_level"] == 1
    assert found["rows_total", "1.0.1"] == 2


def test_a_shadow_version_with_fewer_levels_scores_them_as_the_baseline(small: dict[str, Any]) -> None:
    """A request whose levels the served version knows is compared, whatever the setting."""
    first = Scorer(reading.parse(json.dumps(SMALL).encode()))
    small["inputs"][2]["levels"] = ["bright green", "red"]
    second = Scorer(certificate.certify(reading.parse(json.dumps(small).encode())))
    holder = Holder(first)
    shadow = holder.shadow = Shadow(second, 1.0)
    with serving(holder, REFUSING) as client:
        assert send(client, {"colour": "blue"}) == (200, None)
        report = wait_until(lambda: (found := shadow.report())["requests"] and found, "the comparison")
    assert (report["rows"], report["requests_failed"]) == (1, 0)
