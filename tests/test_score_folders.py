"""`scorer score` of directories: which files are read, columns of their names, outputs, and runs that go on."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

import scorer
from scorer.__main__ import main
from scorer.progress import Progress
from tests.support.models import SMALL_BY_FORMAT
from tests.support.row_files import ROWS, read, written

Run = Callable[..., tuple[int, str]]
BAD: list[dict[str, Any]] = [{"id": 1, "x5": "monday", "x12": "2"}, {"id": 2, "x5": "monday", "x12": "two"}]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command in a directory of its own: its exit code, and what it says."""
    monkeypatch.chdir(tmp_path)

    def score(*arguments: str) -> tuple[int, str]:
        capsys.readouterr()
        code = main(["score", *arguments, "--allow-missing-columns", "--variables", "none"])
        return code, capsys.readouterr().err

    return score


def put(path: str, rows: list[dict[str, Any]] = ROWS) -> Path:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    return written(Path(path), rows)


def names(directory: str) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in Path(directory).rglob("*") if path.is_file())


def test_all_files_are_one_output_in_their_order(run: Run, model: scorer.Scorer) -> None:
    for index, path in enumerate(("b.csv", "a/z.parquet", "a/y.ndjson.gz")):
        put(f"rows/{path}", [{**row, "id": 10 * index + row["id"]} for row in ROWS])
    code, said = run("rows", "--keep", "id", "--out", "out.csv")
    assert (code, said.startswith("scored 9 rows of 3 files: outcome 1 for 0; missing cells")) == (0, True)
    phat = model.score(ROWS).phat.tolist()
    expected = [(str(row["id"]), repr(value)) for row, value in zip(ROWS, phat, strict=True)]
    found = [(row["id"], row["phat"]) for row in read(Path("out.csv"))]
    assert found == [(f"{index}{id_}", phat) for index in "21" for id_, phat in expected] + expected


def test_what_is_hidden_or_of_no_known_format_is_left_out(run: Run) -> None:
    put("rows/part-0.csv")
    for path in ("rows/_SUCCESS", "rows/.part-0.csv.crc", "rows/notes.txt", "rows/none"):
        Path(path).write_text("nothing")
    put("rows/_temporary/part-1.csv")
    put("rows/_x=1/part-2.csv")
    assert run("rows", "--out", "out.csv")[1].startswith("scored 6 rows of 2 files")
    put("hive/000000_0.csv").rename("hive/000000_0")
    assert run("hive", "--out", "hive.csv") == (
        2,
        "scorer: hive: no file of rows; --from names the format of files whose endings do not tell it\n",
    )
    assert run("hive", "--from", "csv", "--out", "hive.csv")[0] == 0
    assert run("none/", "--out", "none.csv") == (2, "scorer: none: no such file or directory\n")


def test_links_are_followed_but_not_in_a_circle(run: Run, tmp_path: Path) -> None:
    put("elsewhere/part-0.csv")
    Path("rows").mkdir()
    Path("rows/year=2026").symlink_to(tmp_path / "elsewhere")
    assert run("rows", "--out", "out.csv")[1].startswith("scored 3 rows: ")
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "rows")
    assert run("rows", "--out", "out.csv")[1] == (
        "scorer: rows/year=2026/back: a link that leads back to a directory above it\n"
    )


@pytest.mark.parametrize("form", ["parquet", "csv", "ndjson", "json", "arrow"])
def test_columns_of_directories_are_kept_and_scored(form: str, run: Run, model: scorer.Scorer) -> None:
    rows = [{"id": row["id"], "x12": row["x12"]} for row in ROWS]
    put(f"rows/year=2026/x5=monday/part-0.{form}", rows)
    put(f"rows/year=2025/x5=__HIVE_DEFAULT_PARTITION__/part-0.{form}", rows)
    assert run("rows", "--keep", "year,x5,id", "--out", "out.parquet")[0] == 0
    expected = model.score([{**row, "x5": day} for day in (None, "monday") for row in rows]).phat.tolist()
    table = parquet.read_table("out.parquet")
    assert table["phat"].to_pylist() == expected
    assert table["year"].to_pylist() == ["2025"] * 3 + ["2026"] * 3
    assert table["x5"].to_pylist() == [None] * 3 + ["monday"] * 3
    assert run("rows", "--keep", "month", "--out", "out.csv")[0] == (0 if form == "ndjson" or form == "json" else 2)


def test_a_column_that_the_file_has_itself_is_the_files(run: Run) -> None:
    put("rows/year=2026/part-0.csv", [{"x5": "monday", "year": 1999}])
    parquet.write_table(pa.table({"x5": ["monday"], "year": [1999]}), "rows/year=2026/part-1.parquet")
    assert run("rows", "--keep", "year", "--out", "out.csv")[0] == 0
    assert [row["year"] for row in read(Path("out.csv"))] == ["1999", "1999"]


def test_an_output_for_each_file_is_that_of_the_file_alone(run: Run) -> None:
    put("rows/year=2026/a.csv")
    put("rows/b.ndjson.gz")
    put("rows/c.pq")
    assert run("rows", "--out", "same/")[0] == run("rows", "--out", "out/", "--to", "parquet")[0] == 0
    assert names("same") == ["_scorer.json", "b.ndjson.gz", "c.pq", "year=2026/a.csv"]
    assert names("out") == ["_scorer.json", "b.parquet", "c.pq", "year=2026/a.parquet"]
    for path in names("same")[1:]:
        alone = f"alone{''.join(Path(path).suffixes)}"
        assert run(f"rows/{path}", "--out", alone)[0] == 0
        assert Path(alone).read_bytes() == Path("same", path).read_bytes()
    assert run("same", "--keep", "phat", "--out", "again.csv")[1].startswith("scorer: --keep phat: an output column")


def test_a_run_goes_on_with_what_is_missing_or_has_changed(run: Run) -> None:
    for name in "abcd":
        put(f"rows/{name}.csv")
    assert run("rows", "--out", "out/", "--resume")[1].startswith("scored 12 rows of 4 files")
    whole = {path: Path("out", path).read_bytes() for path in names("out")}
    assert run("rows", "--out", "out/", "--resume") == (
        0,
        "scored 0 rows of 0 files: outcome 1 for 0; files left out, done before: 4\n",
    )
    Path("out/b.csv").unlink()
    put("rows/c.csv", ROWS[:1])
    os.utime("rows/c.csv", (0, 0))  # a file may come with an old time
    put("rows/e.csv")
    said = run("rows", "--out", "out/", "--resume")[1]
    assert said.startswith("scored 7 rows of 3 files: outcome 1 for 0; files left out, done before: 2; missing cells")
    assert len(read(Path("out/c.csv"))) == 1
    assert {path: Path("out", path).read_bytes() for path in ("a.csv", "b.csv", "d.csv", "e.csv")} == {
        **{path: whole[path] for path in ("a.csv", "b.csv", "d.csv")},
        "e.csv": whole["a.csv"],
    }


def test_a_run_that_an_error_ended_goes_on_when_it_is_mended(run: Run) -> None:
    put("rows/a.csv")
    put("rows/b.csv", BAD)
    put("rows/c.csv")
    assert run("rows", "--out", "out/") == (2, "scorer: rows/b.csv: line 3, row 1, x12: the text is not a number\n")
    assert names("out") == ["_scorer.json", "a.csv"]
    put("rows/b.csv", BAD[:1])
    assert run("rows", "--out", "out/", "--resume")[1].startswith("scored 4 rows of 2 files")
    assert names("out") == ["_scorer.json", "a.csv", "b.csv", "c.csv"]


def test_an_output_of_a_changed_file_is_gone_before_the_change_is_recorded(run: Run) -> None:
    """Else a run that ends before it comes to this file would leave an old output that counts as new."""
    put("rows/a.csv", BAD[:1])
    put("rows/b.csv")
    assert run("rows", "--out", "out/")[0] == 0
    put("rows/a.csv", BAD)
    put("rows/b.csv", ROWS[:1])
    assert run("rows", "--out", "out/", "--resume")[0] == 2
    assert names("out") == ["_scorer.json"]
    put("rows/a.csv", BAD[:1])
    assert run("rows", "--out", "out/", "--resume")[1].startswith("scored 2 rows of 2 files")


def test_another_run_is_not_gone_on_with(run: Run, tmp_path: Path) -> None:
    put("rows/a.csv")
    assert run("rows", "--out", "out/")[0] == 0
    before = {path: Path("out", path).read_bytes() for path in names("out")}
    small = tmp_path / "small.json"
    small.write_text(json.dumps(SMALL_BY_FORMAT[3]))
    other = "scorer: out: its outputs are of another run, so --resume cannot go on with it: "
    for options, said in (
        (("--keep", "id"), f'{other}keep was [], and is ["id"]\n'),
        (("--to", "json"), f'{other}write_as was null, and is "json"\n'),
        (("--unknown-levels", "error"), f'{other}unknown_levels was "baseline", and is "error"\n'),
        (("--model", str(small)), f'{other}model was "glm-26 1.'),
    ):
        code, told = run("rows", "--out", "out/", "--resume", *options)
        assert (code, told[: len(said)]) == (2, said)
    put("others/a.csv")
    assert run("others", "--out", "out/", "--resume")[1].startswith(f"{other}source was ")
    assert run("rows", "--out", "out/") == (
        2,
        "scorer: out: has outputs of a run: go on with it by --resume, or name another directory\n",
    )
    assert {path: Path("out", path).read_bytes() for path in names("out")} == before


def test_outputs_that_nothing_tells_of_are_left_alone(run: Run) -> None:
    put("rows/a.csv")
    Path("out").mkdir()
    Path("out/other.txt").write_text("mine")
    Path("out/a.csv").write_text("mine")
    assert run("rows", "--out", "out")[1].startswith("scorer: out: has outputs of a run: ")
    assert run("rows", "--out", "out", "--resume") == (
        2,
        "scorer: out: has outputs, and no _scorer.json that tells which run they are of\n",
    )
    for damaged in ("", "[]", '{"run": {}}'):
        Path("out/_scorer.json").write_text(damaged)
        assert run("rows", "--out", "out", "--resume") == (2, "scorer: out/_scorer.json: not a record of a run\n")
    assert Path("out/a.csv").read_text() == "mine"


def test_bad_rows_of_all_files_name_their_file(run: Run) -> None:
    put("rows/year=2026/a.csv", BAD)
    put("rows/b.csv", BAD[::-1])
    report = ("--on-error", "report", "--keep", "id", "--errors")
    said = run("rows", "--out", "out.csv", *report, "bad.csv")[1]
    assert said.startswith("scored 2 rows of 2 files: outcome 1 for 0; bad rows, not scored: 2; missing")
    found = [(row["file"], row["row"], row["line"], row["field"], row["id"]) for row in read(Path("bad.csv"))]
    assert found == [("b.csv", "0", "2", "x12", "2"), ("year=2026/a.csv", "1", "3", "x12", "2")]


def test_bad_rows_are_reported_beside_each_output(run: Run) -> None:
    put("rows/year=2026/a.csv", BAD)
    put("rows/b.csv")
    command = ("rows", "--out", "out/", "--on-error", "report", "--errors", "bad/", "--resume")
    assert run(*command)[0] == 0
    assert names("bad") == ["b.csv", "year=2026/a.csv"]
    assert [row["row"] for row in read(Path("bad/year=2026/a.csv"))] == ["1"]
    assert read(Path("bad/b.csv")) == []
    Path("bad/b.csv").unlink()
    assert run(*command)[1].startswith("scored 3 rows of 1 file: outcome 1 for 0; files left out, done before: 1")
    assert names("bad") == ["b.csv", "year=2026/a.csv"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["rows", "--out", "rows/out/"], "rows/out/a.csv: below "),
        (["rows", "--out", "rows/out.csv"], "rows/out.csv: below "),
        (["rows", "--out", "rows"], "rows/a.csv: below "),
        (["rows", "--out", "out.csv", "--on-error", "report", "--errors", "rows/bad.csv"], "rows/bad.csv: below "),
        (["rows/a.csv", "--out", "rows/"], "rows/a.csv: the file and --out are the same file\n"),
        (["rows/in", "--out", "rows"], "rows/in/a.csv: below "),
        (
            ["rows", "--out", "o/", "--to", "json"],
            "o/b.json: --out of b.csv and --out of b.parquet are the same file\n",
        ),
        (["rows", "--out", "o/", "--on-error", "report", "--errors", "o/"], "o/a.csv: --out of a.csv and --errors"),
        (["rows", "--out", "o/", "--on-error", "report", "--errors", "o.csv"], "--errors o.csv: has to be a directory"),
        (["rows", "--out", "o.csv", "--on-error", "report", "--errors", "o/"], "--errors o/: a directory, which needs"),
        (["rows", "--out", "o/o"], "o/o: cannot tell the format by its ending; known are "),
        (["rows"], "the files are of several formats: name one for the output with --to\n"),
        (["rows", "--out", "o.csv", "--resume"], "--resume needs a directory as --out"),
        (
            ["-", "--from", "csv", "--out", "o/"],
            "--out o/: a directory, and standard input has no name for a file in it",
        ),
        (["mixed", "--keep", "id", "--out", "o.parquet"], "mixed/b.ndjson: column id has cells that are not int64, as"),
    ],
)
def test_what_does_not_fit_together_is_one_clear_line(arguments: list[str], said: str, run: Run) -> None:
    for path in ("rows/a.csv", "rows/b.csv", "rows/b.parquet", "rows/in/in/a.csv", "mixed/a.ndjson"):
        put(path)
    put("mixed/b.ndjson", [{"id": "seven", "x5": "monday"}])
    code, told = run(*arguments)
    assert (code, told[: len(said) + 8]) == (2, f"scorer: {said}")
    assert told.count("\n") == 1
    assert not Path("o").exists()
    assert not Path("o.csv").exists()


def test_a_terminal_sees_which_file_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], model: scorer.Scorer
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    progress = Progress(files=3, size=4_000)
    source = io.BytesIO(bytes(1_000))
    for size, rows, total in ((2_000, 10, 20), (1_000, 5, None)):
        progress.begin(source, size)
        source.seek(500)
        monkeypatch.setattr(progress, "_shown", 0.0)
        progress.add(model.score(ROWS), rows, total)
        assert progress.file_rows == rows
    shown = [line.split("  ") for line in capsys.readouterr().err.split("\r")[1:]]
    assert [line[:3] for line in shown] == [[" 25%", "file 1 of 3", "10 rows"], [" 62%", "file 2 of 3", "15 rows"]]
