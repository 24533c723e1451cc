"""A column of floats and texts of numbers → floats, all at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

_SEPARATOR = "\n"


def parse_all(cells: Sequence[float | str], clean: Callable[[str], str]) -> NDArray[np.float64] | None:
    """The numbers of a column, to the bits that float() gives each.

    Args:
        cells: n floats, NaN where missing, and texts.
        clean: removes marks from a text, character by character; it is called once, with all texts joined.

    Returns:
        Finite numbers, and NaN where a cell is, shape (n,); None if the cells have to be read one by one.
    """
    texts = [cell for cell in cells if cell.__class__ is str]
    joined = _SEPARATOR.join(texts)
    cleaned = clean(joined)
    # float() also accepts underscores and digits of other scripts, which the notebook's CSV reader does not.
    if "_" in cleaned or not cleaned.isascii():
        return None
    if cleaned != joined:
        parts = cleaned.split(_SEPARATOR)
        if len(parts) != len(texts):
            return None
        part = iter(parts)
        cells = parts if len(parts) == len(cells) else [next(part) if cell.__class__ is str else cell for cell in cells]
    try:
        numbers = np.fromiter(map(float, cells), np.float64, len(cells))
    except ValueError:
        return None
    others = np.flatnonzero(~np.isfinite(numbers)).tolist()
    return None if any(cells[index] == cells[index] for index in others) else numbers  # only NaN is not equal to itself
