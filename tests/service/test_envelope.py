"""Answers that name their model: the array of predictions, to the byte, within an object."""

from __future__ import annotations

import gzip
import json
from contextlib import closing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

import scorer
from scorer import Scorer
from scorer.coefficients import CoefficientFile
from scorer.service.codec.options import Options
from scorer.service.codec.streaming import StreamingScorer
from scorer.service.holder import Holder, ServedModel
from scorer.service.openapi import openapi
from tests.service.codec.test_rows import any_rows
from tests.service.test_app import serving, swapped_between_rows
from tests.support.prometheus import scrape
from tests.support.requests import without_envelope
from tests.support.servers import Answer, Client, Server
from tests.support.standin import StandIn

MODEL = scorer.load()
CODEC = ServedModel(MODEL).codec
NAMED = {"name": MODEL.file.model, "version": MODEL.file.version, "sha256": MODEL.file.sha256}


def answer(body: bytes, options: Options, cut: int, segment_bytes: int) -> bytes:
    scoring = StreamingScorer(CODEC, CODEC.response_format(options), segment_bytes=segment_bytes)
    scoring.feed(body[:cut])
    scoring.feed(body[cut:])
    return scoring.finish()


@given(any_rows, st.sampled_from([1, 30, 2**40]), st.data())
def test_it_holds_what_is_answered_without_it(rows: list[Any], segment_bytes: int, data: st.DataObject) -> None:
    body = json.dumps(rows).encode()
    cut = data.draw(st.integers(0, len(body)))
    array = answer(body, Options(report=True), cut, segment_bytes)
    enveloped = answer(body, Options(report=True, envelope=True), cut, segment_bytes)
    assert json.loads(enveloped)["model"] == NAMED
    assert enveloped == b'{"model":%b,"predictions":%b}' % (json.dumps(NAMED, separators=(",", ":")).encode(), array)


def both(client: Client, body: Any, query: str = "", headers: dict[str, str] | None = None) -> tuple[Answer, Answer]:
    plain = client.send("POST", f"/predict?{query}", body, headers)
    return plain, client.send("POST", f"/predict?{query}{'&' if query else ''}envelope=true", body, headers)


@pytest.mark.parametrize("query", ["", "explain=true", "variables=none", "on_error=report", "unknown_levels=error"])
def test_over_http(server: Server, stand_in: StandIn, query: str) -> None:
    rows = stand_in.rows[:2_000]
    packed = gzip.compress(json.dumps(rows[:50]).encode())
    with server.client() as client:
        answers = [both(client, body, query) for body in ([], rows[0], rows[:20], rows)]
        answers.append(both(client, packed, query, {"content-encoding": "gzip"}))
    for plain, enveloped in answers:
        assert (plain.status, enveloped.status) == (200, 200)
        assert without_envelope(enveloped) == plain.body
        assert enveloped.json()["model"] == NAMED
        assert enveloped.headers["content-type"] == "application/json"
    assert answers[0][1].json()["predictions"] == []


def test_not_asked_for_is_as_by_default_and_errors_have_none(server: Server) -> None:
    with server.client() as client:
        for query in ("", "?envelope=false"):
            assert isinstance(client.send("POST", f"/predict{query}", {"x5": "monday"}).json(), list)
        plain, refused = both(client, [{"x12": []}])
        reported = both(client, [{"x12": []}, {"x5": "monday"}], "on_error=report")[1].json()
    assert plain.status == refused.status == 422
    assert refused.json() == plain.json()
    assert [next(iter(element)) for element in reported["predictions"]] == ["error", "business_outcome"]


def test_the_model_named_is_the_one_that_scored_all_rows(versions: list[CoefficientFile]) -> None:
    """Also where another one is served by the time of the answer."""
    holder = Holder(MODEL)
    rows = [{"x5": "monday"}, {"x5": "friday"}]
    with serving(holder) as client, closing(Client(client.port)) as other:
        before = client.send("POST", "/predict?envelope=true", swapped_between_rows(holder, other, versions[1]))
        after = client.send("POST", "/predict?envelope=true", rows)
    assert before.json() == {"model": NAMED, "predictions": MODEL.score(rows).to_rows()}
    assert after.json()["model"] == {"name": "glm-26", "version": "1.1.0", "sha256": versions[1].sha256}
    assert after.json()["predictions"] == Scorer(versions[1]).score(rows).to_rows()


def test_rows_in_an_envelope_are_counted() -> None:
    with serving(Holder(MODEL)) as client:
        assert client.send("POST", "/predict?envelope=true", [{"x5": "monday"}] * 3).status == 200
        found = scrape(client)
    assert (found["requests_total", "/predict", "200", "1.0.1"], found["rows_total", "1.0.1"]) == (1, 3)
    assert (found["batch_rows_count",], found["batch_rows_sum",]) == (1, 3)


def test_the_openapi_document_describes_both_forms(server: Server) -> None:
    document = openapi(MODEL)
    schema = document["paths"]["/predict"]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
    described = Draft202012Validator({**schema, "components": document["components"]})
    with server.client() as client:
        plain, enveloped = both(client, [{"x5": "monday"}])
    for found in (plain, enveloped):
        described.validate(found.json())
    assert not described.is_valid({**enveloped.json(), "more": 1})
    assert not described.is_valid({"predictions": plain.json()})
