"""The function that an engine runs in its Python processes: RecordBatches in, RecordBatches with scores out."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

import scorer
from scorer import certificate, reading, sample
from scorer.coefficients import CoefficientFile
from scorer.engines.record_batches import RecordBatchScorer
from scorer.errors import BadShapeError, ParameterError, RowsError, TableError
from tests.support.models import SMALL
from tests.support.row_files import columns_of

ROWS = 60
USED = ["x5", "x12", "x31", "x44", "x53", "x56", "x58", "x62", "x81", "x91"]


@pytest.fixture(scope="module")
def table(model: scorer.Scorer) -> Any:
    """Stand-in rows of all inputs, with a column beside them."""
    return pa.table({"id": list(range(ROWS)), **columns_of(list(sample.rows(model.file, ROWS)))})


def scored(function: RecordBatchScorer, table: Any, size: int = 7) -> Any:
    return pa.Table.from_batches(function.batches(table.to_batches(max_chunksize=size)))


@pytest.mark.parametrize("size", [1, 7, ROWS])
@pytest.mark.parametrize("variables", [False, True])
def test_scores_have_the_bits_of_the_library(size: int, variables: bool, table: Any, model: scorer.Scorer) -> None:
    """And are the same after the function has travelled."""
    function = pickle.loads(pickle.dumps(RecordBatchScorer(model, keep=("id", "x5"), variables=variables)))
    found, expected = scored(function, table, size), model.score(table)
    columns = expected.columns() if variables else {"business_outcome": expected.outcome, "phat": expected.phat}
    assert found.column_names == ["id", "x5", *columns]
    assert found.select(["id", "x5"]).equals(table.select(["id", "x5"]))
    for name, values in columns.items():
        assert found[name].to_numpy().tobytes() == values.tobytes()
        assert found.schema.field(name) in function.fields()


def test_a_process_certifies_a_file_once(table: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    checked = []
    check = certificate.check

    def counted(file: CoefficientFile, *others: Any) -> float:
        checked.append(file.sha256)
        return check(file, *others)

    other = scorer.Scorer(replace(scorer.load().file, description="not unpickled before").sealed())
    function = pickle.dumps(RecordBatchScorer(other, variables=True))
    monkeypatch.setattr(certificate, "check", counted)
    for _ in range(3):
        scored(pickle.loads(function), table)
    assert checked == [other.file.sha256]


def test_little_travels(model: scorer.Scorer) -> None:
    assert len(pickle.dumps(RecordBatchScorer(model))) < len(pickle.dumps(model)) + 500


BAD = {
    "id": [17, 18, 19, None],
    "when": pa.array([0, 1, 2, 3], pa.date32()),
    "list": [[1], [2], [3], [4]],
    "x0": ["secret 1", "secret 2", "secret 3", "secret 4"],
    "x12": ["$5", "five", "six", "seven"],
    "x91": [0.5, float("inf"), None, 1.0],
}


def bad(**columns: Any) -> Any:
    absent = {name: pa.nulls(4) for name in ("x5", "x31", "x44", "x53", "x56", "x58", "x62", "x81")}
    return pa.table({**BAD, **absent, **columns})


@pytest.mark.parametrize(
    ("named_by", "columns", "where"),
    [
        (None, {}, "row with id=18, when=1970-01-02"),
        (("id",), {}, "row with id=18"),
        (("x0",), {}, "row with x0=secret 2"),
        ((), {}, "row 1 of a batch"),
        (("list",), {}, "row 1 of a batch"),
        (("id",), {"id": [None] * 4}, "row with id=null"),
        (("id",), {"id": ["ab" * 50] * 4}, f"row with id={'ab' * 30}…"),
        (("id",), {"id": pa.array([b"a\xff"] * 4).cast(pa.string(), safe=False)}, "row with id=a\ufffd"),
    ],
)
def test_an_error_names_the_row(
    named_by: tuple[str, ...] | None, columns: Any, where: str, model: scorer.Scorer
) -> None:
    table = bad(**columns)
    with pytest.raises(RowsError) as error:
        scored(RecordBatchScorer(model, keep=tuple(table.column_names), named_by=named_by), table, 4)
    assert str(error.value) == f"{where}: x12: the text is not a number (3 more in this batch of 4 rows)"
    assert [(problem.row, problem.field) for problem in error.value.problems][:2] == [(1, "x12"), (1, "x91")]


def test_one_problem_alone_is_not_counted(model: scorer.Scorer) -> None:
    with pytest.raises(RowsError, match=r"^row with id=18: x12: the text is not a number$"):
        scored(RecordBatchScorer(model, named_by=("id",)), bad(x91=pa.nulls(4)).slice(0, 2))


def test_bad_rows_are_reported_beside_the_scores_of_the_others(model: scorer.Scorer) -> None:
    found = scored(RecordBatchScorer(model, keep=("id",), variables=True, report=True), bad(), 4)
    assert found.schema.field("problems") == RecordBatchScorer(model, report=True).fields()[-1]
    problems = found["problems"].to_pylist()
    assert problems[0] is None
    assert [[(each["field"], each["code"]) for each in row] for row in problems[1:]] == [
        [("x12", "not_a_number"), ("x91", "not_finite")],
        [("x12", "not_a_number")],
        [("x12", "not_a_number")],
    ]
    assert found["id"].to_pylist() == BAD["id"]
    assert found["phat"].to_pylist() == [model.score(bad().slice(0, 1)).phat[0], None, None, None]
    assert all(found[name].null_count == 3 for name in model.score([{"x5": None}]).columns())
    assert scored(RecordBatchScorer(model, report=True), bad().slice(0, 1))["problems"].to_pylist() == [None]


def test_unknown_levels_can_be_errors(model: scorer.Scorer) -> None:
    table = bad(x12=pa.nulls(4), x91=pa.nulls(4), x5=["monday", "Monday", None, "sunday"])
    assert scored(RecordBatchScorer(model), table)["phat"].null_count == 0
    reported = scored(RecordBatchScorer(model, unknown_levels="error", report=True), table, 4)
    assert [row and row[0]["code"] for row in reported["problems"].to_pylist()] == [None, "unknown_level", None, None]
    with pytest.raises(ParameterError, match=r"^unknown_levels: expected baseline or error$"):
        RecordBatchScorer(model, unknown_levels="other").fields()  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_texts_that_are_not_utf_8_are_read_with_a_mark_in_place(kind: Any, model: scorer.Scorer) -> None:
    texts = pa.array([b"monday", b"mon\xffday", None, b"sunday"]).cast(kind, safe=False)
    table = bad(x12=pa.nulls(4), x91=pa.nulls(4), x5=texts)
    found = scored(RecordBatchScorer(model, unknown_levels="error", report=True), table, 4)["problems"].to_pylist()
    assert [row and row[0]["code"] for row in found] == [None, "unknown_level", None, None]


def structs(table: Any) -> Any:
    return table.to_struct_array().combine_chunks()


def test_a_struct_column_is_scored_by_its_fields(table: Any, model: scorer.Scorer) -> None:
    found = RecordBatchScorer(model, variables=True).structs(structs(table).slice(5))
    assert [field.name for field in found.type] == list(model.score(table).columns())
    assert found.field("phat").to_numpy().tobytes() == model.score(table).phat[5:].tobytes()
    assert found.null_count == 0


def test_a_struct_that_is_null_has_no_scores(table: Any, model: scorer.Scorer) -> None:
    null = [row % 3 == 0 for row in range(ROWS)]
    rows = pa.StructArray.from_arrays([column.combine_chunks() for column in table.columns], table.column_names)
    masked = pa.StructArray.from_arrays(rows.flatten(), table.column_names, mask=pa.array(null))
    found = RecordBatchScorer(model).structs(masked).to_pylist()
    expected = model.score(table).phat.tolist()
    assert [row and row["phat"] for row in found] == [
        None if is_null else phat for is_null, phat in zip(null, expected, strict=True)
    ]


@pytest.mark.parametrize(
    ("rows", "error", "message"),
    [
        (pa.array([1.5]), BadShapeError, "expected a struct with the inputs as its fields, got double"),
        (
            pa.array([{"id": 1, "x5": "monday"}]),
            BadShapeError,
            "no column x12, x31, x44, x53, x56, x58, x62, x81, x91, ",
        ),
        (structs(bad(x44=pa.array([0] * 4, pa.date32()))), TableError, "^rows: column x44 has Arrow type date32"),
    ],
)
def test_what_has_no_cells_to_score_is_told(
    rows: Any, error: type[Exception], message: str, model: scorer.Scorer
) -> None:
    with pytest.raises(error, match=message):
        RecordBatchScorer(model, report=True).structs(rows)


@pytest.mark.parametrize("report", [False, True])
def test_a_data_frame_is_scored_as_its_struct(report: bool, table: Any, model: scorer.Scorer) -> None:
    frame = table.to_pandas()
    frame["x44"] = frame["x44"].astype(object).where(frame["x44"].notna(), None)
    found = RecordBatchScorer(model, report=report).frame(frame)
    assert found["phat"].to_numpy(float).tobytes() == model.score(table).phat.tobytes()
    assert list(found) == ["business_outcome", "phat", *(["problems"] if report else [])]


def test_a_data_frame_has_none_for_what_is_not_there(model: scorer.Scorer) -> None:
    found = RecordBatchScorer(model, report=True).frame(bad().to_pandas())
    assert pd.isna(found["business_outcome"][1])
    assert found["problems"][0] is None
    assert [each["field"] for each in found["problems"][1]] == ["x12", "x91"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["id", "x5"], "^no column x12, x31, x44, x53, x56, x58, x62, x81, x91, which the equation uses$"),
        ([*USED, "id", "id", "x5", "x12"], "^columns are given twice: x5, x12$"),
    ],
)
def test_used_columns_are_checked_before_rows_come(names: list[str], message: str, model: scorer.Scorer) -> None:
    with pytest.raises(BadShapeError, match=message):
        RecordBatchScorer(model).check(names)


@pytest.mark.parametrize(
    ("keep", "error", "message"),
    [
        (("id", "day"), ParameterError, "^keep: no column day$"),
        (("id", "twice"), BadShapeError, "^columns are given twice: twice$"),
        (("id", "phat", "x12"), ParameterError, "^keep: columns are named as columns of the scores: phat, x12;"),
        (("problems",), ParameterError, "^keep: columns are named as columns of the scores: problems;"),
    ],
)
def test_kept_columns_are_checked_before_rows_come(
    keep: tuple[str, ...], error: type[Exception], message: str, model: scorer.Scorer
) -> None:
    function = RecordBatchScorer(model, keep=keep, variables=True, report=True)
    with pytest.raises(error, match=message):
        function.check_kept(["id", "phat", "problems", "twice", "twice", *USED])
    RecordBatchScorer(model, keep=("id", "x12", "problems")).check_kept(["id", "problems", *USED])


def test_a_model_of_other_names_is_scored_by_them() -> None:
    file = reading.parse(json.dumps(SMALL).encode())
    rows = pa.table({"the rate": ["12%", None], "colour": ["red", "bright green"], "unused": [1, 2], "p q": [1, 2]})
    found = scored(RecordBatchScorer(scorer.Scorer(file), keep=("p q",)), rows)
    assert found.column_names == ["p q", "bought", "p"]
    assert found["p"].to_numpy().tobytes() == scorer.Scorer(file).score(rows).phat.tobytes()


def test_no_batches_give_none(model: scorer.Scorer) -> None:
    nothing: Iterator[Any] = iter(())
    assert list(RecordBatchScorer(model).batches(nothing)) == []
