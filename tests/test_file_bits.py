"""Rows have one and the same phat to the bit in every format, and the page about files is true."""

from __future__ import annotations

import argparse
import csv
import io
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scorer import Scorer, formats
from scorer.__main__ import main
from scorer.formats import csv_format, csv_segments, csv_writer
from scorer.score_files import add_arguments
from tests.support.paths import ROOT
from tests.support.row_files import read

DOCS = (ROOT / "docs" / "files.md").read_text()
MARKERS = ("", "NA", "null", "NaN")
ODD = ("Mars", 'a "quoted" level', "x,y", "two\nlines", "cr\rlf\r\n", " monday", "\ufeffmonday", "é", "\x00")
numbers = st.floats(-1e9, 1e9).map(repr) | st.integers(-(10**6), 10**6).map(str)
money = st.sampled_from(["$1,205.10", "($1,204.50)", "$-1,204.50", " 12 ", "1e3", "", "NA", "-0"]) | numbers
percent = st.sampled_from(["41.5%", "-3%", "100", "", "nan"]) | numbers
levels = st.sampled_from(["monday", "sunday", "asia", "germany", "March", "October", *MARKERS, *ODD])
Row = dict[str, str | None]


@st.composite
def rows_of(draw: st.DrawFn, model: Scorer) -> list[Row]:
    """Rows with every input of the equation, of texts and nothing."""
    cells = {"number": numbers | st.sampled_from(["", "NA"]), "money": money, "percent": percent, "category": levels}
    each = {declared.name: st.none() | cells[declared.kind] for declared in model.equation.inputs}
    return draw(st.lists(st.fixed_dictionaries(each), min_size=1, max_size=12))


def csv_of(rows: Sequence[Row], end: str, mark: bytes) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows(rows)
    return mark + text.getvalue().encode()


@settings(max_examples=8)
@given(st.data())
def test_every_format_gives_the_same_bits(model: Scorer, data: st.DataObject) -> None:
    rows = data.draw(rows_of(model))
    expected = model.score(rows).phat.tolist()
    with tempfile.TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_format, "ARROW_BYTES", data.draw(st.sampled_from([0, csv_format.ARROW_BYTES])))
        patch.setattr(csv_segments, "SEGMENT_BYTES", data.draw(st.sampled_from([64, csv_segments.SEGMENT_BYTES])))
        folder = Path(directory)
        for form in formats.NAMES:
            with (folder / f"rows.{form}").open("wb") as file:
                writer = formats.writer(file, form)
                writer.write({name: [row[name] for row in rows] for name in rows[0]})
                writer.close()
        for index, end in enumerate(["\n", "\r\n", "\r"]):
            (folder / f"rows{index}.csv").write_bytes(csv_of(rows, end, b"\xef\xbb\xbf" if index else b""))
        for path in sorted(folder.glob("rows*")):
            assert main(["score", str(path), "--variables", "none", "--out", str(folder / "out.ndjson")]) == 0
            assert [row["phat"] for row in read(folder / "out.ndjson")] == expected


doubles = st.floats() | st.floats(1e-5, 1e-3) | st.floats(1e8, 1e10) | st.integers(-(2**53), 2**53).map(float)
integers = st.integers(-(2**63), 2**63 - 1)
texts = st.none() | st.text(max_size=4) | st.sampled_from(["a,b", '"', "\r", "\n", ""])


@given(st.lists(st.tuples(doubles, doubles | st.none(), texts, integers | st.none()), max_size=20))
@example([(0.5, 1e-4, "a", 1), (1e9, 1.0, None, None)])
def test_csv_of_columns_is_the_text_that_pythons_csv_module_writes(rows: list[tuple[Any, ...]]) -> None:
    """pyarrow is at hand here, and writes what it writes alike; a cell with a carriage return is quoted."""
    first, second, third, fourth = zip(*rows, strict=True) if rows else ((), (), (), ())
    columns = {
        "a": np.array(first, np.float64),
        "b": np.ma.array([cell or 0.0 for cell in second], np.float64, mask=[cell is None for cell in second]),
        "c": pa.array(third, pa.string()),
        "d": pa.array(fourth, pa.int64()),
    }
    out = io.BytesIO()
    csv_writer.CSVWriter(out).write(columns)
    lines = ["a,b,c,d\n"]
    for row in rows:
        line = io.StringIO(newline="")
        csv.writer(line).writerow([row[0], row[1] if row[1] is None else row[1] or 0.0, *row[2:]])
        lines.append(line.getvalue().removesuffix("\r\n") + "\n")
    assert out.getvalue().decode() == "".join(lines)


def test_the_commands_of_the_page_run(tmp_path: Path) -> None:
    script = "".join(re.findall(r"```sh\n(.*?)```", DOCS, re.DOTALL))
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    command = ["bash", "-eo", "pipefail", "-c", script]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)
    phat = [[float(row["phat"]) for row in read(path)] for path in sorted(tmp_path.glob("scores.*"))]
    assert len(phat) == 4
    assert all(each == phat[0] for each in phat)
    assert len(phat[0]) == 2_000
    everything = read(tmp_path / "all.parquet")
    each = [row for path in sorted(tmp_path.glob("scores/year=2026/*/part-0.csv")) for row in read(path)]
    assert [(row["month"], row["phat"]) for row in everything] == [(row["month"], float(row["phat"])) for row in each]
    assert len(everything) == 1_000


def test_every_format_and_option_is_on_the_page() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", DOCS, re.MULTILINE))
    assert tuple(sorted(rows)) == tuple(sorted(formats.FORMATS))
    for form, endings in rows.items():
        for ending in re.findall(r"`(\.\w+)`", endings):
            assert formats.format_of(Path(f"a{ending}")) == form
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    for option in re.findall(r"--[a-z-]+", parser.format_usage()):
        assert option in DOCS + "--unknown-levels", option
