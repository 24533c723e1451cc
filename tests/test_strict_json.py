from __future__ import annotations

import pytest

from scorer import errors, strict_json


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not JSON: Expecting value at line 1, column 1"),
        (b'{"a": 1', "not JSON: Expecting ',' delimiter at line 1, column 8"),
        (b'{"a": 1} 2', "not JSON: Extra data at line 1, column 10"),
        (b'{"a": "\xff"}', "not UTF-8 at byte 7"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_bytes_that_are_no_json(data: bytes, reason: str) -> None:
    with pytest.raises(errors.NotJSONError) as caught:
        strict_json.parse(data, "file.json")
    assert (caught.value.source, caught.value.at, caught.value.reason) == ("file.json", "$", reason)


def test_over_the_cap_is_refused_before_it_is_parsed() -> None:
    data = b"[" * (strict_json.MAX_BYTES + 1)
    with pytest.raises(errors.FileTooLargeError, match="8,388,609 bytes are more than the cap of 8,388,608"):
        strict_json.parse(data, "file.json")
    assert strict_json.parse(b"1" + b" " * (strict_json.MAX_BYTES - 1), "file.json").integer() == 1


def test_a_duplicate_key_names_its_path() -> None:
    node = strict_json.parse(b'{"a": [{"b": 1, "b": 1}]}', "f").object("a")["a"].array()[0]
    with pytest.raises(errors.DuplicateKeyError) as caught:
        node.object("b")
    assert caught.value.at == "$.a[0].b"


def test_unknown_and_missing_keys() -> None:
    node = strict_json.parse(b'{"a": 1}', "f")
    with pytest.raises(errors.UnknownKeyError, match=r"f: \$\.a: unknown key; known here: b"):
        node.object("b")
    with pytest.raises(errors.MissingKeyError, match="f: the key 'b' is missing"):
        node.object("a", "b")


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"1e999", b"9" * 309, b"9" * 5_000])
def test_a_number_that_is_not_finite(number: bytes) -> None:
    with pytest.raises(errors.NotFiniteError):
        strict_json.parse(number, "f").number()


def test_the_longest_integers_are_floats() -> None:
    assert strict_json.parse(b"9" * 308, "f").number() == 1e308
    assert strict_json.parse(b"1" + b"0" * 308, "f").number() == 1e308


@pytest.mark.parametrize(
    ("text", "method", "wanted", "found"),
    [
        ("1", "members", "an object", "a number"),
        ("{}", "array", "an array", "an object"),
        ("1.5", "text", "text", "a number"),
        ("true", "number", "a number", "true or false"),
        ('"1"', "number", "a number", "text"),
        ("1.0", "integer", "an integer", "a number"),
        ("false", "integer", "an integer", "true or false"),
        ("null", "text", "text", "null"),
        ("[]", "name", "text", "an array"),
    ],
)
def test_wrong_types_say_what_was_wanted_and_found(text: str, method: str, wanted: str, found: str) -> None:
    with pytest.raises(errors.WrongTypeError) as caught:
        getattr(strict_json.parse(text.encode(), "f"), method)()
    assert caught.value.reason == f"expected {wanted}, found {found}"


@pytest.mark.parametrize("text", [rb'"\ud800"', b'""'])
def test_texts_that_are_refused(text: bytes) -> None:
    with pytest.raises(errors.InvalidValueError):
        strict_json.parse(text, "f").text()


@pytest.mark.parametrize("text", [rb'"a\nb"', rb'"a\"b"', rb'"a\\b"', rb'"a\u0000"'])
def test_names_that_are_refused(text: bytes) -> None:
    assert strict_json.parse(text, "f").text()
    with pytest.raises(errors.InvalidValueError, match="a name holds no control characters"):
        strict_json.parse(text, "f").name()


def test_canonical_bytes_refuse_what_json_has_no_word_for() -> None:
    assert strict_json.encode({"ä": 0.1}) == '{\n  "ä": 0.1\n}\n'.encode()
    with pytest.raises(ValueError, match="not JSON compliant"):
        strict_json.encode({"a": float("nan")})
