"""The msgspec types of a row, made from the coefficient file.

Only the inputs that the equation uses are fields: the decoder skips the others without building them.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any, NamedTuple, get_args

import msgspec

from scorer.coefficients import Input

_NUMBER, _TEXT = float | None, str | None
STRICT_TYPES: dict[str, Any] = {"number": _NUMBER, "money": _TEXT, "percent": _TEXT, "category": _TEXT}
"""How most clients write the cells of a kind. A column of these holds one type and None, and is read in one go."""
PERMISSIVE_TYPES: dict[str, Any] = {
    **dict.fromkeys(("number", "money", "percent"), float | str | None),
    "category": _TEXT,
}
"""Every way in which a cell of a kind may be written."""


class RowDecoder(NamedTuple):
    """One way to decode rows.

    Attributes:
        decode: bytes → a row or a list of rows.
        empty: a row without any cell.
        kinds: for each field the types that its cells may have.
    """

    decode: Any
    empty: Any
    kinds: Sequence[set[type]]


class RowTypes:
    """The types of one model's rows.

    Attributes:
        cells: a row → its cells, one for each input that the equation uses.
        columns: for each of these inputs, a row → its cell.
    """

    def __init__(self, inputs: Sequence[Input]) -> None:
        self._inputs = inputs
        self._fields = [f"f{index}" for index in range(len(inputs))]  # an input's name need not be an identifier
        self.columns = [attrgetter(field) for field in self._fields]
        self.cells = msgspec.structs.astuple

    def decoder(self, types: dict[str, Any]) -> RowDecoder:
        """A decoder of rows whose cells have the types of their input's kind."""
        chosen = [types[declared.kind] for declared in self._inputs]
        row = self._struct("Row", [(field, kind, None) for field, kind in zip(self._fields, chosen, strict=True)])
        decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(row | list[row])  # type: ignore[valid-type]
        return RowDecoder(decoder.decode, row(), [set(get_args(kind)) for kind in chosen])

    def raw_decoder(self) -> msgspec.json.Decoder[Any]:
        """A decoder of one row that leaves each cell as its JSON."""
        return msgspec.json.Decoder(
            self._struct("RawRow", [(field, msgspec.Raw, msgspec.Raw(b"null")) for field in self._fields])
        )

    def _struct(self, name: str, fields: list[tuple[str, Any, Any]]) -> Any:
        names = [declared.name for declared in self._inputs]
        return msgspec.defstruct(name, fields, rename=dict(zip(self._fields, names, strict=True)), gc=False)
