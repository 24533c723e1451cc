"""The command line, in this process where that is enough and as a user runs it where it is not."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import scorer
from scorer.__main__ import main
from tests.support.models import RELEASED_1_0_0, SHIPPED
from tests.support.standin import StandIn


def test_score_a_csv_file(stand_in: StandIn, model: scorer.Scorer, tmp_path: Path) -> None:
    target = tmp_path / "answers.csv"
    assert main(["score", str(stand_in.test), "--out", str(target)]) == 0
    with target.open(newline="") as file:
        answers = [{key: json.loads(cell) for key, cell in row.items()} for row in csv.DictReader(file)]
    assert answers == model.score(stand_in.rows).to_rows()


def test_score_gives_the_same_from_every_format(
    stand_in: StandIn, model: scorer.Scorer, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    rows = stand_in.rows[:1_100]
    expected = model.score(rows).to_rows()
    sources = {
        "rows.json": json.dumps(rows),
        "rows.ndjson": "\n".join(json.dumps(row) for row in rows),
    }
    for name, text in sources.items():
        (tmp_path / name).write_text(text)
        assert main(["score", str(tmp_path / name), "--to", "ndjson"]) == 0
    written = capsysbinary.readouterr()
    assert [json.loads(line) for line in written.out.splitlines()] == expected + expected
    summary = written.err.decode().splitlines()[0]
    assert summary.startswith(
        f"scored 1,100 rows: outcome 1 for {sum(r['business_outcome'] for r in expected):,}; missing"
    )


def test_score_reads_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"x5": "Monday"}')))
    assert main(["score", "-", "--from", "json"]) == 0
    written = capsysbinary.readouterr()
    assert json.loads(written.out)[0]["x5_monday"] == 0
    assert b"unknown levels: x5 1" in written.err


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "x5,x12\nmonday,abc\n", "line 2, row 0, x12: the text is not a number"),
        (
            "a.csv",
            "x5,x12\n" + "monday,1\n" * 1500 + "monday,abc\n",
            "line 1502, row 1500, x12: the text is not a number",
        ),
        (
            "a.ndjson",
            '{"x5": "monday"}\n\n[1]\n',
            "line 3, row 1: expected an object with the model's inputs, got a list",
        ),
        ("a.json", '[{"x12": "a"}, {"x12": "b"}]', "row 0, x12: the text is not a number (1 more of these rows)"),
        ("a.csv", "a,b\n1,2\n", "none of the columns is an input of the model"),
        ("a.json", "{", "not JSON"),
    ],
)
def test_score_errors_name_the_place_and_leave_no_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, text: str, message: str
) -> None:
    (tmp_path / name).write_text(text)
    options = ["--out", str(tmp_path / "out.csv"), "--allow-missing-columns"]
    assert main(["score", str(tmp_path / name), *options]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"scorer: {tmp_path / name}: {message}")
    assert err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["score", "-"], "scorer: the format of standard input cannot be told: name it with --from"),
        (["score", "rows.txt"], "scorer: rows.txt: no such file or directory"),
        (["score", "nothing.csv"], "scorer: nothing.csv: no such file or directory"),
        (["score", str(SHIPPED), "--model", "nothing.json"], "scorer: nothing.json: no such file or directory"),
        (["verify", "nothing.json"], "scorer: nothing.json: no such file or directory"),
    ],
)
def test_errors_are_one_clear_line(capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert err.startswith(message)
    assert err.count("\n") == 1


def test_describe_is_the_whole_equation(capsys: pytest.CaptureFixture[str], model: scorer.Scorer) -> None:
    assert main(["describe"]) == 0
    text = capsys.readouterr().out
    for term in model.file.terms:
        assert term.variable in text
        assert f"{term.coefficient:g}" in text
    assert model.file.sha256 in text
    assert "cutoff 0.712" in text
    assert text.count("not known\n") == 7


def test_describe_another_model(
    tmp_path: Path, small: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small["terms"][0]["coefficient"] = 1000
    small["certificate"]["rows"][0]["phat"] = 1.0
    (tmp_path / "small.json").write_text(json.dumps(small))
    monkeypatch.setenv("SCORER_MODEL", str(tmp_path / "small.json"))
    assert main(["describe"]) == 0
    text = capsys.readouterr().out
    assert "1 if colour is missing, else 0" in text
    assert "12.5 to 97\n" in text
    assert "beyond float64" in text


def test_verify(capsys: pytest.CaptureFixture[str], tmp_path: Path, document: dict[str, Any]) -> None:
    assert main(["verify", str(SHIPPED)]) == 0
    printed = capsys.readouterr().out
    assert "golden rows reproduced, largest |Δphat|" in printed
    assert printed.endswith("    The certificate covers every value of the file.\n")
    assert main(["verify", str(RELEASED_1_0_0)]) == 0
    assert "A certificate of format 1 does not cover: model, version," in capsys.readouterr().out
    document["certificate"]["rows"][3]["phat"] = 0.5
    (tmp_path / "bad.json").write_text(json.dumps(document))
    assert main(["verify", str(tmp_path / "bad.json")]) == 2
    assert "$.certificate: edited since it was certified: " in capsys.readouterr().err


def test_ctrl_c_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(*_arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("scorer.__main__.load", interrupted)
    assert main(["describe"]) == 130
    assert capsys.readouterr().err == "scorer: interrupted\n"


def test_a_reader_that_leaves_early_is_no_error(stand_in: StandIn) -> None:
    command = f'"{sys.executable}" -m scorer score "{stand_in.test}" | head -n 1'
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("business_outcome,phat,x12,")
    assert "Error" not in done.stderr


def test_a_terminal_sees_progress(stand_in: StandIn) -> None:
    ours, theirs = pty.openpty()
    target = stand_in.test.with_name("progress.csv")
    command = [sys.executable, "-m", "scorer", "score", str(stand_in.test), "--out", str(target)]
    done = subprocess.run(command, stderr=theirs, check=False)
    os.close(theirs)
    shown = os.read(ours, 100_000).decode()
    os.close(ours)
    assert done.returncode == 0
    assert "rows/s" in shown
    assert " left" in shown
    assert "\033[Kscored 10,000 rows" in shown


@pytest.mark.parametrize("command", [["score", "{rows}", "--to", "parquet"], ["sample", "--format", "csv.gz"]])
def test_a_terminal_gets_no_bytes_that_are_not_text(stand_in: StandIn, command: list[str]) -> None:
    ours, theirs = pty.openpty()
    arguments = [argument.format(rows=stand_in.test) for argument in command]
    done = subprocess.run(
        [sys.executable, "-m", "scorer", *arguments], stdout=theirs, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(theirs)
    os.close(ours)
    assert done.returncode == 2
    assert done.stderr.startswith(f"scorer: {command[-1]} is not text for a terminal: name a file with --out, or ")
    assert done.stderr.count("\n") == 1


def test_many_rows_take_no_more_memory_than_few(stand_in: StandIn, tmp_path: Path) -> None:
    """Three times the rows, and the peak of the process grows by less than 10 MB; the file itself grows by 80 MB."""
    header, *lines = stand_in.test.read_text().splitlines()
    peaks = []
    for times in (40, 120):  # with fewer, allocators have not got all that they keep
        source = tmp_path / f"{times}.csv"
        source.write_text("\n".join([header, *(lines[:1_000] * times)]))
        code = (
            "from scorer.__main__ import main; assert main() == 0; "
            "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
        )
        command = [sys.executable, "-c", code, "score", str(source), "--out", str(tmp_path / "out.csv")]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout))
    assert peaks[1] - peaks[0] < 10_000, f"peak resident memory in KiB: {peaks}"
