"""The used cells of a large body's rows, by the decoder that is the quickest for the order of their keys.

For each key msgspec compares the names of the type's fields one after the other, beginning behind the field that it
found last. So a key that comes in the order of the fields takes one comparison, and a key that is none of them takes as
many as there are fields. Where most inputs are unused, building all cells of rows in a known order is thus quicker than
skipping the unused ones. They are built and dropped a piece at a time, so that they stay in the processor's cache.

All decoders give the same used cells. What the chosen one cannot decode, or a wrong cut between two pieces, is left to
the decoder that knows the used inputs alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cached_property, lru_cache

import msgspec

from scorer.service.codec.diagnose import Body
from scorer.service.codec.row_types import Columns, RowTypes

PIECE_BYTES = 128 * 1024
"""Bytes of a piece, at least."""

_UNUSED_CELL = 6
"""How many comparisons take as long as building a cell that is not used, and dropping it."""

_MOST_ROW_BYTES = 16 * 1024
"""The longest first or last row that is looked at."""

_KEPT = 16
"""How many orders of keys are kept with what is the quickest for them."""

_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Order:
    """A decoder of rows, and what it takes.

    Attributes:
        names: the keys whose cells it builds, in their order.
        decode: bytes → a row, or a list of rows.
    """

    def __init__(self, types: RowTypes, names: Sequence[str]) -> None:
        self.names = names
        self.decode = types.decoder(names)
        self._used = frozenset(types.names)
        self._indexes = {name: index for index, name in enumerate(names)}

    def cost(self, keys: Sequence[str]) -> int:
        """About how long a row with these keys takes, in comparisons."""
        count = len(self._indexes)
        cost = position = 0
        for key in keys:
            index = self._indexes.get(key)
            if index is None:
                cost += count
            else:
                cost += (index - position) % count + (1 if key in self._used else _UNUSED_CELL)
                position = index + 1
        return cost


class KeyOrders:
    """Decodes the large bodies of one model."""

    def __init__(self, types: RowTypes, names: Sequence[str], piece_bytes: int = PIECE_BYTES) -> None:
        """Makes the decoders when the first body comes.

        Args:
            types: the types of the rows.
            names: of all inputs, in the coefficient file's order.
            piece_bytes: bytes of a piece, at least.
        """
        self._types = types
        self._names = names
        self._piece_bytes = piece_bytes
        self._quickest = lru_cache(maxsize=_KEPT)(self._find_quickest)

    def columns(self, body: Body) -> Columns:
        """The cells of a row or an array of rows.

        Raises:
            msgspec.DecodeError, UnicodeDecodeError, RecursionError: as the decoder of the used inputs.
        """
        order = self.choose(body)
        if order is not self._used_alone:
            with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                return self._columns(order, _pieces(bytes(body), self._piece_bytes))
        return self._columns(self._used_alone, [body])

    def choose(self, body: Body) -> Order:
        """The quickest order for a body whose first and last row have the same keys; else that of the used inputs."""
        keys = _keys(body)
        return self._quickest(tuple(keys)) if keys else self._used_alone

    def _find_quickest(self, keys: Sequence[str]) -> Order:
        return min(self._used_alone, *self._others, key=lambda order: order.cost(keys))

    @cached_property
    def _used_alone(self) -> Order:
        return Order(self._types, self._types.names)

    @cached_property
    def _others(self) -> list[Order]:
        return [Order(self._types, names) for names in (self._names, sorted(self._names))]

    def _columns(self, order: Order, pieces: Iterator[Body] | list[Body]) -> Columns:
        columns: Columns = [[] for _ in self._types.columns]
        for piece in pieces:
            rows = order.decode(piece)
            for column, cell_of in zip(columns, self._types.columns, strict=True):
                column += map(cell_of, rows if isinstance(rows, list) else [rows])
        return columns


def _keys(body: Body) -> list[str]:
    """The keys of the first row, where the last one has the same in the same order; else none."""
    head, tail = bytes(body[:_MOST_ROW_BYTES]), bytes(body[-_MOST_ROW_BYTES:])
    first = head[head.find(b"{") : head.find(b"}") + 1]
    last = tail[tail.rfind(b"{") : tail.rfind(b"}") + 1]
    try:
        keys = list(_OBJECT.decode(first))
        return keys if list(_OBJECT.decode(last)) == keys else []
    except (msgspec.DecodeError, UnicodeDecodeError):
        return []


def _pieces(body: bytes, size: int) -> Iterator[Body]:
    """An array of rows as arrays of some of them, cut before rows that begin as the first one does.

    A piece that is JSON proves that its cut was between two rows, as in streaming.py. Another document is one piece.
    """
    start = body.find(b"{")
    opening = body[start : body.find(b'"', body.find(b'"', start) + 1) + 1]
    if body[:start].strip() != b"[":
        yield body
        return
    while (brace := body.find(opening, start + size)) > 0:
        before = body[start:brace].rstrip()
        if not before.endswith(b","):
            break
        yield b"[%b]" % before[:-1]
        start = brace
    yield b"[%b" % body[start:]
