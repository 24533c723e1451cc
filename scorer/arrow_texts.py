"""Arrow texts → the numbers that they mean, on Arrow's buffers: no text becomes an object of Python's."""

from __future__ import annotations

import math
from collections.abc import Sequence, Set
from typing import Any

import numpy as np
from numpy.typing import NDArray

Marks = Sequence[tuple[str, str]]
"""What is replaced by what in a text before it is a number: a single ASCII character by another, or by nothing."""

_BLANKS = " \t\n\r\v\f"  # what float() allows around a number
_ONE_BY_ONE = 16
"""Texts among which one is refused that are not searched further, but all left unread."""


def parse(texts: Any, marks: Marks = (), markers: Set[str] = frozenset()) -> tuple[NDArray[np.float64], Any]:
    """The numbers of a column of texts.

    Args:
        texts: a pyarrow.Array of strings, of any layout, shape (n,).
        marks: what is replaced in each text, after it was compared with the markers.
        markers: texts that mean missing.

    Returns:
        float64, shape (n,), and which of them have been left unread, bool, shape (n,). A number that was read is finite
        and has the bits that float() gives; null and missing markers are NaN.
    """
    import pyarrow
    from pyarrow import compute

    texts = viewless(texts)
    cleaned = _clean(texts, marks) if marks else texts
    if not any(_is_number(marker, marks) for marker in markers):  # so a column of numbers has none of them
        values = _cast(cleaned)
        if values is not None and np.count_nonzero(np.isfinite(values)) == len(texts) - texts.null_count:
            return values, np.zeros(len(texts), np.bool_)
    is_marker = compute.is_in(texts, value_set=pyarrow.array(sorted(markers), texts.type))
    missing = compute.or_(is_marker, compute.is_null(texts)).to_numpy(zero_copy_only=False)
    # In this order: if_else of pyarrow 20 gives other texts for a slice.
    trimmed = compute.if_else(missing, None, compute.ascii_trim(cleaned, _BLANKS))
    values = np.full(len(texts), np.nan)
    _parse_all_but(trimmed, values)
    unread = ~np.isfinite(values) & ~missing
    return values, unread


def viewless(texts: Any) -> Any:
    """The same array, but with texts in a layout for which Arrow has all functions: a string_view lacks many."""
    import pyarrow

    return texts.cast(pyarrow.large_string()) if pyarrow.types.is_string_view(texts.type) else texts


def _is_number(text: str, marks: Marks) -> bool:
    for mark, replacement in marks:
        text = text.replace(mark, replacement)
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _cast(texts: Any) -> NDArray[np.float64] | None:
    """As numbers, null as NaN; None if one of them is refused. Arrow reads a subset of what float() reads, to the same
    bits, but for NaN and infinities."""
    import pyarrow

    try:
        numbers = texts.cast(pyarrow.float64())
    except pyarrow.ArrowInvalid:
        return None
    values: NDArray[np.float64] = numbers.to_numpy(zero_copy_only=False)
    return values


def _parse_all_but(texts: Any, values: NDArray[np.float64]) -> None:
    """Fills in what can be read, and leaves the neighbours of refused texts as they are."""
    numbers = _cast(texts)
    if numbers is not None:
        values[:] = numbers
    elif len(texts) > _ONE_BY_ONE:
        half = len(texts) // 2
        _parse_all_but(texts[:half], values[:half])
        _parse_all_but(texts[half:], values[half:])


def _clean(texts: Any, marks: Marks) -> Any:
    """The texts without marks: at once, on the bytes of all texts. Marks are ASCII, so never part of another character.

    Arrow's replace_substring, once for each mark, takes three times as long.
    """
    import pyarrow

    removed = "".join(mark for mark, replacement in marks if not replacement).encode()
    replaced = [(mark, replacement) for mark, replacement in marks if replacement]
    table = bytes.maketrans(*("".join(each).encode() for each in zip(*replaced, strict=True))) if replaced else None
    width = np.int32 if pyarrow.types.is_string(texts.type) else np.int64
    _, offsets_buffer, data_buffer = texts.buffers()
    offsets = np.frombuffer(offsets_buffer, width)[texts.offset : texts.offset + len(texts) + 1]
    data = bytes(memoryview(data_buffer or b"")[offsets[0] : offsets[-1]])
    offsets = (offsets - offsets[0]).astype(np.int64)
    characters = np.frombuffer(data, np.uint8)
    gone = np.zeros(len(characters), np.bool_)
    for character in removed:
        gone |= characters == character
    buffers = [
        _validity(texts),
        pyarrow.py_buffer(offsets - _count_before(gone, offsets)),
        pyarrow.py_buffer(data.translate(table, removed)),
    ]
    return pyarrow.Array.from_buffers(pyarrow.large_string(), len(texts), buffers)


def _validity(texts: Any) -> Any:
    import pyarrow

    if not texts.null_count:
        return None
    valid = texts.is_valid().to_numpy(zero_copy_only=False)
    return pyarrow.py_buffer(np.packbits(valid, bitorder="little"))


def _count_before(flags: NDArray[np.bool_], positions: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many flags are set before each position. Counted by words of 64 bits: a cumulative sum over single flags
    takes several times as long."""
    bits = np.packbits(flags, bitorder="little")
    words = np.zeros(len(flags) // 64 + 1, "<u8")
    words.view(np.uint8)[: len(bits)] = bits
    before = np.zeros(len(words), np.int64)
    np.cumsum(np.bitwise_count(words[:-1]), out=before[1:])
    index = positions >> 6
    below = (np.uint64(1) << (positions & 63).astype(np.uint64)) - np.uint64(1)
    counts: NDArray[np.int64] = before[index] + np.bitwise_count(words[index] & below)
    return counts
