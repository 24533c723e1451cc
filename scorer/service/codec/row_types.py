"""The msgspec types of a row, made from the coefficient file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

import msgspec

from scorer.coefficients import Input

_NUMBER, _TEXT = float | str | None, str | None
_UNUSED = float | str | bool | None
"""Cells that are built only to be dropped. Lists and objects are left to the decoder that skips such cells."""

Columns = Sequence[list[Any]]
"""The cells of some rows, a list for each input that the equation uses."""


class RowTypes:
    """The types of one model's rows.

    Attributes:
        cells: a row decoded with `names` → its cells, one for each input that the equation uses.
        columns: for each of these inputs, a row → its cell.
    """

    def __init__(self, inputs: Sequence[Input]) -> None:
        self._inputs = inputs
        self._fields = {declared.name: f"f{index}" for index, declared in enumerate(inputs)}  # a name need not be one
        self.columns = [attrgetter(field) for field in self._fields.values()]
        self.cells = msgspec.structs.astuple

    def columns_of(self, rows: Sequence[Any]) -> Columns:
        """The cells of rows."""
        return [list(map(cell_of, rows)) for cell_of in self.columns]

    @property
    def names(self) -> Sequence[str]:
        """The names of the inputs that the equation uses."""
        return list(self._fields)

    def decoder(self, names: Sequence[str]) -> Callable[[Any], Any]:
        """Decodes a row, or a list of rows, with these keys; others are skipped without building their cells."""
        types = {each.name: _TEXT if each.kind == "category" else _NUMBER for each in self._inputs}
        row = self._struct("Row", [(name, types.get(name, _UNUSED), None) for name in names])
        decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(row | list[row])  # type: ignore[valid-type]
        return decoder.decode

    def raw_decoder(self) -> msgspec.json.Decoder[Any]:
        """A decoder of one row that leaves each cell as its JSON."""
        return msgspec.json.Decoder(
            self._struct("RawRow", [(name, msgspec.Raw, msgspec.Raw(b"null")) for name in self._fields])
        )

    def _struct(self, title: str, cells: Sequence[tuple[str, Any, Any]]) -> Any:
        rename = {self._fields.get(name, f"unused{index}"): name for index, (name, _, _) in enumerate(cells)}
        fields = [(field, kind, default) for field, (_, kind, default) in zip(rename, cells, strict=True)]
        return msgspec.defstruct(title, fields, rename=rename, gc=False)
