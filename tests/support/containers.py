"""The same table of cells in every container that `Scorer.score` takes, and what the model says of it."""

from __future__ import annotations

import math
from collections import UserList, deque
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from hypothesis import strategies as st
from numpy.dtypes import StringDType
from numpy.ma import mrecords

import scorer
from scorer.cells import UnknownLevels
from scorer.errors import BadRowsError

MODEL = scorer.load()
FIELDS = ("x91", "x12", "x5")
"""A number, an amount of money and a category."""


class Kind(NamedTuple):
    """A kind of column that all libraries know.

    Attributes:
        cells: what its cells are, but for missing ones.
        hidden: a cell that is under the mask where one is missing.
        dtype: numpy's, then its names in the other libraries.
    """

    cells: st.SearchStrategy[Any]
    hidden: object
    dtype: Any
    pandas: str
    polars: Any
    arrow: Any


KINDS = {
    "floats": Kind(
        st.floats(-1e6, 1e6) | st.sampled_from([math.nan, math.inf, -0.0]),
        math.inf,
        np.float64,
        "Float64",
        pl.Float64,
        pa.float64(),
    ),
    "integers": Kind(st.integers(-(2**63), 2**63 - 1), 5, np.int64, "Int64", pl.Int64, pa.int64()),
    "texts": Kind(
        st.sampled_from(["1.5", " -2", "$1,204.50", "($2.50)", "", "NA", "monday", "friday", "no such level", "inf"]),
        "sunday",
        np.str_,
        "string",
        pl.String,
        pa.string(),
    ),
    "decimals": Kind(
        st.decimals(-1_000_000, 1_000_000, places=2),
        Decimal(5),
        np.object_,
        "object",
        pl.Decimal(20, 2),
        pa.decimal128(20, 2),
    ),
    "booleans": Kind(st.booleans(), False, np.bool_, "boolean", pl.Boolean, pa.bool_()),
}


class Drawn(NamedTuple):
    """A column as Python has it: cells, None for missing ones."""

    kind: Kind
    cells: list[Any]


@st.composite
def tables(draw: st.DrawFn, kinds: Sequence[str] = tuple(KINDS)) -> dict[str, Drawn]:
    size = draw(st.integers(1, 12))
    table = {}
    for field in FIELDS:
        kind = KINDS[draw(st.sampled_from(kinds if field != "x5" else ("texts", "texts", "texts", *kinds)))]
        table[field] = Drawn(kind, draw(st.lists(st.none() | kind.cells, min_size=size, max_size=size)))
    return table


def masked(drawn: Drawn) -> np.ma.MaskedArray[Any, Any]:
    missing = [cell is None for cell in drawn.cells]
    cells = [drawn.kind.hidden if cell is None else cell for cell in drawn.cells]
    return np.ma.masked_array(np.array(cells, dtype=drawn.kind.dtype), missing)


def string_dtype(drawn: Drawn, mark: object) -> Any:
    if drawn.kind.dtype is not np.str_:
        return drawn.cells
    cells = [mark if cell is None else cell for cell in drawn.cells]
    return np.array(cells, dtype=StringDType(na_object=mark))


def arrow(drawn: Drawn) -> Any:
    return pa.array(drawn.cells, drawn.kind.arrow)


def views(drawn: Drawn) -> Any:
    return arrow(drawn).cast(pa.string_view()) if drawn.kind.dtype is np.str_ else arrow(drawn)


def chunks(column: Any) -> Any:
    return pa.chunked_array([column.slice(0, 2), column.slice(2, 0), column.slice(2)])


COLUMNS: dict[str, Callable[[Drawn], Any]] = {
    "list": lambda drawn: drawn.cells,
    "tuple": lambda drawn: tuple(drawn.cells),
    "deque": lambda drawn: deque(drawn.cells),
    "UserList": lambda drawn: UserList(drawn.cells),
    "numpy objects": lambda drawn: np.array(drawn.cells, dtype=object),
    "numpy masked": masked,
    "numpy masked objects": lambda drawn: np.ma.masked_array(masked(drawn), dtype=object),
    "numpy objects, masked cells": lambda drawn: np.array(
        [np.ma.masked if cell is None else cell for cell in drawn.cells], dtype=object
    ),
    "numpy StringDType, None": lambda drawn: string_dtype(drawn, None),
    "numpy StringDType, NaN": lambda drawn: string_dtype(drawn, math.nan),
    "numpy StringDType, text": lambda drawn: string_dtype(drawn, "missing"),
    "pandas objects": lambda drawn: pd.Series(drawn.cells, dtype=object),
    "pandas inferred": lambda drawn: pd.Series(drawn.cells),
    "pandas nullable": lambda drawn: pd.Series(drawn.cells, dtype=drawn.kind.pandas),
    "pandas category": lambda drawn: pd.Series(drawn.cells, dtype="category"),
    "pandas Arrow": lambda drawn: pd.Series(drawn.cells, dtype=pd.ArrowDtype(drawn.kind.arrow)),
    "pandas, another index": lambda drawn: pd.Series(drawn.cells, dtype=drawn.kind.pandas)[::-1][::-1],
    "polars": lambda drawn: pl.Series(drawn.cells, dtype=drawn.kind.polars),
    "polars Categorical": lambda drawn: pl.Series(
        drawn.cells, dtype=pl.Categorical if drawn.kind.polars is pl.String else drawn.kind.polars
    ),
    "Arrow": arrow,
    "Arrow large_string": lambda drawn: pl.Series(drawn.cells, dtype=drawn.kind.polars).to_arrow(),
    "Arrow string_view": views,
    "Arrow sliced": lambda drawn: pa.concat_arrays([arrow(drawn), arrow(drawn)]).slice(len(drawn.cells)),
    "Arrow chunked": lambda drawn: chunks(arrow(drawn)),
    "Arrow dictionary": lambda drawn: arrow(drawn).dictionary_encode(),
    "Arrow dictionary, sliced": lambda drawn: pa.concat_arrays(2 * [arrow(drawn)]).dictionary_encode()[
        -len(drawn[1]) :
    ],
    "Arrow dictionary, chunked": lambda drawn: chunks(arrow(drawn).dictionary_encode()),
    "Arrow dictionary, chunks of other levels": lambda drawn: chunks(arrow(drawn)).dictionary_encode(),
    "Arrow dictionary of views": lambda drawn: chunks(views(drawn).dictionary_encode()),
}


def arrow_table(table: dict[str, Drawn]) -> Any:
    return pa.table({field: arrow(drawn) for field, drawn in table.items()})


def structured(table: dict[str, Drawn]) -> np.ma.MaskedArray[Any, Any]:
    columns = {field: masked(drawn) for field, drawn in table.items()}
    rows = np.ma.empty(
        len(next(iter(columns.values()))), dtype=[(field, column.dtype) for field, column in columns.items()]
    )
    for field, column in columns.items():
        rows[field] = column
    return rows


def structured_objects(table: dict[str, Drawn]) -> Any:
    rows = np.empty(len(next(iter(table.values())).cells), dtype=[(field, object) for field in table])
    for field, drawn in table.items():
        rows[field] = drawn.cells
    return rows


def records(table: dict[str, Drawn]) -> Any:
    from_arrays: Callable[..., Any] = mrecords.fromarrays  # numpy has its type since 2.5, and Python 3.11 has 2.4
    return from_arrays([masked(drawn) for drawn in table.values()], names=list(table))


FRAMES: dict[str, Callable[[dict[str, Drawn]], Any]] = {
    "pandas.DataFrame": lambda table: pd.DataFrame({field: drawn.cells for field, drawn in table.items()}),
    "pandas.DataFrame of Arrow": lambda table: arrow_table(table).to_pandas(types_mapper=pd.ArrowDtype),
    "polars.DataFrame": lambda table: pl.DataFrame({field: COLUMNS["polars"](drawn) for field, drawn in table.items()}),
    "pyarrow.Table": arrow_table,
    "pyarrow.Table of dictionaries": lambda table: pa.table(
        {field: arrow(drawn).dictionary_encode() for field, drawn in table.items()}
    ),
    "pyarrow.RecordBatchReader": lambda table: arrow_table(table).to_reader(max_chunksize=2),
    "pyarrow.StructArray": lambda table: arrow_table(table).to_struct_array().combine_chunks(),
    "pyarrow.RecordBatch": lambda table: arrow_table(table).to_batches()[0],
    "structured array": structured_objects,
    "masked structured array": structured,
    "masked records": records,
}


def said_of(rows: Any, model: scorer.Scorer = MODEL, unknown_levels: UnknownLevels = "baseline") -> dict[str, Any]:
    """Everything that a model says of rows, floats as their bits; or what is wrong with which row and field."""
    try:
        scores = model.score(rows, unknown_levels=unknown_levels)
    except BadRowsError as error:
        return {"problems": [(p.row, p.field, p.code) for p in error.problems], "total": error.total}
    return {
        "phat": scores.phat.tobytes(),
        "outcome": scores.outcome.tolist(),
        "variables": {name: (str(values.dtype), values.tobytes()) for name, values in scores.variables.items()},
        "missing": scores.missing,
        "unknown": scores.unknown_levels,
    }


def as_rows(table: dict[str, Drawn]) -> list[dict[str, Any]]:
    return [dict(zip(table, row, strict=True)) for row in zip(*(drawn.cells for drawn in table.values()), strict=True)]
