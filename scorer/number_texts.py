"""A column of texts of numbers → floats, all at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

_SEPARATOR = "\n"


def parse_all(texts: Sequence[str], clean: Callable[[str], str]) -> NDArray[np.float64] | None:
    """The numbers that texts mean, to the bits that float() gives each.

    Args:
        texts: n texts.
        clean: removes marks from a text, character by character; it is called once, with all texts joined.

    Returns:
        Finite numbers, shape (n,); None if the texts have to be read one by one.
    """
    cleaned = clean(_SEPARATOR.join(texts))
    if "_" in cleaned or not cleaned.isascii():
        return None
    parts = cleaned.split(_SEPARATOR) if texts else []
    try:
        numbers = np.fromiter(map(float, parts), np.float64, len(parts))
    except ValueError:
        return None
    return numbers if len(parts) == len(texts) and np.isfinite(numbers).all() else None
