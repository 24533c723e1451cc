"""Stand-in rows: what they look like, and that every coefficient file's can be scored, from every format alike."""

from __future__ import annotations

import io
import json
import math
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import scorer
from scorer import cells, formats, reading, sample
from scorer.__main__ import main
from scorer.coefficients import CategoryInput, Cell, CoefficientFile, TrainingRange
from tests.support.models import SMALL, SMALL_BY_FORMAT, with_ranges
from tests.support.servers import Server

Rows = Sequence[dict[str, Cell]]
COUNT = 4_000


@pytest.fixture(scope="module")
def drawn(model: scorer.Scorer) -> Rows:
    return list(sample.rows(model.file, COUNT))


def test_a_row_has_all_inputs_in_the_order_of_the_file(model: scorer.Scorer, drawn: Rows) -> None:
    names = [declared.name for declared in model.file.inputs]
    assert len(names) == 100
    assert all(list(row) == names for row in drawn)


def test_fewer_rows_are_the_first_ones_and_another_seed_gives_others(model: scorer.Scorer, drawn: Rows) -> None:
    for count in (0, 1, sample.BLOCK_ROWS, sample.BLOCK_ROWS + 1):
        assert list(sample.rows(model.file, count)) == drawn[:count]
    assert list(sample.rows(model.file, 3, seed=sample.SEED + 1)) != drawn[:3]


def test_numbers_have_the_mean_and_scale_of_the_file_and_levels_are_equally_frequent(
    model: scorer.Scorer, drawn: Rows
) -> None:
    """Within 4.5 standard errors, but for scales: within 6 %."""
    for declared in model.file.inputs:
        column = [row[declared.name] for row in drawn]
        present = [cell for cell in column if cell is not None]
        missing = 1 - len(present) / COUNT
        assert missing == pytest.approx(sample.MISSING_SHARE, abs=4.5 * math.sqrt(sample.MISSING_SHARE / COUNT))
        if isinstance(declared, CategoryInput):
            share = 1 / len(declared.levels)
            for level in declared.levels:
                assert present.count(level) / len(present) == pytest.approx(share, abs=4.5 * math.sqrt(share / COUNT))
        else:
            read, problems = cells.read_column(cells.reader(declared, ()), present)
            assert problems == []
            error = 4.5 * declared.scaler_scale / math.sqrt(COUNT)
            assert read.mean() == pytest.approx(declared.scaler_mean, abs=error)
            assert read.std() == pytest.approx(declared.scaler_scale, rel=0.06)


def test_cells_look_as_callers_send_them(model: scorer.Scorer, drawn: Rows) -> None:
    looks = {"money": r"\$-?[\d,]+\.\d\d|\(\$[\d,]+\.\d\d\)", "percent": r"\d+\.\d\d%", "category": ".+"}
    for declared in model.file.inputs:
        column = [row[declared.name] for row in drawn if row[declared.name] is not None]
        if declared.kind == "number":
            assert all(type(cell) is float and len(repr(cell).lstrip("-")) <= 10 for cell in column)
        else:
            assert all(isinstance(cell, str) and re.fullmatch(looks[declared.kind], cell) for cell in column)
    amounts = [str(row["x12"]) for row in drawn]
    assert {amount[:2] for amount in amounts} >= {"($", "$-", "$1"}


def test_numbers_stay_within_the_training_range(model: scorer.Scorer) -> None:
    ranges = {
        "x12": TrainingRange(-1_000.006, 1_000.006),
        "x44": TrainingRange(0.4, 0.6),
        "x63": TrainingRange(50.111, 50.112),  # no number of two decimals is between
        "x91": TrainingRange(0.1234567891, 0.1234567891),
    }
    drawn = list(sample.rows(with_ranges(model.file, ranges), 500))
    readers = {declared.name: cells.reader(declared, model.file.missing_markers) for declared in model.file.inputs}
    for name, known in ranges.items():
        read, _ = cells.read_column(readers[name], [row[name] for row in drawn])
        present = read[~np.isnan(read)]
        assert len(present) > 400
        assert known.min <= present.min() <= present.max() <= known.max
    assert {row["x91"] for row in drawn} == {None, 0.1234567891}


def written(file: CoefficientFile, file_format: str, count: int) -> bytes:
    target = io.BytesIO()
    sample.write(target, file_format, file, count)
    return target.getvalue()


def phat_of(model: scorer.Scorer, data: bytes, file_format: str) -> list[float]:
    batches = formats.read(io.BytesIO(data), file_format, "rows")
    return [phat for batch in batches for phat in model.score(batch.rows).phat.tolist()]


finite = st.floats(-1e6, 1e6)
names = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters='"\\'), min_size=1, max_size=8)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """A coefficient file whose golden row, with every cell missing, is right."""
    markers = draw(st.lists(st.sampled_from(["", "NA", "null"]), unique=True))
    inputs: list[dict[str, Any]] = []
    terms: list[dict[str, Any]] = []
    log_odds = intercept = draw(st.floats(-5, 5))
    for name in draw(st.lists(names, min_size=1, max_size=6, unique=True)):
        coefficient = draw(st.floats(-5, 5))
        if draw(st.booleans()):
            mean, scale = draw(finite), draw(st.floats(1e-9, 1e6) | st.sampled_from([1e-300, 1e300]))
            low, high = sorted(draw(st.tuples(finite, finite).filter(lambda pair: pair[0] != pair[1])))
            known = draw(st.sampled_from([None, {"min": mean + low * scale, "max": mean + high * scale}]))
            parameters = {"imputer_mean": mean, "scaler_mean": mean, "scaler_scale": scale, "training_range": known}
            inputs.append({"name": name, "kind": draw(st.sampled_from(["number", "money", "percent"])), **parameters})
            terms.append({"variable": name, "input": name, "coefficient": coefficient})
        else:
            levels = draw(st.lists(st.text(min_size=1).filter(lambda text: text not in ("NA", "null")), min_size=1))
            levels = list(dict.fromkeys(levels))
            dummy = {"variable": f"{name} is missing", "level": None}
            inputs.append(
                {"name": name, "kind": "category", "levels": levels, "baseline": levels[0], "dummies": [dummy]}
            )
            terms.append({"variable": dummy["variable"], "input": name, "level": None, "coefficient": coefficient})
            log_odds += coefficient
    golden = {"about": "missing", "cells": {inputs[0]["name"]: None}, "phat": 1 / (1 + math.exp(-log_odds))}
    certificate = {"computed_by": "by hand", "tolerance": 1e-9, "rows": [golden]}
    parts = {"inputs": inputs, "terms": terms, "certificate": certificate}
    return {**SMALL, "missing_markers": markers, "intercept": intercept, **parts}


@settings(max_examples=60)
@given(documents())
def test_rows_of_any_file_score_alike_from_every_format(document: dict[str, Any]) -> None:
    model = scorer.Scorer(reading.parse(json.dumps(document).encode()))
    rows = list(sample.rows(model.file, 30))
    expected = model.score(rows)
    assert expected.unknown_levels == {}
    for file_format in formats.FORMATS:
        assert phat_of(model, written(model.file, file_format, 30), file_format) == expected.phat.tolist()


@pytest.mark.parametrize("document", SMALL_BY_FORMAT.values(), ids=map(str, SMALL_BY_FORMAT))
def test_rows_of_small_files(document: dict[str, Any]) -> None:
    model = scorer.Scorer(reading.parse(json.dumps(document).encode()))
    scores = model.score(list(sample.rows(model.file, 500)))
    assert scores.unknown_levels == {}
    assert set(scores.missing) == {declared.name for declared in model.equation.inputs}


def test_where_nothing_means_missing_no_cell_is() -> None:
    file = reading.parse(json.dumps({**SMALL, "missing_markers": []}).encode())
    assert all(None not in row.values() for row in sample.rows(file, 500))


def test_the_same_bits_over_http_in_the_library_and_from_files(
    model: scorer.Scorer, server: Server, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    expected = model.score(list(sample.rows(model.file, 300))).to_rows()
    for file_format in formats.FORMATS:
        path = tmp_path / f"rows.{file_format}"
        assert main(["sample", "--rows", "300", "--out", str(path)]) == 0
        assert main(["score", str(path), "--to", "json"]) == 0
        assert json.loads(capsysbinary.readouterr().out) == expected
    with server.client() as client:
        assert client.predict((tmp_path / "rows.json").read_bytes()).json() == expected


def test_the_command_writes_ten_rows_of_json_unless_told_otherwise(
    model: scorer.Scorer, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert main(["sample"]) == 0
    assert json.loads(capsysbinary.readouterr().out) == list(sample.rows(model.file, sample.ROWS))
    assert main(["sample", "--rows", "3", "--seed", "7", "--format", "ndjson"]) == 0
    lines = capsysbinary.readouterr().out.splitlines()
    assert [json.loads(line) for line in lines] == list(sample.rows(model.file, 3, seed=7))


def test_rows_of_another_model(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    (tmp_path / "small.json").write_text(json.dumps(SMALL))
    assert main(["sample", "--rows", "0", "--format", "csv", "--model", str(tmp_path / "small.json")]) == 0
    assert capsysbinary.readouterr().out == b"the rate,unused,colour\n"
    assert main(["sample", "--rows", "0", "--model", str(tmp_path / "small.json")]) == 0
    assert capsysbinary.readouterr().out == b"[]\n"


@pytest.mark.parametrize("option", ["--rows", "--seed"])
@pytest.mark.parametrize("value", ["-1", "1.5", "many", "", "1_000"])
def test_a_number_that_is_none(option: str, value: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exited:
        main(["sample", option, value])
    assert exited.value.code == 2
    message = f"scorer sample: error: argument {option}: not a whole number of 0 or more: {value!r}"
    assert capsys.readouterr().err.splitlines()[-1] == message


def test_a_file_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rows.csv").mkdir()
    for path, reason in (("no/rows.csv", "no such file or directory"), ("rows.csv", "is a directory")):
        assert main(["sample", "--out", str(tmp_path / path)]) == 2
        assert capsys.readouterr().err == f"scorer: {tmp_path / path}: {reason}\n"
    assert main(["sample", "--out", "rows.txt"]) == 2
    assert capsys.readouterr().err.startswith("scorer: rows.txt: cannot tell the format by its ending; known are .json")
    assert [path.name for path in tmp_path.iterdir()] == ["rows.csv"]


def test_a_reader_that_leaves_early_is_no_error() -> None:
    command = f'"{sys.executable}" -m scorer sample --rows 100000 --format csv | head -n 1'
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert (done.stdout[:9], done.stderr) == ("x0,x1,x2,", "")


def test_ctrl_c_ends_it() -> None:
    with tempfile.TemporaryFile("w+") as said:
        command = [sys.executable, "-m", "scorer", "sample", "--rows", "1" + 12 * "0"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said)
        assert process.stdout is not None
        process.stdout.read(100_000)  # it is at work
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        assert process.wait() == 130
        process.stdout.close()
        said.seek(0)
        assert said.read() == "scorer: interrupted\n"


def test_memory_does_not_grow_with_the_rows() -> None:
    """Six times the rows, and the peak of the process grows by less than 5 MB; the rows themselves are 17 MB."""
    peaks = []
    for count in (2_000, 12_000):
        code = (
            "from scorer.__main__ import main; import sys; "
            f"assert main(['sample', '--rows', '{count}']) == 0; "
            "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')), "
            "file=sys.stderr)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=True
        )
        peaks.append(int(done.stderr))
    assert peaks[1] - peaks[0] < 5_000, f"peak resident memory in KiB: {peaks}"
