"""What a request sends and accepts, by its headers."""

from __future__ import annotations

import pytest

from scorer.errors import NotAcceptableError, UnsupportedBodyError
from scorer.service.codec.media_types import JSON, NAMES, BodyType, Format, default_answer, negotiate, read_content_type

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", BodyType("json")),
        ("application/json; charset=utf-8", BodyType("json")),
        ("application/vnd.api+json", BodyType("json")),
        ("application/x-www-form-urlencoded", BodyType("json")),
        ("Text/CSV", BodyType("csv")),
        ('text/csv; charset="UTF-8"; header=Present', BodyType("csv", True)),
        ("application/csv;header=absent", BodyType("csv", False)),
        ("application/x-ndjson", BodyType("ndjson")),
        ("application/jsonl; charset=utf-8", BodyType("ndjson")),
        ("application/vnd.apache.arrow.stream", BodyType("arrow")),
    ],
)
def test_content_types(value: str, expected: BodyType) -> None:
    assert read_content_type(value.encode()) == expected


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("text/html", "application/json, application/x-ndjson, text/csv, application/vnd.apache.arrow.stream"),
        ("text/csv; charset=iso-8859-1", "charset"),
        ("application/x-ndjson; charset=utf-16", "charset"),
        ("text/csv; header=maybe", "present or absent"),
        ("\xff", "application/json"),
    ],
)
def test_content_types_that_are_not_read(value: str, message: str) -> None:
    with pytest.raises(UnsupportedBodyError, match=message):
        read_content_type(value.encode("latin-1"))


@pytest.mark.parametrize(
    ("accept", "own", "expected"),
    [
        ("", "csv", "csv"),
        ("*/*", "ndjson", "ndjson"),
        (BROWSER, "csv", "csv"),
        ("application/json", "csv", "json"),
        ("application/json, text/plain, */*", "csv", "json"),  # what axios sends: JSON is named, the others are not
        ("text/csv, application/json", "json", "json"),
        ("text/csv, application/json;q=0.5", "json", "csv"),
        ("text/csv;q=0, */*", "csv", "json"),
        ("text/*", "json", "csv"),
        ("application/*;q=0.2, text/csv;q=0.1", "csv", "json"),
        ("TEXT/CSV ; Q=0.5 ; header=present", "json", "csv"),
        ("text/csv; header=absent, application/json;q=0.1", "csv", "json"),
        ("text/csv; charset=utf-16, */*;q=0.1", "json", "json"),
        ("application/json; indent=4", "csv", "json"),
        ("text/csv;q=2, application/x-ndjson;q=0.001", "json", "ndjson"),
        ("application/problem+json, */*;q=0.1", "json", "json"),
        (",, ,text/csv,", "json", "csv"),
    ],
)
def test_accepted_formats(accept: str, own: Format, expected: Format) -> None:
    answer = negotiate(accept.encode(), own)
    assert answer.format == expected


def test_json_is_known_at_once_however_it_is_asked_for() -> None:
    """A single row takes its short way by these objects."""
    for value in ("", "application/json", "application/json; charset=utf-8", "application/vnd.api+json"):
        assert read_content_type(value.encode()) is JSON
    for accept in (b"", b"*/*", b"application/json, text/plain, */*", BROWSER.encode()):
        assert negotiate(accept, "json") is default_answer("json")


def test_the_content_type_is_the_name_that_was_accepted() -> None:
    assert negotiate(b"application/jsonl", "json").content_type == b"application/jsonl"
    assert negotiate(b"application/csv", "json").content_type == b"application/csv; charset=utf-8; header=present"
    for own, names in NAMES.items():
        assert negotiate(b"*/*", own).content_type.startswith(names[0].encode())


@pytest.mark.parametrize(
    "accept", ["text/html", "application/json;q=0", "*/*;q=0.0", "json", "image/*", "text/csv;q=x"]
)
def test_nothing_acceptable(accept: str) -> None:
    with pytest.raises(NotAcceptableError, match="application/json"):
        negotiate(accept.encode(), "json")
