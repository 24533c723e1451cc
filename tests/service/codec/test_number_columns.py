"""Columns that are read at once, held to the reader of single cells."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from export.notebook import MISSING_MARKERS
from scorer.cells import NumberReader
from scorer.coefficients import NUMBER_KINDS, NumberInput
from scorer.service.codec.number_columns import NumberColumn
from tests.support.cells import TEXTS

MARKERS = (MISSING_MARKERS, (), ("",), ("NA",), ("null",), ("", "null", "0", "-1"), ("null", "$0", "1,0", "1\n2"))

finite = st.floats(allow_nan=False, allow_infinity=False)
columns = st.lists(TEXTS) | st.lists(finite | st.none()) | st.lists(TEXTS | finite | st.none())


def reader(kind: str, markers: tuple[str, ...] = MISSING_MARKERS) -> NumberReader:
    return NumberReader(NumberInput("x", kind, 0.0, 0.0, 1.0), markers)


@given(st.sampled_from(NUMBER_KINDS), st.sampled_from(MARKERS), columns)
def test_a_column_is_read_to_the_bits_of_its_cells(kind: str, markers: tuple[str, ...], cells: list[Any]) -> None:
    single = reader(kind, markers)
    read = NumberColumn(single).read(cells)
    if isinstance(read, np.ndarray):
        assert read.tobytes() == np.array([single.read(cell) for cell in cells], np.float64).tobytes()
    else:
        assert read is cells


@pytest.mark.parametrize(
    ("kind", "cells", "values"),
    [
        ("number", ["1.5", "-2", "1e3"], [1.5, -2, 1000]),
        ("number", ["1.5", "", "NA", None, "null", " 7 "], [1.5, None, None, None, None, 7]),
        ("number", [1.5, "2.5", "", None, 0.0, "-0", -0.0, "0"], [1.5, 2.5, None, None, 0.0, -0.0, -0.0, 0.0]),
        ("number", [1.5, None], [1.5, None]),
        ("number", [], []),
        ("money", ["$1,204.50", "($1,204.50)", "$-12", "", "(0)"], [1204.5, -1204.5, -12, None, -0.0]),
        ("percent", ["41.5%", 2.5, "7"], [41.5, 2.5, 7]),
    ],
)
def test_columns_that_are_read_at_once(kind: str, cells: list[Any], values: list[float | None]) -> None:
    read = NumberColumn(reader(kind)).read(cells)
    assert isinstance(read, np.ndarray)
    assert read.tobytes() == np.array(values, dtype=np.float64).tobytes()


@pytest.mark.parametrize("text", ["+1", ".5", "1,5", "1]", "[1]", "+nan", "1e400", "1_0", "\ud800", '"1"', "true"])
def test_columns_that_are_left_to_the_reader(text: str) -> None:
    cells = ["1.5", text, 2.5]
    assert NumberColumn(reader("number")).read(cells) is cells
