"""One raw cell → a float or the code of a level.

The rules are the notebook's: pandas' read_csv decides what is missing, and the text of money and percent columns is
cleaned by removing characters. Where pandas would turn a column into something that the model cannot use, the cell is
an error that names its row and field.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from types import NoneType
from typing import Any, Literal, Protocol, TypeGuard

import numpy as np
from numpy.typing import NDArray

from scorer.coefficients import CategoryInput, Input, NumberInput
from scorer.errors import BadShapeError, Problem
from scorer.number_texts import parse_all

# What the notebook removes from a text, or replaces, by kind. "$-1,204.50" and "($1,204.50)" are both -1204.5.
_MARKS: dict[str, tuple[tuple[str, str], ...]] = {
    "number": (),
    "money": (("$", ""), (",", ""), (")", ""), ("(", "-")),
    "percent": (("%", ""),),
}
_NUMBERS = (int, float, numbers.Real, Decimal)  # the first two save most cells the slow check against an abstract class
_NOT_NUMBERS = (bool, np.timedelta64)  # although bool is a subclass of int, and timedelta64 of numpy's integers

UnknownLevels = Literal["baseline", "error"]
"""What a level does that the model does not know: it scores as the baseline, or its cell is an error."""


class BadCellError(ValueError):
    """A cell that no rule can read: a stable code and a sentence. Never contains the cell's value."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        self.message = message
        super().__init__(message)


class Reader(Protocol):
    """Reads the cells of one input.

    Attributes:
        name: the input's name.
    """

    name: str

    @property
    def codes(self) -> Mapping[Any, int] | None:
        """The codes of a category's levels, by their texts; None for a number."""

    @property
    def dtype(self) -> type[np.generic]:
        """float64 for numbers, NaN if missing; intp for categories: codes of levels."""

    def read(self, cell: object) -> float:
        """Reads one cell. Raises BadCellError."""

    def read_plain(self, cells: Sequence[Any], kinds: set[type]) -> NDArray[Any] | None:
        """Reads a whole column at once if all its cells, of these types, are plain. Gives the values that `read` would,
        or None if the cells have to be read one by one. May raise BadCellError where `read` would."""


class NumberReader:
    """Reads number, money and percent cells as floats, missing ones as NaN.

    Attributes:
        markers: texts that mean missing.
        marks: what is replaced by what in a text, in turn, before it is a number.
    """

    dtype = np.float64
    codes = None

    def __init__(self, declared: NumberInput, missing_markers: Sequence[str]) -> None:
        self.name = declared.name
        self.markers = frozenset(missing_markers)
        self.marks = _MARKS[declared.kind]
        self._removed = str.maketrans({mark: replacement or None for mark, replacement in self.marks})
        self._missing: dict[Any, float] = {None: math.nan, **dict.fromkeys(missing_markers, math.nan)}

    def read(self, cell: object) -> float:
        """The number in a cell; NaN if it is missing.

        Raises:
            BadCellError: ``not_a_number``, ``not_finite`` or ``wrong_type``.
        """
        if type(cell) is float:  # most cells are; the checks below cost several times as much
            value = cell
        elif isinstance(cell, str):
            if cell in self.markers:
                return math.nan
            value = self._parse(cell)
        elif cell is None:
            return math.nan
        elif isinstance(cell, _NUMBERS) and not isinstance(cell, _NOT_NUMBERS):
            value = _as_float(cell)
        elif _is_missing(cell):
            return math.nan
        elif _is_scalar_array(cell):
            return self.read(cell[()])
        else:
            raise BadCellError("wrong_type", f"expected a number or its text, got {_describe(cell)}")
        if math.isinf(value):
            raise BadCellError("not_finite", "the number is not finite as float64")
        return value

    def read_plain(self, cells: Sequence[Any], kinds: set[type]) -> NDArray[Any] | None:
        """The numbers of a column of floats, texts and None at once, where none of them is bad; else None."""
        if kinds <= {float, NoneType}:
            values = np.array(cells, dtype=np.float64)  # None becomes NaN
            return None if np.isinf(values).any() else values
        if kinds <= {float, str, NoneType}:
            return parse_all(list(map(self._missing.get, cells, cells)), self._clean)
        return None

    def _parse(self, text: str) -> float:
        # float() also accepts underscores and digits of other scripts, which the notebook's CSV reader does not.
        cleaned = self._clean(text)
        try:
            value = float(cleaned)
        except ValueError:
            value = math.nan
        if math.isnan(value) or "_" in cleaned or not cleaned.isascii():
            raise BadCellError("not_a_number", "the text is not a number")
        return value

    def _clean(self, text: str) -> str:
        return text.translate(self._removed)


class LevelReader:
    """Reads category cells as codes of levels."""

    dtype = np.intp

    def __init__(self, declared: CategoryInput, missing_markers: Sequence[str], unknown_levels: UnknownLevels) -> None:
        self.name = declared.name
        self._missing = declared.missing_code
        self.codes = _Codes(declared.unknown_code if unknown_levels == "baseline" else None)
        self.codes.update({level: code for code, level in enumerate(declared.levels)})
        self.codes.update(dict.fromkeys([None, *missing_markers], self._missing))

    def read(self, cell: object) -> int:
        """The code of the level in a cell. Levels match exactly.

        Raises:
            BadCellError: ``wrong_type``, or ``unknown_level`` where that is an error.
        """
        if isinstance(cell, str):
            return self.codes[cell]
        if _is_missing(cell):
            return self._missing
        if _is_scalar_array(cell):
            return self.read(cell[()])
        raise BadCellError("wrong_type", f"expected text, got {_describe(cell)}")

    def read_plain(self, cells: Sequence[Any], kinds: set[type]) -> NDArray[Any] | None:
        """The codes of a column of texts and None, at once; None if it contains anything else."""
        if kinds <= {str, NoneType}:
            return np.fromiter(map(self.codes.__getitem__, cells), np.intp, len(cells))
        return None


class _Codes(dict[Any, int]):
    """Codes by level. Any other text gives the code of unknown levels, or raises BadCellError if that code is None."""

    def __init__(self, unknown: int | None) -> None:
        self._unknown = unknown

    def __missing__(self, _level: str) -> int:
        if self._unknown is None:
            raise BadCellError("unknown_level", "the model does not know this level")
        return self._unknown


def reader(declared: Input, missing_markers: Sequence[str], unknown_levels: UnknownLevels = "baseline") -> Reader:
    """The reader for an input's cells."""
    if isinstance(declared, CategoryInput):
        return LevelReader(declared, missing_markers, unknown_levels)
    return NumberReader(declared, missing_markers)


def read_row(readers: Sequence[tuple[int, Mapping[Any, int] | None, Callable[[Any], Any]]], row: Any) -> list[Any]:
    """Reads the cells of one row: for each a float, NaN if missing, or the code of a level. Raises BadCellError.

    Args:
        readers: for each input its index, and the `codes` and `read` of its reader.
        row: one raw cell for each input. Floats are let through, also infinite ones and those of categories.
    """
    values = list(row)
    for index, codes, read in readers:
        cell = values[index]
        if type(cell) is not float:  # calling a reader for what most cells are would cost as much as all the rest
            values[index] = codes[cell] if codes is not None and type(cell) is str else read(cell)
    return values


def read_column(
    reader: Reader, cells: Sequence[object] | NDArray[Any], kinds: set[type] | None = None
) -> tuple[NDArray[Any], list[Problem]]:
    """Reads one input's cells in all rows.

    Args:
        reader: the input's reader.
        cells: raw cells, shape (n,).
        kinds: a set that contains the types of all cells, if known.

    Returns:
        The values, shape (n,), of the reader's dtype, and the problems in row order. If there are problems, the values
        are meaningless.

    Raises:
        BadShapeError: a numpy array of a dtype for neither numbers nor texts.
    """
    if isinstance(cells, np.ndarray):
        if cells.dtype.kind in "fiu" and isinstance(reader, NumberReader):
            values = cells.astype(np.float64)
            if not np.isinf(values).any():
                return values, []
        elif cells.dtype.kind not in "fiubOUT":
            raise BadShapeError(f"column {reader.name} has dtype {cells.dtype}, which holds neither numbers nor texts")
        return read_column(reader, cells.tolist())
    try:
        plain = reader.read_plain(cells, set(map(type, cells)) if kinds is None else kinds)
        if plain is None:
            plain = np.array([reader.read(cell) for cell in cells], dtype=reader.dtype)
        return plain, []
    except BadCellError:
        return np.empty(len(cells), dtype=reader.dtype), list(_problems(reader, cells))


def _problems(reader: Reader, cells: Iterable[object]) -> list[Problem]:
    problems = []
    for row, cell in enumerate(cells):
        try:
            reader.read(cell)
        except BadCellError as error:
            problems.append(Problem(row, reader.name, error.code, error.message))
    return problems


def _as_float(number: Any) -> float:
    try:
        return float(number)
    except OverflowError:  # an integer beyond the range of float64
        return math.inf
    except ValueError:  # a Decimal's signaling NaN
        return math.nan


def _is_missing(cell: object) -> bool:
    """Whether a cell is None, NaN, pandas.NA or numpy.ma.masked.

    The last two are recognized by the names of their types: pandas is not imported here, nor numpy.ma without need.
    """
    if cell is None or type(cell).__name__ in ("NAType", "MaskedConstant"):
        return True
    return isinstance(cell, (float, np.floating, Decimal)) and math.isnan(_as_float(cell))


def _is_scalar_array(cell: object) -> TypeGuard[NDArray[Any]]:
    return isinstance(cell, np.ndarray) and cell.ndim == 0


def _describe(cell: object) -> str:
    if isinstance(cell, (bool, np.bool_)):
        return "true or false"
    if isinstance(cell, dict):
        return "an object"
    if isinstance(cell, (list, tuple)):
        return "a list"
    if isinstance(cell, _NUMBERS) and not isinstance(cell, _NOT_NUMBERS):
        return "a number"
    return f"a {type(cell).__name__}"
