"""The formats of bodies and answers by their media types: what a request sends, and what it accepts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, lru_cache
from importlib.util import find_spec
from typing import Literal, NamedTuple

from scorer.errors import NotAcceptableError, UnsupportedBodyError

Format = Literal["json", "ndjson", "csv", "arrow"]

NAMES: dict[Format, tuple[str, ...]] = {
    "json": ("application/json",),
    "ndjson": (
        "application/x-ndjson",
        "application/ndjson",
        "application/jsonl",
        "application/jsonlines",
        "application/x-jsonlines",
    ),
    "csv": ("text/csv", "application/csv"),
    "arrow": ("application/vnd.apache.arrow.stream",),
}
"""The names of each format, the one that is sent by default first."""

FORM = "application/x-www-form-urlencoded"
"""The type that curl --data sends where people forget the header: such a body is read as JSON."""

_FORMATS: dict[str, Format] = {name: each for each, names in NAMES.items() for name in names}
_DEFAULTS = frozenset(names[0] for names in NAMES.values())
_CSV_PARAMETERS = "; charset=utf-8; header=present"
_ANSWERED = {"charset": ("utf-8", "utf8"), "header": ("present",)}
"""The parameters of media types that say something of an answer, with the values that hold for it."""

NEEDS_PYARROW = "an Arrow stream needs pyarrow: pip install 'coefficient-scorer[arrow]'"


@cache
def has_pyarrow() -> bool:
    """Whether Arrow streams are read and written here. Does not import pyarrow."""
    try:
        return find_spec("pyarrow") is not None
    except (ImportError, ValueError):  # it is there by name alone
        return False


def _names_here() -> str:
    return ", ".join(names[0] for each, names in NAMES.items() if each != "arrow" or has_pyarrow())


class BodyType(NamedTuple):
    """What a Content-Type header says of a body.

    Attributes:
        format: its format.
        header: whether CSV begins with a line of names; None if it does not say.
    """

    format: Format
    header: bool | None = None


JSON = BodyType("json")


def read_content_type(value: bytes) -> BodyType:
    """The type of a body by its Content-Type header.

    Raises:
        UnsupportedBodyError: a type that is not read, or not read here, or in a charset other than UTF-8.
    """
    name, parameters = _split(value.decode("latin-1"))
    if name in ("", FORM) or (name.startswith("application/") and name.endswith("+json")):
        return JSON
    found = _FORMATS.get(name)
    if found is None:
        raise UnsupportedBodyError(f"the content type is not read: expected one of {_names_here()}")
    if found == "arrow" and not has_pyarrow():
        raise UnsupportedBodyError(NEEDS_PYARROW)
    if found == "json":
        return JSON
    if found == "arrow":
        return BodyType(found)
    if parameters.get("charset", "utf-8") not in ("utf-8", "utf8", "us-ascii"):
        raise UnsupportedBodyError("the charset is not read: expected utf-8")
    header = parameters.get("header")
    if header not in (None, "present", "absent"):
        raise UnsupportedBodyError("the content type's parameter header is not read: expected present or absent")
    return BodyType(found, None if header is None else header == "present")


class AnswerType(NamedTuple):
    """How an answer is written.

    Attributes:
        format: its format.
        content_type: for its Content-Type header.
    """

    format: Format
    content_type: bytes


_ANSWERS = {
    name: AnswerType(each, (name + (_CSV_PARAMETERS if each == "csv" else "")).encode())
    for name, each in _FORMATS.items()
}


def default_answer(own: Format) -> AnswerType:
    """The answer to a request of a format that accepts anything; always the same object."""
    return _ANSWERS[NAMES[own][0]]


@lru_cache(maxsize=64)  # clients send the same header again and again
def negotiate(accept: bytes, own: Format) -> AnswerType:
    """The answer that an Accept header asks for (RFC 9110, section 12.5.1).

    Of the formats with the highest weight the one counts that is named most exactly; then the request's own.

    Args:
        accept: the header; empty accepts anything.
        own: the format of the request.

    Raises:
        NotAcceptableError: it accepts none of the formats.
    """
    if not accept.strip():
        return default_answer(own)
    ranges = list(_ranges(accept.decode("latin-1")))
    best: tuple[tuple[float, int, bool], AnswerType] | None = None
    for name, each in _FORMATS.items():
        if each == "arrow" and not has_pyarrow():
            continue
        matches = [(exactness, weight) for given, weight in ranges if (exactness := _match(given, name))]
        exactness, weight = max(matches, default=(0, 0.0))
        rank = weight, exactness, each == own
        if weight and (best is None or rank > best[0]):
            best = rank, _ANSWERS[name]
    if best is None:
        missing = f"; {NEEDS_PYARROW}" if NAMES["arrow"][0] in accept.decode("latin-1").lower() else ""
        raise NotAcceptableError(f"expected one of {_names_here()}{missing}")
    return best[1]


def _match(given: str, name: str) -> int:
    """How exactly a range names a type; 0 if it does not. A format's other names have to be named in full."""
    if given == name:
        return 3
    if name not in _DEFAULTS:
        return 0
    if given == name.partition("/")[0] + "/*":
        return 2
    return int(given == "*/*")


def _ranges(accept: str) -> Iterator[tuple[str, float]]:
    """The ranges of an Accept header with their weights. Those that do not hold for an answer of ours are left out."""
    for element in accept.split(","):
        name, parameters = _split(element)
        weight = parameters.get("q", "1")
        fits = all(parameters.get(key, values[0]) in values for key, values in _ANSWERED.items())
        if _WEIGHT.fullmatch(weight) and fits:
            yield name, float(weight)


_WEIGHT = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")


def _split(value: str) -> tuple[str, dict[str, str]]:
    """A media type and its parameters, in lower case. None of those that count here has a comma or semicolon in it."""
    name, *rest = value.lower().split(";")
    pairs = (parameter.partition("=") for parameter in rest)
    return name.strip(), {key.strip(): text.strip().strip('"') for key, _, text in pairs}
