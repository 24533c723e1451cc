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
_BLOCKS = (4096, 64)
"""Of texts among which one is refused, sizes of the blocks that are tried again: the last is left unread as a whole."""


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

    if not len(texts):  # it may have no offsets
        return np.empty(0), np.empty(0, np.bool_)
    texts = viewless(texts)
    cleaned = _clean(texts, marks) if marks else texts
    if not any(_is_number(marker, marks) for marker in markers):  # so a column of numbers has none of them
        values = _cast(cleaned)
        if values is not None and np.count_nonzero(np.isfinite(values)) == len(texts) - texts.null_count:
            return values, np.zeros(len(texts), np.bool_)
    is_marker = compute.is_in(texts, value_set=pyarrow.array(sorted(markers), texts.type))
    missing = compute.or_(is_marker, compute.is_null(texts)).to_numpy(zero_copy_only=False)
    present = _with_nulls(cleaned, missing)
    values = _cast(present)
    if values is None:
        values = np.full(len(texts), np.nan)
        _parse_all_but(compute.ascii_trim(present, _BLANKS), values)
    return values, ~np.isfinite(values) & ~missing


def viewless(texts: Any) -> Any:
    """The same array, but with texts in a layout for which Arrow has all functions: a string_view lacks many."""
    import pyarrow

    return texts.cast(pyarrow.large_string()) if pyarrow.types.is_string_view(texts.type) else texts


def cells(array: Any) -> list[Any]:
    """The cells of a pyarrow Array or ChunkedArray as Python's values, as `cell` gives each."""
    try:
        return array.to_pylist()  # type: ignore[no-any-return]
    except UnicodeDecodeError:
        return [cell(scalar) for scalar in array]


def cell(scalar: Any) -> Any:
    """A pyarrow Scalar as Python's value. A text may hold any bytes: U+FFFD stands for what is not UTF-8."""
    try:
        return scalar.as_py()
    except UnicodeDecodeError:
        return scalar.as_buffer().to_pybytes().decode(errors="replace")


def _is_number(text: str, marks: Marks) -> bool:
    for mark, replacement in marks:
        text = text.replace(mark, replacement)
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _cast(texts: Any) -> NDArray[np.float64] | None:
    """As numbers, null as NaN; None if one of them is refused. Arrow reads a subset of what float() reads, to the same
    bits, but for NaN and infinities.

    A few are tried first: Arrow goes on after a text that it refuses, and each takes it longer than many numbers.
    """
    import pyarrow

    try:
        texts[: _BLOCKS[-1]].cast(pyarrow.float64())
        numbers = texts.cast(pyarrow.float64())
    except pyarrow.ArrowInvalid:
        return None
    values: NDArray[np.float64] = numbers.to_numpy(zero_copy_only=False)
    return values


def _parse_all_but(texts: Any, values: NDArray[np.float64], blocks: Sequence[int] = _BLOCKS) -> None:
    """Fills in what can be read, and leaves as they are the refused texts with the rest of their blocks."""
    numbers = _cast(texts)
    if numbers is not None:
        values[:] = numbers
    elif blocks:
        size, *smaller = blocks
        for start in range(0, len(texts), size):
            _parse_all_but(texts[start : start + size], values[start : start + size], smaller)


def _clean(texts: Any, marks: Marks) -> Any:
    """The texts without marks: at once, on the bytes of all texts. Marks are ASCII, so never part of another character.

    Arrow's replace_substring, once for each mark, takes three times as long.
    """
    import pyarrow

    removed = "".join(mark for mark, replacement in marks if not replacement).encode()
    replaced = [(mark, replacement) for mark, replacement in marks if replacement]
    table = bytes.maketrans(*("".join(each).encode() for each in zip(*replaced, strict=True))) if replaced else None
    offsets, data_buffer = _buffers(texts)
    data = bytes(memoryview(data_buffer)[offsets[0] : offsets[-1]])
    offsets = (offsets - offsets[0]).astype(np.int64)
    characters = np.frombuffer(data, np.uint8)
    gone = np.zeros(len(characters), np.bool_)
    for character in removed:
        gone |= characters == character
    buffers = [
        _validity(texts.is_null().to_numpy(zero_copy_only=False)) if texts.null_count else None,
        pyarrow.py_buffer(offsets - _count_before(gone, offsets)),
        pyarrow.py_buffer(data.translate(table, removed)),
    ]
    return pyarrow.Array.from_buffers(pyarrow.large_string(), len(texts), buffers)


def _with_nulls(texts: Any, null: NDArray[np.bool_]) -> Any:
    """The same texts, in the same memory, with null where it is said. (For a slice if_else of pyarrow 20 errs.)"""
    import pyarrow

    offsets, data = _buffers(texts)
    return pyarrow.Array.from_buffers(texts.type, len(texts), [_validity(null), pyarrow.py_buffer(offsets), data])


def _buffers(texts: Any) -> tuple[NDArray[Any], Any]:
    """Where each text begins in the data, and the last ends, shape (n + 1,); and the data."""
    import pyarrow

    width = np.int32 if pyarrow.types.is_string(texts.type) else np.int64
    _, offsets, data = texts.buffers()
    return np.frombuffer(offsets, width)[texts.offset : texts.offset + len(texts) + 1], data or pyarrow.py_buffer(b"")


def _validity(null: NDArray[np.bool_]) -> Any:
    import pyarrow

    return pyarrow.py_buffer(np.packbits(~null, bitorder="little"))


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
