"""Arrow's columns mean what lists of the same cells mean: the same bits, the same problems."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal, localcontext
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import scorer
from export.notebook import MISSING_MARKERS
from scorer import arrow_cells, cells
from scorer.coefficients import CategoryInput, NumberInput
from scorer.errors import BadShapeError, Problem

LEVELS = ("friday", "mo nday", "été", "$1")
READERS = {
    "category": cells.reader(CategoryInput("c", LEVELS, "friday", ()), MISSING_MARKERS),
    "category, unknown levels refused": cells.reader(
        CategoryInput("c", LEVELS, "friday", ()), MISSING_MARKERS, "error"
    ),
    **{kind: cells.reader(NumberInput("x", kind, 0.0, 0.0, 1.0), MISSING_MARKERS) for kind in ("number", "money")},
    "percent": cells.reader(NumberInput("x", "percent", 0.0, 0.0, 1.0), ["-999", "(7)", "5%", " "]),
    "number without markers": cells.reader(NumberInput("x", "number", 0.0, 0.0, 1.0), []),
}
NUMBERS = [name for name in READERS if "category" not in name]


def said(reader: cells.Reader, column: Any) -> tuple[bytes | None, list[Problem]]:
    """The bits of the values that are read, or the problems."""
    if isinstance(column, list):
        values, problems = cells.read_column(reader, column)
    else:
        column = column if isinstance(column, pa.ChunkedArray) else pa.chunked_array([column])
        values, problems = arrow_cells.read_column(reader, column)
    assert (values.dtype, values.shape) == (np.dtype(reader.dtype), (len(column),))
    if not problems and values.dtype == np.float64:
        values = np.where(np.isnan(values), np.nan, values)  # a NaN has many bit patterns, and all are missing
    return None if problems else values.tobytes(), problems


def cut(column: Any, at: Sequence[int]) -> Any:
    """The same column in chunks, some of them empty, each with the buffers of the whole."""
    bounds = [0, *sorted(index % (len(column) + 1) for index in at), len(column)]
    return pa.chunked_array([column[a:b] for a, b in pairwise(bounds)], column.type)


def padded(column: Any) -> Any:
    """The same column as a slice of a longer one."""
    return pa.concat_arrays([column, pa.nulls(1, column.type), column, column])[len(column) + 1 : 2 * len(column) + 1]


LAYOUTS: dict[str, Callable[[list[str | None]], Any]] = {
    "string": lambda texts: pa.array(texts, pa.string()),
    "large_string": lambda texts: pa.array(texts, pa.large_string()),
    "string_view": lambda texts: pa.array(texts, pa.string_view()),
    "slice": lambda texts: padded(pa.array(texts, pa.string())),
    "slice of large_string": lambda texts: padded(pa.array(texts, pa.large_string())),
    "slice of string_view": lambda texts: padded(pa.array(texts, pa.string_view())),
    "dictionary": lambda texts: pa.array(texts, pa.string()).dictionary_encode(),
    "dictionary of string_view": lambda texts: pa.array(texts, pa.string_view()).dictionary_encode(),
    "dictionary with a null level": lambda texts: pa.array(texts, pa.string()).dictionary_encode("encode"),
    "dictionary, each level as often as it occurs": lambda texts: pa.DictionaryArray.from_arrays(
        pa.array(range(len(texts)), pa.uint32()), pa.array(texts, pa.large_string())
    ),
    "dictionary with levels that no row has": lambda texts: pa.DictionaryArray.from_arrays(
        pa.array([None, *range(len(texts)), 0, 0, 0], pa.int16()), pa.array([*texts, "bad", "", None], pa.string())
    )[1 : 1 + len(texts)],
    "slice of a dictionary": lambda texts: padded(pa.array(texts, pa.string_view()).dictionary_encode()),
    "runs": lambda texts: pc.run_end_encode(padded(pa.array(texts, pa.string()))),
    "runs of string_view": lambda texts: pa.RunEndEncodedArray.from_arrays(
        pa.array(range(1, len(texts) + 1), pa.int32()), pa.array(texts, pa.string_view())
    ),
    "slice of runs": lambda texts: pc.run_end_encode(pa.array(["1", "1", *texts, None, "x", "x"]))[2 : 2 + len(texts)],
}

digits = st.text("0123456789", max_size=25)
numbers = st.floats(allow_nan=False).map(repr) | st.floats(-1e9, 1e9).map("{:.2f}".format) | st.integers().map(str)
numeric_text = st.one_of(
    numbers,
    st.tuples(st.sampled_from(["", "-", "+", "-$", "$-", "(", "($"]), digits, st.sampled_from(["", "."]), digits).map(
        "".join
    ),
    st.tuples(digits, st.sampled_from("eE"), st.integers(-400, 400).map(str)).map("".join),
    numbers.map("${}".format),
    numbers.map("({})".format),
    numbers.map("{}%".format),
    st.floats(-1e9, 1e9).map("${:,.2f}".format),
    st.tuples(st.text(" \t\n\r\v\f", max_size=2), numbers, st.text(" \t\n\f\x1c\x85\u00a0", max_size=2)).map("".join),
    st.text("0123456789+-.eE_$,()% \nxXinfaNtyI\x00\u0661\u00a0", max_size=12),
    st.sampled_from([*MISSING_MARKERS, "-999", "(7)", "7", "5%", "nan(1)", "+inf", "Infinity", "1e400", "1_0", "0x1"]),
)
texts = st.lists(st.none() | st.sampled_from([*LEVELS, "Friday", ""]) | numeric_text | st.text(max_size=3), max_size=40)


@given(cells=texts, cuts=st.lists(st.integers(0, 40), max_size=3))
@example(cells=["1"] * 40 + [" 1"] * 40 + ["x"], cuts=[])
@example(cells=["$1.5", None, "(2)"] * 30 + ["1e400", "NA", "nan(1)"], cuts=[35])
@example(cells=["1", "-999"], cuts=[])
@example(cells=["\u0661", "1\u00a0", "é$1", "1_0", "+-3"], cuts=[])
@settings(max_examples=100)
@pytest.mark.parametrize("name", READERS)
def test_texts_in_any_layout_are_read_as_a_list_of_them(name: str, cells: list[str | None], cuts: list[int]) -> None:
    expected = said(READERS[name], cells)
    for layout, make in LAYOUTS.items():
        column = make(cells)
        assert column.to_pylist() == cells
        assert said(READERS[name], column) == expected, layout
        assert said(READERS[name], cut(column, cuts)) == expected, layout


@given(st.lists(numbers, min_size=1, max_size=200))
@pytest.mark.parametrize("name", NUMBERS)
def test_plain_numbers_of_any_length_are_read_as_a_list_of_them(name: str, cells: list[str]) -> None:
    for write in ("{}", "({}", "${}", "{}%"):
        column: list[str | None] = [write.format(cell) for cell in cells]
        assert said(READERS[name], pa.array(column)) == said(READERS[name], column)


INTEGERS = [getattr(pa, f"{sign}int{width}")() for sign in ("", "u") for width in (8, 16, 32, 64)]


def bounds(kind: Any) -> dict[str, int]:
    signed = pa.types.is_signed_integer(kind)
    low = -(2 ** (kind.bit_width - 1)) if signed else 0
    return {"min_value": low, "max_value": low + 2**kind.bit_width - 1}


@given(st.data())
@pytest.mark.parametrize("kind", INTEGERS, ids=str)
@pytest.mark.parametrize("name", ["number", "category"])
def test_integers_are_rounded_as_python_does(name: str, kind: Any, data: st.DataObject) -> None:
    cells = data.draw(st.lists(st.none() | st.integers(**bounds(kind)), max_size=9))
    every_cell = [cell for cell in cells if cell is not None]
    for column in (cells, every_cell):
        array = pa.array(column, kind)
        for layout in (array, padded(array), array.dictionary_encode(), pc.run_end_encode(array)):
            assert said(READERS[name], layout) == said(READERS[name], column)


@given(st.lists(st.none() | st.floats(), max_size=9))
@pytest.mark.parametrize("name", ["money", "category"])
def test_floats_are_what_they_are(name: str, cells: list[float | None]) -> None:
    """NaN is missing; infinity is the error that it is in a list."""
    with np.errstate(over="ignore"):
        for kind in (pa.float64(), pa.float32(), pa.float16()):
            array = pa.array([None if cell is None else kind.to_pandas_dtype()(cell) for cell in cells], kind)
            for layout in (array, padded(array)):
                assert said(READERS[name], layout) == said(READERS[name], array.to_pylist())


@given(st.data())
@pytest.mark.parametrize("kind", [pa.decimal32, pa.decimal64, pa.decimal128, pa.decimal256])
@pytest.mark.parametrize("name", ["percent", "category"])
def test_decimals_are_rounded_once(name: str, kind: Any, data: st.DataObject) -> None:
    precision = {pa.decimal32: 9, pa.decimal64: 18, pa.decimal128: 38, pa.decimal256: 76}[kind]
    scale = data.draw(st.integers(0, precision))
    unscaled = st.integers(1 - 10**precision, 10**precision - 1)
    with localcontext(prec=precision):
        column = data.draw(st.lists(st.none() | unscaled.map(lambda cell: Decimal(cell).scaleb(-scale)), max_size=9))
    array = pa.array(column, kind(precision, scale))
    assert said(READERS[name], array) == said(READERS[name], column)
    assert said(READERS[name], padded(array)) == said(READERS[name], column)


def test_decimals_of_a_negative_scale() -> None:
    """A few, since pyarrow takes no large ones from Python."""
    column = [Decimal("5E+3"), None, Decimal("-123E+3")]
    assert said(READERS["number"], pa.array(column, pa.decimal128(5, -3))) == said(READERS["number"], column)


def test_arrow_itself_does_not_round_decimals_so() -> None:
    """Why they are read through their text."""
    (cell,) = column = [Decimal("3632556990.99")]
    assert pa.array(column, pa.decimal128(38, 2)).cast(pa.float64())[0].as_py() != float(cell)


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("cells", [[], [None, None], [True], [None, False, True]])
def test_booleans_and_nulls(name: str, cells: list[bool | None]) -> None:
    for kind in (pa.bool_(), pa.null()) if not any(cell is not None for cell in cells) else (pa.bool_(),):
        column = pa.array(cells, kind)
        assert said(READERS[name], column) == said(READERS[name], cells)


@pytest.mark.parametrize("name", ["number", "category"])
@pytest.mark.parametrize(
    "column",
    [
        pa.array([b"1"]),
        pa.array([b"1"], pa.binary_view()),
        pa.array([[1.0]]),
        pa.array([{"a": 1.0}]),
        pa.array([0], pa.timestamp("us")),
        pa.array([0], pa.duration("s")),
        pa.array([], pa.date32()),
        pa.array([], pa.decimal32(9, 10)),
        pa.array([], pa.decimal128(38, -39)),
        pa.array([b"1"]).dictionary_encode(),
        pc.run_end_encode(pa.array([0], pa.time32("s"))),
    ],
    ids=lambda column: str(column.type),
)
def test_other_types_are_refused_with_their_name(name: str, column: Any) -> None:
    with pytest.raises(BadShapeError) as caught:
        said(READERS[name], column)
    reason = f"has Arrow type {column.type}, which holds neither numbers nor texts"
    assert str(caught.value) == f"column {READERS[name].name} {reason}"


@pytest.mark.parametrize("name", READERS)
def test_a_dictionary_without_levels_is_missing(name: str) -> None:
    nothing = pa.Array.from_buffers(pa.large_string(), 0, [None, None, pa.py_buffer(b"")])
    column = pa.DictionaryArray.from_arrays(pa.array([None, None], pa.int8()), nothing)
    assert said(READERS[name], column) == said(READERS[name], [None, None])


@pytest.mark.parametrize("code", [pa.int8(), pa.uint8(), pa.int64(), pa.uint64()], ids=str)
def test_a_dictionary_with_as_many_levels_as_its_codes_can_tell(code: Any) -> None:
    cells = [*map(str, range(128)), None]
    column = pa.DictionaryArray.from_arrays(pa.array([*range(128), None], code), pa.array(cells[:-1]))
    assert said(READERS["number"], column) == said(READERS["number"], cells)
    assert said(READERS["category"], column) == said(READERS["category"], cells)


def test_a_bad_level_is_an_error_of_each_row_that_has_it() -> None:
    levels = pa.array(["1", "secret", "1e400", "many"])
    column = pa.DictionaryArray.from_arrays(pa.array([1, 0, None, 3, 1], pa.int8()), levels)
    problems = said(READERS["number"], pa.chunked_array([column[:2], column[2:]]))[1]
    assert [(problem.row, problem.code) for problem in problems] == [(row, "not_a_number") for row in (0, 3, 4)]
    assert not any("secret" in str(problem) for problem in problems)


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())]
)
def test_what_is_not_utf_8_is_no_number_and_no_level(kind: Any, model: scorer.Scorer) -> None:
    """Texts of a file that others have written may hold any bytes."""

    def column(*cells: bytes | None) -> Any:
        texts = pa.array(cells, pa.binary())
        if pa.types.is_dictionary(kind):
            levels = texts.dictionary_encode()
            return pa.DictionaryArray.from_arrays(levels.indices, levels.dictionary.cast(pa.string(), safe=False))
        return texts.cast(kind, safe=False)

    scores = model.score({"x5": column(b"monday", b"mon\xffday", None)})
    assert (scores.unknown_levels["x5"], scores.missing["x5"]) == (1, 1)
    with pytest.raises(scorer.BadRowsError, match="row 1, x12: the text is not a number"):
        model.score({"x12": column(b"$5", b"\xff5", None)})
