"""The same texts of every kind in every container: one and the same score, or the same problems."""

from __future__ import annotations

import json
from typing import get_args

import duckdb
from hypothesis import given, settings
from hypothesis import strategies as st

from scorer import Scorer, reading
from scorer.cells import UnknownLevels
from tests.support.containers import COLUMNS, FRAMES, KINDS, Drawn, arrow_table, as_rows, said_of
from tests.support.models import SMALL

NUMBERS = {"amount": "money", "rate": "percent", "size": "number"}


def model_of_all_kinds() -> Scorer:
    """The small model with a number of each kind. Where all are missing, as in its golden row, they add nothing."""
    parameters = {"imputer_mean": 50.0, "scaler_mean": 50.0, "scaler_scale": 10.0, "training_range": None}
    inputs = [{"name": name, "kind": kind, **parameters} for name, kind in NUMBERS.items()]
    terms = [{"variable": name, "input": name, "coefficient": 0.01} for name in NUMBERS]
    document = {**SMALL, "inputs": SMALL["inputs"] + inputs, "terms": SMALL["terms"] + terms}
    return Scorer(reading.parse(json.dumps(document).encode()))


MODEL = model_of_all_kinds()
NUMBER_TEXTS = ["1.5", "-0.25", "+3", "1e-3", " 7\t", "", "NA", "9007199254740993", "0.1"]
TEXTS = {
    "amount": [*NUMBER_TEXTS, "$1,204.50", "($1,204.50)", "$-2", "-$2", "(3)"],
    "rate": [*NUMBER_TEXTS, "41.5%", "-3 %", "5%%"],
    "size": NUMBER_TEXTS,
    "colour": ["blue", "bright green", "red", "Red", " red", "violett", "", "NA"],
}
BAD_TEXTS = ["1_0", "inf", "nan", "1e400", "0x1", "$", "%", "-", "\u0661", "1\u00a0"]


@st.composite
def tables_of_texts(draw: st.DrawFn) -> dict[str, Drawn]:
    size = draw(st.integers(1, 9))
    bad = draw(st.sampled_from([[], [], BAD_TEXTS]))
    table = {}
    for name, texts in TEXTS.items():
        cells = draw(st.lists(st.none() | st.sampled_from([*texts, *bad]), min_size=size, max_size=size))
        table[name] = Drawn(KINDS["texts"], cells)
    return table


@given(table=tables_of_texts())
@settings(max_examples=60)
def test_one_score_or_the_same_problems_by_every_container(table: dict[str, Drawn]) -> None:
    for unknown_levels in get_args(UnknownLevels):
        expected = said_of(as_rows(table), MODEL, unknown_levels)
        columns = {each: {name: make(drawn) for name, drawn in table.items()} for each, make in COLUMNS.items()}
        frames = {each: make(table) for each, make in FRAMES.items()}
        for container, rows in {**columns, **frames}.items():
            assert said_of(rows, MODEL, unknown_levels) == expected, (container, unknown_levels)


@given(table=tables_of_texts())
@settings(max_examples=20)
def test_one_score_or_the_same_problems_by_a_query_of_duckdb(table: dict[str, Drawn]) -> None:
    with duckdb.connect() as connection:
        relation = connection.from_arrow(arrow_table(table))
        assert said_of(relation, MODEL) == said_of(as_rows(table), MODEL)
