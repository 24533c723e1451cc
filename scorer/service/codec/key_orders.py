"""The quickest decoder for the rows of a large body, by the order of their keys.

For each key msgspec compares the names of the type's fields one after the other, beginning behind the field that it
found last. So a key that comes in the order of the fields takes one comparison, and a key that is none of them takes as
many as there are fields. Where most inputs are unused, building all cells of rows in a known order is thus quicker than
skipping the unused ones. All decoders give the same used cells; what the chosen one cannot decode is left to the one
that knows the used inputs alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property, lru_cache
from typing import Any

import msgspec

from scorer.service.codec.diagnose import Body
from scorer.service.codec.row_types import RowTypes

_UNUSED_CELL = 6
"""How many comparisons take as long as building a cell that is not used, and dropping it."""

_MOST_ROW_BYTES = 16 * 1024
"""The longest first or last row that is looked at."""

_KEPT = 16
"""How many orders of keys are kept with what is the quickest for them."""

_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])


class _Order:
    """A decoder of rows, and what it takes."""

    def __init__(self, types: RowTypes, names: Sequence[str]) -> None:
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

    def __init__(self, types: RowTypes, names: Sequence[str]) -> None:
        """Takes the types of the rows, and the names of all inputs in the coefficient file's order."""
        self._types = types
        self._names = names
        self._quickest = lru_cache(maxsize=_KEPT)(self._choose)

    @cached_property
    def _orders(self) -> list[_Order]:
        names = self._types.names, self._names, sorted(self._names)
        return [_Order(self._types, each) for each in names]

    def decode(self, body: Body) -> Any:
        """A row, or a list of rows.

        Raises:
            msgspec.DecodeError, UnicodeDecodeError, RecursionError: as the decoder of the used inputs.
        """
        if keys := _keys(body):
            quickest = self._quickest(tuple(keys))
            if quickest is not self._orders[0]:
                with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                    return quickest.decode(body)
        return self._orders[0].decode(body)

    def _choose(self, keys: Sequence[str]) -> _Order:
        return min(self._orders, key=lambda order: order.cost(keys))


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
