"""Request bodies as the standard library reads them: what the service's answers are held to."""

from __future__ import annotations

import json
from typing import Any, NamedTuple, NoReturn


class Document(NamedTuple):
    """A body as the standard library reads it.

    Attributes:
        value: of two equal names the last counts; bytes that are no UTF-8 are lone surrogates.
        clean: all of it is UTF-8, and no text holds a lone surrogate.
        depth: objects and arrays within each other, the outermost counted.
    """

    value: Any
    clean: bool
    depth: int


def read(body: bytes) -> Document | None:
    """The strict reading of a body: no NaN and no byte order mark; None where it is no JSON, or far too deep for it."""
    text = body.decode("utf-8", "surrogateescape")
    try:
        value = json.loads(text, parse_constant=refuse, parse_int=parse_integer)
        members = json.loads(text, parse_int=parse_integer, object_pairs_hook=Members)  # with those that do not count
        return Document(value, not has_surrogates(members), depth_of(members))
    except (ValueError, RecursionError):
        return None


class Members(list[tuple[str, Any]]):
    """An object's names and values."""


def depth_of(members: Any) -> int:
    """How deep a body is nested."""
    depth, nodes = 0, [members]
    while lists := [node for node in nodes if isinstance(node, list)]:
        depth += 1
        nodes = [part[1] if isinstance(node, Members) else part for node in lists for part in node]
    return depth


def refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def parse_integer(digits: str) -> int | float:
    """Python refuses to make an integer of more than 4,300 digits; any of 400 is beyond float64."""
    return int(digits) if len(digits) < 400 else float(digits)


def has_surrogates(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False
