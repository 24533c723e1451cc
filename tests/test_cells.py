from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from export.notebook import MISSING_MARKERS
from scorer import cells, errors
from scorer.coefficients import CategoryInput, NumberInput
from tests.support.cells import TEXTS

NUMBER, MONEY, PERCENT = (
    cells.reader(NumberInput("x", kind, 0.0, 0.0, 1.0), MISSING_MARKERS) for kind in ("number", "money", "percent")
)
CATEGORY = CategoryInput("c", ("friday", "monday"), "friday", ())
LEVEL = cells.reader(CATEGORY, MISSING_MARKERS)


@pytest.mark.parametrize(
    ("reader", "cell", "value"),
    [
        (NUMBER, -1.5, -1.5),
        (NUMBER, 3, 3.0),
        (NUMBER, 2**53 + 1, 9007199254740992.0),
        (NUMBER, "-0.482913", -0.482913),
        (NUMBER, "  1.5\t", 1.5),
        (NUMBER, "1e-3", 0.001),
        (NUMBER, "+.5", 0.5),
        (NUMBER, "7.", 7.0),
        (NUMBER, np.float32(0.5), 0.5),
        (NUMBER, np.int64(-2), -2.0),
        (NUMBER, Decimal("1.10"), 1.1),
        (NUMBER, np.array(1.5), 1.5),
        (NUMBER, np.array("1.5"), 1.5),
        (MONEY, Decimal("-1204.5"), -1204.5),
        (MONEY, "$1,204.50", 1204.5),
        (MONEY, "$-1,204.50", -1204.5),
        (MONEY, "($1,204.50)", -1204.5),
        (MONEY, "-$12", -12.0),
        (MONEY, " $41.50 ", 41.5),
        (MONEY, -1204.5, -1204.5),
        (MONEY, "1,234,567", 1234567.0),
        (PERCENT, "41.5%", 41.5),
        (PERCENT, "41.5", 41.5),
        (PERCENT, 41.5, 41.5),
        (LEVEL, "friday", 0),
        (LEVEL, "monday", 1),
        (LEVEL, "Monday", CATEGORY.unknown_code),
        (LEVEL, " monday", CATEGORY.unknown_code),
        (LEVEL, np.str_("monday"), 1),
        (LEVEL, np.array("monday"), 1),
    ],
)
def test_cells_that_are_read(reader: cells.Reader, cell: object, value: float) -> None:
    assert reader.read(cell) == value


NANS = (math.nan, np.float32("nan"), Decimal("NaN"), Decimal("sNaN"))
MISSING: tuple[object, ...] = (
    None,
    *NANS,
    pd.NA,
    np.ma.masked,
    np.array(math.nan),
    np.ma.array(1.5, mask=True),
    *MISSING_MARKERS,
)


@pytest.mark.parametrize("reader", [NUMBER, MONEY, PERCENT, LEVEL])
@pytest.mark.parametrize("cell", MISSING)
def test_missing_cells(reader: cells.Reader, cell: object) -> None:
    value = reader.read(cell)
    assert value == CATEGORY.missing_code if reader is LEVEL else math.isnan(value)


@pytest.mark.parametrize(
    ("reader", "cell", "code"),
    [
        (NUMBER, "1_000", "not_a_number"),
        (NUMBER, "0x10", "not_a_number"),
        (NUMBER, "$5", "not_a_number"),
        (NUMBER, "5%", "not_a_number"),
        (NUMBER, "1,000", "not_a_number"),
        (NUMBER, "1 2", "not_a_number"),
        (NUMBER, "  ", "not_a_number"),
        (NUMBER, "+nan", "not_a_number"),
        (NUMBER, "١", "not_a_number"),
        (NUMBER, "1\u00a0", "not_a_number"),
        (NUMBER, "abc", "not_a_number"),
        (NUMBER, "inf", "not_finite"),
        (NUMBER, "-Infinity", "not_finite"),
        (NUMBER, "1e400", "not_finite"),
        (NUMBER, math.inf, "not_finite"),
        (NUMBER, 10**400, "not_finite"),
        (NUMBER, Decimal("-Infinity"), "not_finite"),
        (NUMBER, Decimal("1e400"), "not_finite"),
        (NUMBER, True, "wrong_type"),
        (NUMBER, np.True_, "wrong_type"),
        (NUMBER, [1], "wrong_type"),
        (NUMBER, {"a": 1}, "wrong_type"),
        (NUMBER, b"1", "wrong_type"),
        (NUMBER, np.array([1.5]), "wrong_type"),
        (NUMBER, np.array(True), "wrong_type"),
        (NUMBER, np.array("2026-01-01", "M8[ns]"), "wrong_type"),
        (NUMBER, np.timedelta64(5, "ns"), "wrong_type"),
        (NUMBER, pd.NaT, "wrong_type"),
        (MONEY, "$", "not_a_number"),
        (MONEY, "(-$5)", "not_a_number"),
        (MONEY, "$NA", "not_a_number"),
        (PERCENT, "%", "not_a_number"),
        (LEVEL, 5, "wrong_type"),
        (LEVEL, 5.0, "wrong_type"),
        (LEVEL, Decimal(5), "wrong_type"),
        (LEVEL, False, "wrong_type"),
        (LEVEL, ["friday"], "wrong_type"),
    ],
)
def test_cells_that_are_refused(reader: cells.Reader, cell: object, code: str) -> None:
    with pytest.raises(cells.BadCellError) as caught:
        reader.read(cell)
    assert caught.value.code == code


def test_an_error_does_not_hold_the_cell() -> None:
    with pytest.raises(cells.BadCellError) as caught:
        NUMBER.read("a secret")
    assert "secret" not in caught.value.message


@pytest.mark.parametrize(
    ("array", "values"),
    [
        (np.array([1.5, np.nan]), [1.5, np.nan]),
        (np.array([1, 2], dtype=np.int32), [1.0, 2.0]),
        (np.array([0.5], dtype=np.float32), [0.5]),
        (np.array(["1.5", "NA"]), [1.5, np.nan]),
        (np.array(["1.5", None, 2, np.nan], dtype=object), [1.5, np.nan, 2.0, np.nan]),
    ],
)
def test_numpy_columns(array: np.ndarray[Any, Any], values: list[float]) -> None:
    read, problems = cells.read_column(NUMBER, array)
    assert read.dtype == np.float64
    assert problems == []
    np.testing.assert_array_equal(read, values)


def test_a_column_lists_every_problem() -> None:
    _, problems = cells.read_column(NUMBER, ["a", 1.0, True, "1e999"])
    assert [(p.row, p.field, p.code) for p in problems] == [
        (0, "x", "not_a_number"),
        (2, "x", "wrong_type"),
        (3, "x", "not_finite"),
    ]
    _, problems = cells.read_column(NUMBER, np.array([1.0, np.inf]))
    assert [(p.row, p.code) for p in problems] == [(1, "not_finite")]
    _, problems = cells.read_column(NUMBER, np.array([True]))
    assert [(p.row, p.code) for p in problems] == [(0, "wrong_type")]


def test_numbers_in_a_category_column() -> None:
    _, problems = cells.read_column(LEVEL, np.array([1.0, np.nan]))
    assert [(p.row, p.code) for p in problems] == [(0, "wrong_type")]


def test_a_column_of_dates() -> None:
    with pytest.raises(errors.BadShapeError, match="column x has dtype datetime64"):
        cells.read_column(NUMBER, np.array(["2026-01-01"], dtype="datetime64[ns]"))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_and_its_text_are_one(value: float) -> None:
    for text in (repr(value), json.dumps(value), f" {value!r}", f"{value:.17e}"):
        assert NUMBER.read(text) == value


@given(st.integers(min_value=-(10**9), max_value=10**9))
def test_money_as_the_notebook_writes_it(cents: int) -> None:
    value = cents / 100
    sign, amount = ("-" if cents < 0 else ""), f"{abs(value):,.2f}"
    assert MONEY.read(f"${sign}{amount}") == value
    assert MONEY.read(f"(${amount})") == -abs(value)


columns = st.lists(TEXTS | st.none()) | st.lists(TEXTS | st.none() | st.floats())


@given(st.sampled_from([NUMBER, MONEY, PERCENT, LEVEL]), columns)
def test_a_column_of_lists_is_read_as_its_cells(reader: cells.Reader, column: list[str | float | None]) -> None:
    values, problems = cells.read_column(reader, column)
    expected, codes = [], []
    for row, cell in enumerate(column):
        try:
            expected.append(reader.read(cell))
        except cells.BadCellError as error:
            codes.append((row, error.code))
    assert [(problem.row, problem.code) for problem in problems] == codes
    assert problems or values.tobytes() == np.array(expected, reader.dtype).tobytes()


@given(st.text())
def test_any_text_is_a_number_missing_or_an_error(text: str) -> None:
    for reader in (NUMBER, MONEY, PERCENT):
        try:
            value = reader.read(text)
        except cells.BadCellError:
            continue
        assert math.isfinite(value) or text in MISSING_MARKERS
