"""Columns of JSON cells → float64, where all cells of a column can be read at once.

What a cell means is defined in scorer/cells.py alone. This is a faster way to the same numbers: the texts of a column,
joined, are one JSON array, which msgspec reads in a fraction of the time that float() takes for each. JSON's numbers
are some of those that float() reads, and mean the same, except for the text -0. A text that is no JSON, or is several
elements, is left to the reader.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from scorer.cells import NumberReader

_NULL = "null"
_ARRAY = msgspec.json.Decoder(list[float | None])


class NumberColumn:
    """Reads the columns of one number, money or percent input."""

    def __init__(self, reader: NumberReader) -> None:
        self._reader = reader
        self._null_for = dict.fromkeys(reader.markers, _NULL).get
        self._empty = _NULL if "" in reader.markers else ""
        removed = {mark: replacement or None for mark, replacement in reader.marks}
        self._separator = "\n" if "," in removed else ","
        self._marks = str.maketrans({**removed, self._separator: ","}) if removed else None
        self._has_null = _NULL in reader.markers
        self._has_numbers = any(self._decode(marker, 1) not in (None, [None]) for marker in reader.markers)

    def read(self, cells: list[Any]) -> NDArray[np.float64] | list[Any]:
        """The numbers of a column, or its cells where they have to be read one by one.

        Args:
            cells: n cells: finite floats, texts and None.

        Returns:
            float64, shape (n,), NaN where a cell is missing; or ``cells``.
        """
        texts = [cell or self._empty for cell in cells if cell.__class__ is str]
        if not texts:
            return np.array(cells, dtype=np.float64)  # None becomes NaN
        numbers = self._parse(texts)
        if numbers is None:
            return cells
        if len(texts) < len(cells):
            parsed = iter(numbers)
            numbers = [next(parsed) if cell.__class__ is str else cell for cell in cells]
        values = np.array(numbers, dtype=np.float64)
        if not values.all():
            for index in np.flatnonzero(values == 0).tolist():
                if cells[index] != "0":  # as JSON, -0 is an integer and loses its sign
                    values[index] = self._reader.read(cells[index])
        return values

    def _parse(self, texts: Sequence[str]) -> list[float | None] | None:
        if not self._has_null:  # then the text null is no missing cell, as it would be here
            return None
        numbers = None if self._has_numbers else self._decode(self._separator.join(texts), len(texts))
        if numbers is None:  # perhaps for a marker
            numbers = self._decode(self._separator.join(map(self._null_for, texts, texts)), len(texts))
        return numbers

    def _decode(self, joined: str, count: int) -> list[float | None] | None:
        try:
            numbers = _ARRAY.decode(f"[{joined.translate(self._marks) if self._marks else joined}]")
        except (msgspec.DecodeError, UnicodeEncodeError):  # the latter for half of a surrogate pair
            return None
        return numbers if len(numbers) == count else None
