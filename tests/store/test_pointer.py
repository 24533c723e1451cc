from __future__ import annotations

import json
from typing import Any

import pytest

from scorer import errors
from scorer.store.pointer import Pin, Pointer, parse, parse_pin

DOCUMENT: dict[str, Any] = {"model": "glm", "version": "1.1.0", "sha256": "0" * 64}


def test_a_pointer_and_what_came_before() -> None:
    before = Pointer("glm", "1.0.0", "1" * 64)
    pointer = Pointer("glm", "1.1.0", "0" * 64, before)
    assert parse(pointer.to_bytes(), "here") == pointer
    assert parse(before.to_bytes(), "here") == before
    assert (pointer.key, str(pointer)) == ("glm/1.1.0.json", "glm 1.1.0")
    chained = Pointer("glm", "1.2.0", "2" * 64, pointer)
    assert parse(chained.to_bytes(), "here").previous == Pointer("glm", "1.1.0", "0" * 64)


@pytest.mark.parametrize(
    ("change", "error", "at"),
    [
        ({"model": ".."}, errors.InvalidValueError, "$.model"),
        ({"version": "1/0"}, errors.InvalidValueError, "$.version"),
        ({"sha256": "0" * 63 + "G"}, errors.InvalidValueError, "$.sha256"),
        ({"sha256": 1}, errors.WrongTypeError, "$.sha256"),
        ({"more": 1}, errors.UnknownKeyError, "$.more"),
        ({"previous": {**DOCUMENT, "previous": DOCUMENT}}, errors.UnknownKeyError, "$.previous.previous"),
        ({"previous": {**DOCUMENT, "model": "../x"}}, errors.InvalidValueError, "$.previous.model"),
        ({"previous": None}, errors.WrongTypeError, "$.previous"),
    ],
)
def test_pointers_that_are_refused(change: dict[str, Any], error: type[errors.CoefficientFileError], at: str) -> None:
    with pytest.raises(error) as caught:
        parse(json.dumps({**DOCUMENT, **change}).encode(), "here")
    assert (caught.value.source, caught.value.at) == ("here", at)


HASH = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "pin"),
    [
        ("1.0.0", Pin("", "1.0.0", "")),
        ("glm-26/1.0.0", Pin("glm-26", "1.0.0", "")),
        (f"1.0.0@sha256:{HASH}", Pin("", "1.0.0", HASH)),
        (f"glm-26/1.0.0@sha256:{HASH}", Pin("glm-26", "1.0.0", HASH)),
    ],
)
def test_a_pinned_version(text: str, pin: Pin) -> None:
    assert parse_pin(text) == pin


@pytest.mark.parametrize(
    "text",
    [
        *("", "../1.0.0", "a/b/1.0.0", "glm-26/", "..", "1.0.0@", f"1.0.0@{HASH}", f"1.0.0@sha512:{HASH}"),
        *("1.0.0@sha256:ab", f"1.0.0@sha256:{HASH.upper()}", f"1.0.0@sha256:{HASH}0", f"@sha256:{HASH}"),
    ],
)
def test_a_version_that_no_store_can_have_is_not_pinned(text: str) -> None:
    with pytest.raises(ValueError, match=r"^expected "):
        parse_pin(text)
