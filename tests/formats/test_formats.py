from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from scorer import Scorer, formats
from scorer.errors import TableError
from scorer.formats.rows import cells


def rows_of(data: bytes, form: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for batch in formats.read(io.BytesIO(data), form, "f"):
        if isinstance(batch.rows, dict):
            columns = [cells(name, column) for name, column in batch.rows.items()]
            rows += [dict(zip(batch.rows, values, strict=True)) for values in zip(*columns, strict=True)]
        else:
            rows += batch.rows  # type: ignore[arg-type]
    return rows


def test_formats_by_ending() -> None:
    assert [formats.format_of(Path(name)) for name in ("a.json", "a.ndjson", "a.JSONL", "a.csv")] == [
        "json",
        "ndjson",
        "ndjson",
        "csv",
    ]
    with pytest.raises(TableError, match=r"a\.txt: cannot tell the format by its ending; known are \.json"):
        formats.format_of(Path("a.txt"))


@pytest.mark.parametrize(
    ("form", "data"),
    [
        ("csv", b'a,b\r\n1,x\r\n\r\n2,"y\nz"\r\n'),
        ("csv", b'\xef\xbb\xbfa,b\n1,x\n2,"y\nz"\n'),
        ("ndjson", b'{"a": "1", "b": "x"}\n\n{"a": "2", "b": "y\\nz"}'),
        ("json", b'[{"a": "1", "b": "x"}, {"a": "2", "b": "y\\nz"}]'),
    ],
)
def test_reading(form: str, data: bytes) -> None:
    assert rows_of(data, form) == [{"a": "1", "b": "x"}, {"a": "2", "b": "y\nz"}]


def test_one_object_is_one_row() -> None:
    assert rows_of(b'{"a": 1}', "json") == [{"a": 1}]


def test_batches_are_bounded_and_know_their_lines() -> None:
    lines = [b"a"] + [str(i).encode() for i in range(2_500)]
    batches = list(formats.read(io.BytesIO(b"\n".join(lines)), "csv", "f"))
    assert [batch.count for batch in batches] == [1_000, 1_000, 500]
    assert [batch.line_of(0) for batch in batches] == [2, 1_002, 2_002]


@pytest.mark.parametrize(
    ("form", "data", "message"),
    [
        ("csv", b"", "f: empty, without even a header line"),
        ("csv", b"a,b,a\n1,2,3\n", "f: columns are given twice: a"),
        ("csv", b"a,b\n1,2\n1\n", "f: line 3: 1 fields, where the header has 2"),
        ("csv", b'a,b\n1,"2\n', "f: line 2: unexpected end of data"),
        ("csv", b"a\n\xff\n", "f: line 2: not UTF-8"),
        ("ndjson", b'{"a": 1}\n{"a": \n', "f: line 2: not JSON: Expecting value"),
        ("ndjson", b'{"a": NaN}', "f: line 1: not JSON: NaN is not a JSON number"),
        ("json", b"[" * 100_000, "f: not JSON: nested too deeply"),
        ("json", b"3", "f: expected an object or an array of objects"),
        ("json", b'"text"', "f: expected an object or an array of objects"),
    ],
)
def test_what_is_refused(form: str, data: bytes, message: str) -> None:
    with pytest.raises(TableError) as caught:
        rows_of(data, form)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("form", formats.FORMATS)
def test_what_is_written_is_read_back(model: Scorer, form: str) -> None:
    first, second = model.score([{"x5": "monday", "x91": 0.25}]), model.score([{"x5": "friday"}, {"x12": "($1.10)"}])
    out = io.BytesIO()
    writer = formats.writer(out, form)
    writer.write(first.columns())
    writer.write(second.columns())
    writer.close()
    expected = first.to_rows() + second.to_rows()
    if form == "csv":
        read = list(csv.DictReader(io.StringIO(out.getvalue().decode())))
        assert [{key: json.loads(cell) for key, cell in row.items()} for row in read] == expected
    else:
        assert rows_of(out.getvalue(), form) == expected


def test_nothing_written_is_still_a_document() -> None:
    out = io.BytesIO()
    formats.writer(out, "json").close()
    assert json.loads(out.getvalue()) == []
