"""CSV means the same whether pyarrow or Python's csv module reads it, and wherever its chunks end."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scorer.errors import TableError
from scorer.formats import csv_format, csv_segments
from scorer.formats.csv_format import Parser

Rows = list[tuple[int | None, dict[str, str]]]


@contextmanager
def small_segments(size: int = 1, with_arrow: bool = True) -> Iterator[None]:
    """Cuts after few bytes, so that few bytes have many cuts, and reads as few by pyarrow."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_segments, "SEGMENT_BYTES", size)
        patch.setattr(csv_format, "ARROW_BYTES", 0)
        if not with_arrow:
            patch.setitem(sys.modules, "pyarrow", None)
        yield


def parse(chunks: Sequence[bytes], header: list[str] | None = None, wanted: set[str] | None = None) -> Rows | str:
    """The rows of all batches, each with its line, or the error."""
    rows: Rows = []
    try:
        parser = Parser("f", wanted, header)
        for batches in (*map(parser.feed, chunks), parser.finish()):
            for batch in batches:
                assert isinstance(batch.rows, dict)
                columns = [
                    column if isinstance(column, tuple) else column.to_pylist() for column in batch.rows.values()
                ]
                assert {len(column) for column in columns} <= {batch.count}
                for index in range(batch.count):
                    cells = (column[index] for column in columns)
                    rows.append((batch.line_of(index), dict(zip(batch.rows, cells, strict=True))))
    except TableError as error:
        return str(error)
    return rows


def as_python_reads(data: bytes) -> Rows | str:
    """What csv.DictReader makes of a whole file, with the errors of this project."""
    reader = csv.reader(io.TextIOWrapper(io.BytesIO(data), encoding="utf-8-sig", newline=""), strict=True)
    rows: Rows = []
    try:
        header = next(filter(None, reader), None)
        if header is None:
            return "f: empty, without even a header line"
        if len(set(header)) < len(header):
            return f"f: columns are given twice: {', '.join(sorted({c for c in header if header.count(c) > 1}))}"
        for row in filter(None, reader):
            if len(row) != len(header):
                return f"f: line {reader.line_num}: {len(row)} fields, where the header has {len(header)}"
            rows.append((reader.line_num, dict(zip(header, row, strict=True))))
    except csv.Error as error:
        return f"f: line {reader.line_num}: {error}"
    return rows


PIECES = (
    *",\n\"'a$1 ",
    "\r",
    "\r\n",
    '""',
    ',"',
    '",',
    '"\n',
    "é",
    "\x00",
    "\ufeff",
    "\x0b",
    "\u2028",
    "\\",
    ";",
    "\t",
)
texts = st.lists(st.sampled_from(PIECES), max_size=40).map("".join)
rows_of_two = st.lists(st.tuples(st.text(max_size=5), st.text(max_size=5)), max_size=12)


@st.composite
def documents(draw: st.DrawFn) -> bytes:
    """CSV, or what is nearly CSV."""
    written = io.StringIO(newline="")
    terminator = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    csv.writer(written, lineterminator=terminator, quoting=draw(st.sampled_from([0, 1]))).writerows(
        [("a", "b"), *draw(rows_of_two)]
    )
    return draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + (written.getvalue() + draw(texts | st.just(""))).encode()


@st.composite
def chunked(draw: st.DrawFn, of: st.SearchStrategy[bytes]) -> list[bytes]:
    data = draw(of)
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=6)))
    return [data[start:end] for start, end in pairwise([0, *cuts, len(data)])]


@pytest.mark.parametrize("with_arrow", [True, False], ids=["pyarrow", "csv"])
@example([b'a,b\n1,"x\n', b'y"\n2,z'], 1)
@example([b'a,b\n5" disk,1\n"p\nq",2\n'], 1)
@example([b'a,b\n1,2\n"x"y,"\n3,4\n'], 1)
@example([b"a,b\r", b"\n1,2\r", b"\r\n3,4"], 1)
@example([b'"a"\n\xef\xbb\xbf1\n\xef\xbb\xbf'], 1)
@given(chunked(documents() | texts.map(str.encode)), st.integers(1, 30))
def test_texts_lines_and_errors_are_those_of_the_csv_module(with_arrow: bool, chunks: list[bytes], size: int) -> None:
    with small_segments(size, with_arrow):
        assert parse(chunks) == as_python_reads(b"".join(chunks))


bytes_of_pieces = st.lists(st.sampled_from([*map(str.encode, PIECES), b"\xff", b"\xc3", b"\xed\xa0\x80"]), max_size=40)


@given(chunked(bytes_of_pieces.map(b"".join)), st.integers(1, 30), st.sampled_from([None, {"a"}, {"b", "z"}, set()]))
def test_any_bytes_give_the_same_in_both_engines_whole_and_in_chunks(
    chunks: list[bytes], size: int, wanted: set[str] | None
) -> None:
    found = []
    for header in (["a", "b"], None):
        for with_arrow, cut, pieces in (
            (True, 1 << 20, [b"".join(chunks)]),
            (True, size, chunks),
            (False, size, chunks),
        ):
            with small_segments(cut, with_arrow):
                found.append(parse(pieces, header, wanted))
    assert found[0] == found[1] == found[2]
    assert found[3] == found[4] == found[5]


def test_bytes_that_are_not_utf_8_are_found_in_columns_that_nobody_wants() -> None:
    for with_arrow in (True, False):
        with small_segments(with_arrow=with_arrow):
            assert parse([b"a,b\n1,2\n3,\xff\n"], wanted={"a"}) == "f: line 3: not UTF-8"


def test_only_wanted_columns_are_returned_in_the_order_of_the_header() -> None:
    for with_arrow in (True, False):
        with small_segments(with_arrow=with_arrow):
            assert parse([b"a,b,c\n1,2,3\n"], wanted={"c", "a", "z"}) == [(2, {"a": "1", "c": "3"})]
            assert parse([b"1,2\n"], ["p", "q"], {"q"}) == [(1, {"q": "2"})]
            assert parse([b"1,2\n"], ["p", "q"], set()) == [(1, {})]


def test_a_document_without_rows_is_one_empty_batch() -> None:
    (batch,) = Parser("f", {"b"}, ["a", "b"]).finish()
    assert (batch.rows, batch.count) == ({"b": ()}, 0)


@pytest.mark.parametrize(
    "field", ["x" * 131_073, '"' + "x,\n" * 44_000 + '"', '"' + '""' * 131_073 + '"', "é" * 131_073], ids=range(4)
)
def test_a_field_longer_than_csvs_limit_is_an_error_in_both_engines(field: str) -> None:
    data = b"a,b\n" + b"1,2\n" * 50_000 + b"1," + field.encode() + b"\n" + b"3,4\n" * 50_000
    found = []
    for with_arrow in (True, False):
        with small_segments(csv_segments.SEGMENT_BYTES, with_arrow):
            found.append(parse([data], wanted={"a"}))
    assert found[0] == found[1]
    assert str(found[0]).endswith("field larger than field limit (131072)")


@pytest.mark.parametrize("size", [1 << 12, 1 << 22])
def test_a_quote_that_never_closes_does_not_fill_the_memory(size: int) -> None:
    text = b"text, and more text\n" * (size // 20)
    chunks = [b'a,b\n1,2\n3,"', *[text] * (40 * (1 << 20) // size)]
    assert parse(chunks) == "f: line 3: a row has more than 16,777,216 bytes, or a quote never closes"


def test_lines_are_told_however_many_segments_came_before() -> None:
    data = b"a,b\r\n" + b'1,"p\r\nq"\r\n\r\n' * 200_000 + b"1\r\n"
    assert parse([data]) == "f: line 600002: 1 fields, where the header has 2"
    rows = parse([data[:-3]])
    assert isinstance(rows[0], tuple)
    assert isinstance(rows[-1], tuple)
    assert (len(rows), rows[0][0], rows[-1][0]) == (200_000, 3, 600_000)
