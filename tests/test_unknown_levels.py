"""Levels that the model does not know: they score as the baseline and are counted, or are errors. One law ties both."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import scorer
from scorer import BadRowsError, Scorer
from scorer.__main__ import main
from scorer.coefficients import CategoryInput
from scorer.errors import PROBLEMS_SHOWN, ParameterError

MODEL = scorer.load()
INPUTS = [declared.name for declared in MODEL.equation.inputs]
LEVELS = {each.name: each.levels for each in MODEL.equation.inputs if isinstance(each, CategoryInput)}
MISSING = (None, *MODEL.file.missing_markers)

texts = st.sampled_from(["Monday", "monday ", "no such level"]) | st.text(max_size=3)
category_cells = st.one_of(*(st.sampled_from(levels) for levels in LEVELS.values()), st.sampled_from(MISSING), texts)
rows_of_levels = st.lists(
    st.fixed_dictionaries(
        {"x91": st.none() | st.floats(-9, 9)}, optional=dict.fromkeys(LEVELS, category_cells) | {"x12": st.just("$5")}
    ),
    max_size=30,
)
"""Rows that can all be scored where unknown levels are no errors."""


def is_unknown(name: str, cell: object) -> bool:
    """Whether a cell has a level that the model does not know: told by the file alone, without the readers."""
    return name in LEVELS and cell not in MISSING and cell not in LEVELS[name]


def unknown_cells(rows: list[dict[str, Any]]) -> list[tuple[int, str]]:
    """Row and input of each such cell, in the order in which errors list them."""
    return [(index, name) for index, row in enumerate(rows) for name in INPUTS if is_unknown(name, row.get(name))]


@given(rows_of_levels)
def test_what_is_counted_is_what_is_refused(rows: list[dict[str, Any]]) -> None:
    counting = MODEL.score(rows)
    unknown = unknown_cells(rows)
    assert counting.unknown_levels == Counter(name for _, name in unknown)
    if unknown:
        with pytest.raises(BadRowsError) as caught:
            MODEL.score(rows, unknown_levels="error")
        listed = [(problem.row, problem.field) for problem in caught.value.problems]
        assert (listed, caught.value.total) == (unknown[:PROBLEMS_SHOWN], len(unknown))
        assert {problem.code for problem in caught.value.problems} == {"unknown_level"}
    else:
        refusing = MODEL.score(rows, unknown_levels="error")
        assert refusing.phat.tobytes() == counting.phat.tobytes()
        assert refusing.to_rows() == counting.to_rows()


@given(rows_of_levels)
def test_a_row_alone_is_read_as_columns_are(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        cells = [row.get(name) for name in INPUTS]
        alone, scores = MODEL.score_row_cells(cells), MODEL.score(row)
        assert (alone.phat, alone.unknown) == (scores.phat[0], sum(scores.unknown_levels.values()))
        if alone.unknown:
            with pytest.raises(BadRowsError) as of_row:
                MODEL.score_row_cells(cells, "error")
            with pytest.raises(BadRowsError) as of_columns:
                MODEL.score(row, unknown_levels="error")
            assert of_row.value.problems == of_columns.value.problems
        else:
            assert MODEL.score_row_cells(cells, "error").phat == alone.phat


def test_a_row_that_is_read_in_columns_counts_its_unknown_levels() -> None:
    """NaN in a category is missing, and only columns are read so."""
    alone = MODEL.score_row_cells([{"x5": "Monday", "x31": float("nan")}.get(name) for name in INPUTS])
    assert alone.unknown == 1


def test_bad_cells_and_unknown_levels_are_listed_together() -> None:
    rows: list[dict[str, Any]] = [{"x5": "monday"}, {"x5": "Monday", "x12": "$x"}, {"x5": 5}, {"x5": "secret"}]
    with pytest.raises(BadRowsError) as caught:
        MODEL.score(rows, unknown_levels="error")
    assert [(problem.row, problem.field, problem.code) for problem in caught.value.problems] == [
        (1, "x5", "unknown_level"),
        (1, "x12", "not_a_number"),
        (2, "x5", "wrong_type"),
        (3, "x5", "unknown_level"),
    ]
    assert str(caught.value) == "row 1, x5: the model does not know this level (and 3 more)"


@pytest.mark.parametrize(
    "columns",
    [
        {"x5": ["monday", "Monday"]},
        {"x5": ("monday", "Monday")},
        {"x5": np.array(["monday", "Monday"])},
        {"x5": np.ma.masked_array(["monday", "Monday"], [False, False])},
        {"x5": pd.Series(["monday", "Monday"], dtype="category")},
        pd.DataFrame({"x5": ["monday", "Monday"], "x91": [0.5, None]}),
    ],
    ids=["list", "tuple", "array", "masked array", "pandas category", "DataFrame"],
)
def test_every_container_is_read_alike(columns: Any) -> None:
    assert MODEL.score(columns).unknown_levels == {"x5": 1}
    with pytest.raises(BadRowsError) as caught:
        MODEL.score(columns, unknown_levels="error")
    assert [(problem.row, problem.field) for problem in caught.value.problems] == [(1, "x5")]


def test_a_masked_cell_and_every_missing_marker_have_no_level() -> None:
    masked = np.ma.masked_array(["monday", "Monday"], [False, True])
    rows: list[Mapping[str, object] | Any] = [{"x5": masked}, *({"x5": mark} for mark in MISSING)]
    for each in rows:
        assert MODEL.score(each, unknown_levels="error").missing["x5"] == 1


def test_the_golden_rows_may_have_unknown_levels(model: Scorer) -> None:
    """The certificate proves how they score, whatever callers ask for."""
    golden = [row.cells for row in model.file.certificate.rows]
    assert model.score(golden).unknown_levels


def test_another_value_is_refused_with_those_there_are() -> None:
    with pytest.raises(ParameterError, match=r"^unknown_levels: expected baseline or error$"):
        MODEL.score({"x5": "monday"}, unknown_levels="ignore")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "text", "place"),
    [
        ("a.csv", "x5,x12\n" + "monday,1\n" * 1500 + "Monday,1\n", "line 1502, row 1500, x5: "),
        ("a.ndjson", '{"x5": "monday"}\n\n{"x5": "Monday"}\n', "line 3, row 1, x5: "),
        ("a.json", '[{"x5": "monday"}, {"x5": "Monday"}]', "row 1, x5: "),
    ],
)
def test_the_command_line_names_line_row_and_field(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, text: str, place: str
) -> None:
    (tmp_path / name).write_text(text)
    out = tmp_path / "out.json"
    command = ["score", str(tmp_path / name), "--out", str(out), "--allow-missing-columns"]
    assert main([*command, "--unknown-levels", "error"]) == 2
    assert capsys.readouterr().err == f"scorer: {tmp_path / name}: {place}the model does not know this level\n"
    assert not out.exists()
    for option in ([], ["--unknown-levels", "baseline"]):
        assert main([*command, *option]) == 0
        assert capsys.readouterr().err.endswith("unknown levels: x5 1\n")


def test_the_command_line_scores_known_levels_alike(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.json").write_text(json.dumps([{"x5": "monday", "x31": "germany"}, {"x5": None}]))
    written = []
    for option in ("baseline", "error"):
        assert main(["score", str(tmp_path / "a.json"), "--unknown-levels", option]) == 0
        written.append(capsys.readouterr().out)
    assert written[0] == written[1]
    assert len(json.loads(written[0])) == 2
