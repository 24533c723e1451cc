"""GET /openapi.json lists every path, and every status that a request can get from it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

import scorer
from scorer.service import keys
from scorer.service.app import ADMIN_PATHS, PREDICT, create_app
from scorer.service.holder import Holder
from scorer.service.openapi import openapi
from tests.support.paths import ROOT
from tests.support.servers import Answer, Client, running

OF_HTTP_ITSELF = {"501", "505"}
"""Statuses of requests that no operation describes."""


@pytest.fixture(scope="module")
def document(model: scorer.Scorer) -> dict[str, Any]:
    """As a client reads it."""
    read: dict[str, Any] = json.loads(json.dumps(openapi(model)))
    return read


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of a server that requires API keys and has no metrics."""
    file = tmp_path_factory.mktemp("keys") / "keys"
    file.write_text(keys.file_line("ann", "first"))
    with (
        running(environment={"SCORER_API_KEYS_FILE": str(file), "SCORER_METRICS": "false"}) as server,
        server.client() as client,
    ):
        yield client


def responses(document: dict[str, Any], path: str) -> dict[str, Any]:
    """The responses of a path's only operation."""
    (operation,) = document["paths"][path].values()
    found: dict[str, Any] = operation["responses"]
    return found


def assert_documented(document: dict[str, Any], path: str, answer: Answer) -> None:
    """The status is in the document, with the answer's content type and headers."""
    found = responses(document, path)[str(answer.status)]
    assert answer.headers["content-type"].split(";")[0] in found["content"]
    assert set(found.get("headers", ())) <= set(answer.headers)


def test_it_is_valid_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    OpenAPIV31SpecValidator(document).validate()


def test_every_path_is_in_it(document: dict[str, Any], model: scorer.Scorer) -> None:
    assert set(document["paths"]) == create_app(Holder(model)).paths


def test_post_predict_has_every_status_of_the_table_of_errors(document: dict[str, Any]) -> None:
    table = re.findall(r"^\| ([\d, ]+) \| `(?:urn|about):", (ROOT / "docs" / "api.md").read_text(), re.MULTILINE)
    statuses = {status for cell in table for status in cell.split(", ")}
    assert {"401", "404", "405", "500"} < statuses
    assert statuses - OF_HTTP_ITSELF | {"200"} == set(responses(document, PREDICT))


def test_a_missing_key_is_answered_as_documented(document: dict[str, Any], guarded: Client) -> None:
    for path, methods in document["paths"].items():
        ((method, operation),) = methods.items()
        answer = guarded.send(method.upper(), path)
        assert (answer.status == 401) is ("401" in operation["responses"]) is (path not in ADMIN_PATHS)
        assert_documented(document, path, answer)
        assert {} in operation.get("security", document["security"]) or not operation["security"]


def test_wrong_methods_and_missing_metrics_are_answered_as_documented(
    document: dict[str, Any], guarded: Client
) -> None:
    for path in document["paths"]:
        answer = guarded.send("DELETE", path, headers={"authorization": "Bearer first"})
        assert answer.status == (404 if path == "/metrics" else 405)
        assert_documented(document, path, answer)


def test_metrics_are_answered_as_documented(document: dict[str, Any]) -> None:
    with running() as server, server.client() as client:
        for accept in ("text/plain", "application/openmetrics-text"):
            answer = client.send("GET", "/metrics", headers={"accept": accept})
            assert (answer.status, answer.headers["content-type"].split(";")[0]) == (200, accept)
            assert_documented(document, "/metrics", answer)
