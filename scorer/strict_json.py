"""Strict JSON: a document's values, each with its path.

The standard library's parser keeps the last of two equal keys, reads NaN and Infinity, and turns 1e999 into an infinity
(https://docs.python.org/3/library/json.html#standard-compliance-and-interoperability). A coefficient file may contain
none of these, so objects are kept as pairs and numbers are checked before anything is built from them.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass

from scorer import errors

MAX_BYTES = 8 * 1024 * 1024
"""Size cap of a document: the shipped coefficient file is a hundred times smaller."""

_LONGEST_INTEGER = 308
"""Digits up to which every integer is a finite float64 (the largest is 1.8e308); longer ones are read as floats."""


class _Pairs(list[tuple[str, object]]):
    """A JSON object as its pairs, so that duplicate keys can be found."""


_TYPE_NAMES: dict[type, str] = {
    _Pairs: "an object",
    list: "an array",
    str: "text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    type(None): "null",
}


@dataclass(frozen=True, slots=True)
class Node:
    """One value of a document.

    Attributes:
        value: the parsed value, objects as pairs.
        at: its path, ``$`` for the document itself.
        source: where the document came from, for errors.
    """

    value: object
    at: str
    source: str

    def object(self, *keys: str) -> dict[str, Node]:
        """The members of an object that has exactly ``keys``.

        Raises:
            WrongTypeError, DuplicateKeyError, UnknownKeyError, MissingKeyError: with the path.
        """
        members = self.members()
        for key, member in members.items():
            if key not in keys:
                raise errors.UnknownKeyError(self.source, member.at, f"unknown key; known here: {', '.join(keys)}")
        for key in keys:
            if key not in members:
                raise errors.MissingKeyError(self.source, self.at, f"the key {key!r} is missing")
        return members

    def members(self) -> dict[str, Node]:
        """The members of an object with any keys, in order.

        Raises:
            WrongTypeError, DuplicateKeyError: with the path.
        """
        if not isinstance(self.value, _Pairs):
            raise self._wrong_type("an object")
        members: dict[str, Node] = {}
        for key, value in self.value:
            at = f"{self.at}.{key}"
            if key in members:
                raise errors.DuplicateKeyError(self.source, at, "the key is given twice")
            members[key] = Node(value, at, self.source)
        return members

    def array(self) -> list[Node]:
        """The elements of an array. Raises WrongTypeError."""
        if isinstance(self.value, _Pairs) or not isinstance(self.value, list):
            raise self._wrong_type("an array")
        return [Node(value, f"{self.at}[{index}]", self.source) for index, value in enumerate(self.value)]

    def text(self) -> str:
        """A text that is not empty and is valid Unicode. Raises WrongTypeError or InvalidValueError."""
        if not isinstance(self.value, str):
            raise self._wrong_type("text")
        if not self.value:
            raise self.invalid("is empty")
        if any("\ud800" <= character <= "\udfff" for character in self.value):
            raise self.invalid("holds half of a surrogate pair")
        return self.value

    def name(self) -> str:
        """A text that is a safe JSON key in every tool: printable, without double quotes or backslashes."""
        text = self.text()
        if not text.isprintable() or '"' in text or "\\" in text:
            raise self.invalid("a name holds no control characters, double quotes or backslashes")
        return text

    def number(self) -> float:
        """A finite number, as float64. Raises WrongTypeError or NotFiniteError."""
        if isinstance(self.value, bool) or not isinstance(self.value, (int, float)):
            raise self._wrong_type("a number")
        if not math.isfinite(self.value):
            raise errors.NotFiniteError(self.source, self.at, "the number is not finite")
        return float(self.value)

    def integer(self) -> int:
        """A number written without fraction or exponent. Raises WrongTypeError."""
        if isinstance(self.value, bool) or not isinstance(self.value, int):
            raise self._wrong_type("an integer")
        return self.value

    def is_null(self) -> bool:
        """Whether the value is null."""
        return self.value is None

    def invalid(self, reason: str) -> errors.InvalidValueError:
        """An error for a value of the right type that is not allowed here."""
        return errors.InvalidValueError(self.source, self.at, reason)

    def _wrong_type(self, wanted: str) -> errors.WrongTypeError:
        found = _TYPE_NAMES[type(self.value)]
        return errors.WrongTypeError(self.source, self.at, f"expected {wanted}, found {found}")


def parse(data: bytes, source: str) -> Node:
    """Parses JSON bytes.

    Args:
        data: UTF-8, at most MAX_BYTES.
        source: what to call the document in errors.

    Raises:
        FileTooLargeError: over the cap; the bytes were not parsed.
        NotJSONError: not UTF-8, not JSON, or nested too deeply.
    """
    if len(data) > MAX_BYTES:
        reason = f"{len(data):,} bytes are more than the cap of {MAX_BYTES:,}"
        raise errors.FileTooLargeError(source, "$", reason)
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=_Pairs, parse_int=_parse_integer)
    except UnicodeDecodeError as error:
        raise errors.NotJSONError(source, "$", f"not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        position = f"line {error.lineno}, column {error.colno}"
        raise errors.NotJSONError(source, "$", f"not JSON: {error.msg} at {position}") from None
    except RecursionError:
        raise errors.NotJSONError(source, "$", "nested too deeply") from None
    return Node(value, "$", source)


def _parse_integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _LONGEST_INTEGER else float(digits)


def digest(value: object) -> str:
    """The SHA-256, in hex, of a value as JSON without blanks: keys in the given order, floats in their shortest exact
    form, UTF-8.

    Raises:
        ValueError: a float that is not finite.
    """
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def encode(document: object) -> bytes:
    """Canonical JSON bytes: indented by two spaces, keys in the given order, floats in their shortest exact form, a
    newline at the end.

    Raises:
        ValueError: a float that is not finite.
    """
    return (json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode("utf-8")
