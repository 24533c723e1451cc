"""What pyarrow's own validation leaves open: texts that share bytes, and what stands where a cell is null."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import types

_VIEW = np.dtype("<i4,<i4,<i4,<i4")
"""A text of a string_view (Columnar.rst, "Variable-size Binary View Layout"); its first number is its size in bytes."""


def holds_cells(kind: Any) -> bool:
    """Whether a type holds numbers or texts, or what is told as a bad cell. Others are not even validated."""
    if types.is_dictionary(kind) or types.is_run_end_encoded(kind):
        kind = kind.value_type
    return any(is_of(kind) for is_of in _CELLS)


_CELLS = (
    types.is_null,
    types.is_boolean,
    types.is_integer,
    types.is_floating,
    types.is_decimal,
    types.is_string,
    types.is_large_string,
    types.is_string_view,
)


def safe(array: Any) -> Any:
    """The same cells, with nothing under null that pyarrow would follow when it converts them.

    A string_view may hold any size under null. pyarrow's validation passes over these, and its conversion to other
    texts adds them up: it was seen to crash on a negative one.

    Args:
        array: one that pyarrow has validated in full.
    """
    kind = array.type
    if types.is_string_view(kind):
        return _without_sizes_under_null(array) if array.null_count else array
    if types.is_dictionary(kind):
        levels = safe(array.dictionary)
        if levels is not array.dictionary:
            return pa.DictionaryArray.from_arrays(array.indices, levels, ordered=kind.ordered)
    if types.is_run_end_encoded(kind) and types.is_string_view(kind.value_type):  # pyarrow cannot decode these
        values = safe(array.values).cast(pa.large_string())
        return pa.RunEndEncodedArray.from_arrays(array.run_ends, values).slice(array.offset, len(array))
    return array


def shared_bytes(array: Any) -> int:
    """The size of an array's texts once they are written out, where several cells may have the same bytes; else 0.

    Args:
        array: one whose buffers are as long as they have to be, whatever is in them.

    Raises:
        IndexError: a dictionary does not have a level.
    """
    kind = array.type
    if types.is_string_view(kind):
        return int(_sizes(array).sum())
    if types.is_dictionary(kind):
        sizes = _sizes(array.dictionary)
        most = int(sizes.max(initial=0)) * len(array)
        some = most if most <= _FEW else int(sizes.take(array.indices.drop_null().to_numpy()).sum())
        return some + shared_bytes(array.dictionary)
    if types.is_run_end_encoded(kind):
        return int(_sizes(array.values).max(initial=0)) * len(array) + shared_bytes(array.values)
    return 0


_FEW = 1 << 20
"""Bytes that need no closer look."""


def _sizes(array: Any) -> NDArray[np.int64]:
    """The size of each text; 0 for null, and for what is no text."""
    if types.is_string_view(array.type):
        sizes = _views(array)["f0"].astype(np.int64).clip(0)
        sizes[array.is_null().to_numpy(zero_copy_only=False)] = 0
        return sizes
    if types.is_string(array.type) or types.is_large_string(array.type):
        if not len(array):  # then it may have no offsets
            return np.zeros(0, np.int64)
        width = np.int64 if types.is_large_string(array.type) else np.int32
        offsets = np.frombuffer(array.buffers()[1], width, array.offset + len(array) + 1)[array.offset :]
        differences: NDArray[np.int64] = np.subtract(offsets[1:], offsets[:-1], dtype=np.int64)
        return differences
    return np.zeros(len(array), np.int64)


def _views(array: Any) -> NDArray[Any]:
    return np.frombuffer(array.buffers()[1] or b"", _VIEW, array.offset + len(array))[array.offset :]


def _without_sizes_under_null(array: Any) -> Any:
    views = _views(array).copy()
    views[array.is_null().to_numpy(zero_copy_only=False)] = 0
    validity, _, *texts = array.buffers()
    if array.offset:  # the bits of another place: written anew
        validity = pa.array(array.is_valid().to_numpy(zero_copy_only=False)).buffers()[1]
    return pa.Array.from_buffers(array.type, len(array), [validity, pa.py_buffer(views), *texts])
