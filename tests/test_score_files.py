"""`scorer score`: formats, compression, columns that are kept, bad rows, and what cannot be read or written."""

from __future__ import annotations

import gzip
import io
import json
import os
import signal
import subprocess
import sys
import time
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
from scorer.formats.rows import cells
from tests.test_imports import run_without

ROWS: list[dict[str, Any]] = [
    {"id": 7, "x5": "monday", "x12": "$1,205.10", "x31": "asia", "x81": "March", "x91": 0.793728},
    {"id": 8, "x5": "sunday", "x12": "($1.50)", "x31": None, "x81": "Mars", "x91": None},
    {"id": 9, "x5": None, "x12": "12", "x31": 'a "quoted",\nlevel', "x81": "May", "x91": -1e-7},
]
TYPED = ("parquet", "arrow", "arrows")


def columns_of(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    return {name: [row.get(name) for row in rows] for name in rows[0]}


def written(path: Path, rows: list[dict[str, Any]]) -> Path:
    """A file of rows, its format by its ending."""
    with path.open("wb") as file:
        writer = formats.writer(file, formats.format_of(path))
        writer.write(columns_of(rows))
        writer.close()
    return path


def read(path: Path) -> list[dict[str, Any]]:
    rows = []
    with path.open("rb") as file:
        for batch in formats.read(file, formats.format_of(path), str(path)):
            if isinstance(batch.rows, dict):
                columns = [cells(name, column) for name, column in batch.rows.items()]
                rows += [dict(zip(batch.rows, values, strict=True)) for values in zip(*columns, strict=True)]
            else:
                rows += [dict(row) for row in batch.rows]  # type: ignore[call-overload]
    return rows


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


@pytest.mark.parametrize("form", ["parquet", "arrow"])
def test_parquet_and_arrow_files_go_to_pipes_but_do_not_come_from_them(form: str, tmp_path: Path) -> None:
    path = written(tmp_path / f"rows.{form}", ROWS)
    command = f'"{sys.executable}" -m scorer score "{path}" --allow-missing-columns | cat > "{tmp_path}/out.{form}"'
    subprocess.run(command, shell=True, check=True, capture_output=True)
    assert len(read(tmp_path / f"out.{form}")) == 3
    command = f'cat "{path}" | "{sys.executable}" -m scorer score - --from {form}'
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    what = "a Parquet file" if form == "parquet" else "an Arrow file"
    expected = f"scorer: standard input: {what} cannot be read from a pipe; an Arrow stream can\n"
    assert (done.returncode, done.stderr) == (2, expected)


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


@pytest.mark.parametrize("form", ["csv", "parquet", "arrow", "arrows", "json"])
def test_missing_columns_are_named_once(form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / f"rows.{form}"
    if form == "json":
        path.write_text(json.dumps(columns_of(ROWS)))
    else:
        written(path, ROWS)
    assert main(["score", str(path)]) == 2
    assert capsys.readouterr().err == (
        f"scorer: {path}: no column x44, x53, x56, x58, x62, which the equation uses; "
        "with --allow-missing-columns all cells of such a column count as missing\n"
    )


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


def corrupt(tmp_path: Path) -> dict[str, Path]:
    """Files that cannot be read, by what is said of them."""
    long = ROWS * 5_000
    found = {}
    for form, said in {
        "parquet": "no Parquet file, or one that is cut off or damaged: ",
        "arrow": "no Arrow file, or one that is cut off or damaged: ",
        "arrows": "no Arrow stream, or one that is cut off or damaged: ",
        "csv.gz": "cut off: the end of its gzip data is missing\n",
        "ndjson.zst": "cut off: the end of its zstd data is missing\n",
        "arrows.gz": "cut off: the end of its gzip data is missing\n",
    }.items():
        path = written(tmp_path / f"cut.{form}", long)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        found[f"{form}: {said}"] = path
    return found


def test_files_that_are_cut_off_are_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for said, path in corrupt(tmp_path).items():
        assert main(["score", str(path), "--allow-missing-columns", "--out", str(tmp_path / "out.csv")]) == 2
        err = capsys.readouterr().err
        assert err.startswith(f"scorer: {path}: {said.partition(': ')[2]}")
        assert err.count("\n") == 1
        assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize("form", [*TYPED, "csv.gz", "json.zst"])
@pytest.mark.parametrize("data", [b"", b"x", b"nothing of the kind" * 100])
def test_what_is_of_another_format_is_one_clear_line(
    form: str, data: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / f"rows.{form}").write_bytes(data)
    assert main(["score", str(tmp_path / f"rows.{form}")]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"scorer: {tmp_path}/rows.{form}: ")
    assert err.count("\n") == 1


def test_a_column_of_a_wrong_type_is_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    columns = {"x5": pa.array(["monday"]), "x12": pa.array([[1.0]])}
    parquet.write_table(pa.table(columns), tmp_path / "rows.parquet")
    assert main(["score", str(tmp_path / "rows.parquet"), "--allow-missing-columns"]) == 2
    assert "column x12 has Arrow type list<element: double>" in capsys.readouterr().err
    arguments = ["score", str(tmp_path / "rows.parquet"), "--keep", "x12", "--variables", "none"]
    parquet.write_table(pa.table({**columns, "x12": [[2]], "x91": [0.5]}), tmp_path / "rows.parquet")
    assert main([*arguments, "--allow-missing-columns", "--to", "csv"]) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--out", "rows.csv"], "rows.csv: the file and --out are the same file\n"),
        (
            ["--out", "o.csv", "--on-error", "report", "--errors", "o.csv"],
            "o.csv: --out and --errors are the same file\n",
        ),
        (["--on-error", "report", "--errors", "rows.csv"], "rows.csv: the file and --errors are the same file\n"),
        (["--errors", "e.csv"], "--on-error report and --errors FILE need each other\n"),
        (["--on-error", "report"], "--on-error report and --errors FILE need each other\n"),
        (["--keep", "id,nothing"], "rows.csv: no column nothing to keep\n"),
        (["--keep", "x12"], "--keep x12: an output column has this name too: --variables none leaves variables out\n"),
        (["--keep", "phat", "--variables", "none"], "--keep phat: an output column has this name too\n"),
        (["--out", "no/o.csv"], "no/o.csv: no such file or directory\n"),
        (["--out", "folder"], "folder: is a directory\n"),
        (["--out", "o.txt"], "o.txt: cannot tell the format by its ending; known are .json, "),
        (["--out", "o.parquet.gz"], "o.parquet.gz: cannot tell the format by its ending; known are .json, "),
    ],
)
def test_options_that_cannot_be_followed_are_one_clear_line(
    options: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    written(tmp_path / "rows.csv", ROWS)
    if "--to" not in options and "folder" in options:
        options = [*options, "--to", "csv"]
    assert main(["score", "rows.csv", "--allow-missing-columns", *options]) == 2
    err = capsys.readouterr().err
    assert err.replace(f"{tmp_path}/", "").startswith(f"scorer: {message}")
    assert err.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "rows.csv"]


def test_a_directory_is_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for form in formats.NAMES:
        (tmp_path / f"d.{form}").mkdir()
        assert main(["score", str(tmp_path / f"d.{form}")]) == 2
        assert capsys.readouterr().err == f"scorer: {tmp_path}/d.{form}: is a directory\n"


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


def test_without_pyarrow_text_formats_work_and_others_say_what_to_install(tmp_path: Path) -> None:
    sources = [written(tmp_path / f"rows.{form}", ROWS) for form in ("csv", "json", "ndjson", "csv.gz", "ndjson.zst")]
    typed = [written(tmp_path / f"rows.{form}", ROWS) for form in TYPED]
    code = f"""
from scorer.__main__ import main
for path in {list(map(str, sources))!r}:
    assert main(["score", path, "--allow-missing-columns", "--out", path.replace("rows", "out")]) == 0
for path in {list(map(str, typed))!r}:
    assert main(["score", path]) == 2
    assert main(["score", {str(sources[0])!r}, "--allow-missing-columns", "--out", path + "out.parquet"]) == 2
"""
    done = run_without(("pyarrow", "pandas"), code)
    assert (done.returncode, done.stdout) == (0, "")
    expected = scorer.load().score(ROWS).phat.tolist()
    for path in sources:
        assert [float(row["phat"]) for row in read(tmp_path / path.name.replace("rows", "out"))] == expected
    said = [line for line in done.stderr.splitlines() if not line.startswith("scored 3 rows")]
    needs = "needs pyarrow: pip install 'coefficient-scorer[arrow]'"
    whats = ("a Parquet file", "an Arrow file", "an Arrow stream")
    lines = [[f"scorer: {path}: {what} {needs}", f"scorer: writing Parquet {needs}"] for path, what in zip(typed, whats)]
    assert said == [line for pair in lines for line in pair]


def test_ctrl_c_leaves_no_file(stand_in: Any, tmp_path: Path) -> None:
    """Neither of the scores nor of the errors, in any format."""
    data = stand_in.test.read_bytes()
    header, _, body = data.partition(b"\n")
    for form in ("csv", "parquet", "arrow", "arrows.gz", "json"):
        out = [str(tmp_path / f"out.{form}"), "--errors", str(tmp_path / f"errors.{form}"), "--on-error", "report"]
        command = [sys.executable, "-m", "scorer", "score", "-", "--from", "csv", "--out", *out]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdin
            assert process.stderr
            process.stdin.write(header + b"\n" + body)
            process.stdin.flush()  # it has read most of it, and waits for more
            process.send_signal(signal.SIGINT)
            error = process.stderr.read()
            process.stdin.close()
        assert (process.returncode, error) == (130, b"scorer: interrupted\n")
        assert list(tmp_path.iterdir()) == []
