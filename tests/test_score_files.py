"""`scorer score`: formats, compression, columns that are kept, and bad rows."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

import scorer
from scorer import formats
from scorer.__main__ import main
from tests.support.row_files import ROWS, TYPED, columns_of, read, written


@pytest.mark.parametrize("source", formats.NAMES)
def test_every_format_and_compression_is_read_and_written(source: str, model: scorer.Scorer, tmp_path: Path) -> None:
    path = written(tmp_path / f"rows.{source}", ROWS)
    expected = model.score(ROWS).to_rows()
    for target in formats.NAMES:
        out = tmp_path / f"out.{target}"
        assert main(["score", str(path), "--allow-missing-columns", "--out", str(out)]) == 0
        answers = read(out)
        if target.startswith("csv"):
            answers = [{name: json.loads(cell) for name, cell in row.items()} for row in answers]
        assert answers == expected


@pytest.mark.parametrize("form", ["csv.gz", "ndjson.zst", "arrows", "json.gz"])
def test_pipes_are_read_and_written_compressed_too(form: str, model: scorer.Scorer, tmp_path: Path) -> None:
    path = written(tmp_path / f"rows.{form}", ROWS)
    command = [sys.executable, "-m", "scorer", "score", "-", "--from", form, "--allow-missing-columns", "--to", form]
    done = subprocess.run(command, input=path.read_bytes(), capture_output=True, check=True)
    (tmp_path / f"out.{form}").write_bytes(done.stdout)
    phat = [float(row["phat"]) for row in read(tmp_path / f"out.{form}")]
    assert phat == model.score(ROWS).phat.tolist()


@pytest.mark.parametrize("form", ["json", "ndjson", "csv", *TYPED])
def test_kept_columns_come_first_with_their_types(form: str, tmp_path: Path) -> None:
    day, price = date(2026, 11, 21), Decimal("1.50")
    columns: dict[str, Any] = {
        "x5": pa.array(["monday", "friday"]).dictionary_encode(),
        "id": pa.array([2**60 + 1, None]),
        "day": pa.array([day, None]),
        "price": pa.array([price, None]),
        "note": pa.array(['a "b",\r\nc', ""]),
        "sure": pa.array([True, False]),
    }
    parquet.write_table(pa.table(columns), tmp_path / "rows.parquet")
    out = tmp_path / f"out.{form}"
    options = ["--keep", "note,id,x5,day,price,sure", "--variables", "none", "--allow-missing-columns"]
    assert main(["score", str(tmp_path / "rows.parquet"), "--out", str(out), *options]) == 0
    first, second = read(out)
    assert list(first) == ["note", "id", "x5", "day", "price", "sure", "business_outcome", "phat"]
    kept: list[Any] = ['a "b",\r\nc', 2**60 + 1, "monday", "2026-11-21", "1.50", True]
    empty: Any = None
    if form == "csv":
        kept, empty = [*map(str, kept[:-1]), "true"], ""
    assert list(first.values())[:6] == kept
    assert [second[name] for name in ("note", "id", "day", "price")] == ["", empty, empty, empty]
    if form == "parquet":
        types = parquet.read_schema(out)
        assert [str(types.field(name).type) for name in ("id", "day", "price", "phat", "business_outcome")] == [
            "int64",
            "date32[day]",
            "decimal128(3, 2)",
            "double",
            "int64",
        ]


@pytest.mark.parametrize("form", ["json", "ndjson", "csv", *TYPED])
def test_bad_rows_are_reported_and_their_scores_are_empty(form: str, model: scorer.Scorer, tmp_path: Path) -> None:
    rows = [dict(ROWS[0], id=index) for index in range(300)]
    bad = [3, *range(100, 150), 299]
    for index in bad:
        rows[index]["x12"] = "abc"
    rows[120]["x91"] = "1e400"
    for row in rows:
        row["x91"] = str(row["x91"])  # Parquet and Arrow have columns of one type
    path = written(tmp_path / f"rows.{form}", rows)
    options = ["--allow-missing-columns", "--on-error", "report", "--keep", "id", "--variables", "none"]
    command = ["score", str(path), "--out", str(tmp_path / f"out.{form}"), "--errors", str(tmp_path / f"errors.{form}")]
    assert main([*command, *options]) == 0
    answers, errors = read(tmp_path / f"out.{form}"), read(tmp_path / f"errors.{form}")
    phat = repr(float(model.score(dict(ROWS[0])).phat[0]))
    empty = "" if form == "csv" else "None"
    assert [str(row["phat"]) for row in answers] == [empty if index in bad else phat for index in range(300)]
    assert [str(row["business_outcome"]) for row in answers if int(row["id"]) in bad] == [empty] * len(bad)
    assert [int(row["id"]) for row in answers] == list(range(300))
    expected = sorted([(index, "x12", "not_a_number") for index in bad] + [(120, "x91", "not_finite")])
    assert [(int(row["row"]), row["field"], row["code"]) for row in errors] == expected
    assert [int(row["id"]) for row in errors] == [index for index, _, _ in expected]
    offset = {"csv": 2, "ndjson": 1}.get(form)
    lines = [empty if offset is None else str(index + offset) for index, _, _ in expected]
    assert [str(row["line"]) for row in errors] == lines
    assert list(errors[0]) == ["row", "line", "field", "code", "message", "id"]


def test_rows_of_no_kind_are_reported_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rows.ndjson").write_text('{"x5": "monday", "id": 1}\n[1]\n{"y": 1, "id": 3}\n{"x91": 1e308}\n')
    options = ["--on-error", "report", "--errors", str(tmp_path / "errors.json"), "--keep", "id"]
    out = tmp_path / "out.json"
    assert main(["score", str(tmp_path / "rows.ndjson"), "--out", str(out), "--variables", "none", *options]) == 0
    errors = json.loads((tmp_path / "errors.json").read_bytes())
    assert [(row["line"], row["field"], row["code"], row["id"]) for row in errors] == [
        (2, None, "not_an_object", None),
        (3, None, "no_model_input", 3),
        (4, "x91", "not_finite", None),
    ]
    assert [row["phat"] is None for row in json.loads(out.read_bytes())] == [False, True, True, True]
    assert capsys.readouterr().err.startswith("scored 1 rows: outcome 1 for 0; bad rows, not scored: 3; missing cells")


def test_without_bad_rows_the_report_is_empty(tmp_path: Path) -> None:
    path = written(tmp_path / "rows.csv", ROWS)
    for form in ("csv", "parquet"):
        options = ["--on-error", "report", "--errors", str(tmp_path / f"errors.{form}"), "--allow-missing-columns"]
        assert main(["score", str(path), "--out", str(tmp_path / "out.csv"), *options]) == 0
    assert (tmp_path / "errors.csv").read_text() == "row,line,field,code,message\n"
    assert parquet.read_table(tmp_path / "errors.parquet").num_rows == 0


def test_files_without_rows(tmp_path: Path, model: scorer.Scorer) -> None:
    names = [declared.name for declared in model.equation.inputs]
    (tmp_path / "rows.csv").write_text(",".join(names) + "\n")
    (tmp_path / "rows.ndjson").write_text("")
    (tmp_path / "rows.json").write_text("[]")
    empty = pa.table({name: pa.array([], pa.string()) for name in names})
    parquet.write_table(empty, tmp_path / "rows.parquet")
    for path in sorted(tmp_path.glob("rows.*")):
        for form in formats.FORMATS:
            assert main(["score", str(path), "--out", str(tmp_path / f"out.{form}")]) == 0
            assert read(tmp_path / f"out.{form}") == []
    assert (tmp_path / "out.csv").read_text().startswith("business_outcome,phat,x12,")


def test_a_known_input_that_is_not_used_is_no_row_of_another_kind(tmp_path: Path) -> None:
    """As in JSON, where such a row is scored with all its inputs missing."""
    (tmp_path / "rows.csv").write_text("x0\n1\n2\n")
    out = tmp_path / "out.json"
    assert main(["score", str(tmp_path / "rows.csv"), "--allow-missing-columns", "--out", str(out)]) == 0
    assert [row["phat"] for row in read(out)] == scorer.load().score([{"x0": 1}] * 2).phat.tolist()


def test_columns_of_json_are_scored_as_its_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = tmp_path / "rows.json", tmp_path / "out.json"
    path.write_text(json.dumps(columns_of(ROWS)))
    options = ["--allow-missing-columns", "--keep", "id", "--variables", "none", "--out", str(out)]
    assert main(["score", str(path), *options]) == 0
    assert [(row["id"], row["phat"]) for row in json.loads(out.read_bytes())] == [
        (row["id"], phat) for row, phat in zip(ROWS, scorer.load().score(ROWS).phat.tolist(), strict=True)
    ]
    path.write_text('{"x5": ["monday"], "x12": []}')
    capsys.readouterr()
    assert main(["score", str(path)]) == 2
    assert "the columns differ in length: x5 has 1, x12 has 0" in capsys.readouterr().err
