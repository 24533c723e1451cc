"""`scorer score`: what cannot be read or written is one clear line and leaves no file."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

import scorer
from scorer import formats
from scorer.__main__ import main
from scorer.formats import parquet_format
from tests.support.row_files import ROWS, TYPED, columns_of, read, written
from tests.support.standin import StandIn
from tests.test_imports import run_without


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
        (
            ["--keep", "id,row", "--on-error", "report", "--errors", "e.csv"],
            "--keep row: a column of --errors has this name too\n",
        ),
        (["--out", "no/o.csv"], "no/o.csv: no such file or directory\n"),
        (["--out", "folder", "--errors", "e.csv", "--on-error", "report"], "--errors e.csv: has to be a directory, "),
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
    assert main(["score", "rows.csv", "--allow-missing-columns", *options]) == 2
    err = capsys.readouterr().err
    assert err.replace(f"{tmp_path}/", "").startswith(f"scorer: {message}")
    assert err.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "rows.csv"]


def test_an_empty_directory_is_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for form in formats.NAMES:
        (tmp_path / f"d.{form}").mkdir()
        assert main(["score", str(tmp_path / f"d.{form}")]) == 2
        assert capsys.readouterr().err.startswith(f"scorer: {tmp_path}/d.{form}: no file of rows; ")


def test_an_error_late_in_a_file_is_one_clear_line(tmp_path: Path) -> None:
    """Also where a row group was written."""
    (tmp_path / "rows.csv").write_text("x12\n" + "1.5\n" * (parquet_format.GROUP_ROWS + 10_000) + "two\n")
    out = tmp_path / "out.parquet"
    command = ["score", str(tmp_path / "rows.csv"), "--allow-missing-columns", "--out", str(out)]
    done = subprocess.run([sys.executable, "-m", "scorer", *command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "row 141072, x12: the text is not a number" in done.stderr
    assert not out.exists()


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
    lines = [
        [f"scorer: {path}: {what} {needs}", f"scorer: writing Parquet {needs}"]
        for path, what in zip(typed, whats, strict=True)
    ]
    assert said == [line for pair in lines for line in pair]


def test_ctrl_c_leaves_no_file(stand_in: StandIn, tmp_path: Path) -> None:
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
