"""Decoders for known orders of keys, held to the one that knows the used inputs alone."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import scorer
from scorer.service.codec.key_orders import KeyOrders
from scorer.service.codec.row_types import Columns, RowTypes
from tests.support.cells import TEXTS

MODEL = scorer.load()
NAMES = [declared.name for declared in MODEL.file.inputs]
TYPES = RowTypes(MODEL.equation.inputs)
ORDERS = KeyOrders(TYPES, NAMES)
IN_PIECES = KeyOrders(TYPES, NAMES, piece_bytes=1)
decode_used = TYPES.decoder(TYPES.names)

finite = st.floats(allow_nan=False, allow_infinity=False)
json_cells = finite | st.none() | TEXTS | st.booleans() | st.integers() | st.just([1]) | st.just({"x5": 1})
changes = st.dictionaries(st.sampled_from([*NAMES, "x100", "date"]), json_cells, max_size=3)
orders = st.sampled_from([NAMES, sorted(NAMES), NAMES[::-1], NAMES[40:], TYPES.names])


def used_alone(body: bytes) -> Columns:
    rows = decode_used(body)
    return TYPES.columns_of(rows if isinstance(rows, list) else [rows])


def outcome(columns: Callable[[bytes], Columns], body: bytes) -> Any:
    """The used cells, or the error."""
    try:
        return repr(columns(body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return type(error), str(error)


def assert_same(body: bytes) -> None:
    expected = outcome(used_alone, body)
    assert outcome(ORDERS.columns, body) == expected
    assert outcome(IN_PIECES.columns, body) == expected


@given(orders, finite | TEXTS | st.none(), st.lists(changes, min_size=1, max_size=4))
def test_every_order_gives_the_same_cells(names: Sequence[str], cell: Any, rows: list[dict[str, Any]]) -> None:
    body = json.dumps([{**dict.fromkeys(names, cell), **row} for row in rows]).encode()
    assert_same(body)


@given(st.lists(changes, min_size=1, max_size=3), st.data())
def test_every_order_refuses_the_same_bodies(rows: list[dict[str, Any]], data: st.DataObject) -> None:
    body = bytearray(json.dumps([{**dict.fromkeys(NAMES, 1.5), **row} for row in rows]).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        index = data.draw(st.integers(0, len(body) - 1))
        body[index : index + data.draw(st.integers(0, 2))] = data.draw(
            st.sampled_from([b"", b"{", b'"', b"\xff", b"9"])
        )
    assert_same(bytes(body))


def test_keys_that_are_given_twice() -> None:
    names = [*NAMES, "x5", "x12"]
    row = ",".join(f'"{name}": "{index}"' for index, name in enumerate(names))
    body = f"[{{{row}}}, {{{row}}}]".encode()
    assert_same(body)


@pytest.mark.parametrize(
    "change",
    [
        ('"x7": 1.5', '"x7": "}, {\\"x0\\": 1"'),
        ('"x7": 1.5', '"x7": [{"x0": 1}, {"x0": 1}]'),
        ('}, {"x0"', '} , \n\t{"x0"'),
        ('}, {"x0"', '} {"x0"'),
        ('}, {"x0"', '},, {"x0"'),
        ('}, {"x0"', '}, 5, {"x0"'),
        ('[{"x0"', '{"x0"'),
        ("}]", "},]"),
        ("}]", "}"),
        ("}]", "}] 5"),
    ],
)
def test_cuts_that_are_wrong_change_nothing(change: tuple[str, str]) -> None:
    text = json.dumps([dict.fromkeys(NAMES, 1.5)] * 4)
    assert_same(text.replace(*change, 1).encode())
    assert_same(text.replace(*change).encode())


def shuffled(names: Sequence[str], seed: int) -> list[str]:
    return random.Random(seed).sample(names, len(names))


@pytest.mark.parametrize(
    ("first", "last", "fields"),
    [
        (NAMES, NAMES, len(NAMES)),
        (sorted(NAMES), sorted(NAMES), len(NAMES)),
        (["id", *NAMES], ["id", *NAMES], len(NAMES)),
        (NAMES[20:], NAMES[20:], len(NAMES)),
        (TYPES.names, TYPES.names, len(TYPES.names)),
        (shuffled(NAMES, 1), shuffled(NAMES, 1), len(TYPES.names)),
        ([*map(str, range(50)), *NAMES], [*map(str, range(50)), *NAMES], len(TYPES.names)),
        (NAMES, shuffled(NAMES, 1), len(TYPES.names)),
        ([], [], len(TYPES.names)),
    ],
)
def test_all_cells_are_built_only_where_that_is_quicker(first: list[str], last: list[str], fields: int) -> None:
    body = json.dumps([dict.fromkeys(first), dict.fromkeys(last)]).encode()
    assert len(ORDERS.choose(body).names) == fields
