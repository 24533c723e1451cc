"""A file that is read by ranges: the bytes of the file, in few requests, a bounded part of them in memory."""

from __future__ import annotations

import io
import random
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from scorer import formats, sample
from scorer.coefficients import CoefficientFile
from scorer.folders import ranges
from scorer.folders.ranges import GAP_BYTES, PIECE_BYTES, RangeFile
from scorer.scorer import Scorer


class Remote:
    """Bytes that are far away, and what was asked for."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.asked: list[tuple[int, int]] = []
        self._lock = threading.Lock()

    def fetch(self, start: int, end: int) -> bytes:
        assert 0 <= start < end <= len(self.data)
        with self._lock:
            self.asked.append((start, end))
        return self.data[start:end]

    def open(self) -> RangeFile:
        return RangeFile(self.fetch, len(self.data))


@pytest.fixture
def remote() -> Remote:
    return Remote(random.Random(1).randbytes(3 * PIECE_BYTES + 100))


def test_a_file_that_is_read_through_is_asked_for_once(remote: Remote) -> None:
    with remote.open() as file:
        file.expect()
        assert io.BufferedReader(file, 1 << 20).read() == remote.data
    assert sorted(remote.asked) == [
        (0, PIECE_BYTES),
        (PIECE_BYTES, 2 * PIECE_BYTES),
        (2 * PIECE_BYTES, 3 * PIECE_BYTES),
        (3 * PIECE_BYTES, 3 * PIECE_BYTES + 100),
    ]


def test_what_is_not_expected_is_read_too(remote: Remote) -> None:
    with remote.open() as file:
        file.expect([(10, 20), (PIECE_BYTES, PIECE_BYTES + 30)])
        for start, size in ((0, 5), (5, 10), (15, 100), (PIECE_BYTES - 5, 50), (len(remote.data) - 8, 100)):
            file.seek(start)
            assert file.tell() == start
            assert file.read(size) == remote.data[start : start + size]
        file.seek(-4, io.SEEK_END)
        file.seek(2, io.SEEK_CUR)
        assert file.read() == remote.data[-2:]
        assert file.read(1) == b""
        file.seek(10, io.SEEK_END)
        assert file.read(1) == b""


@given(
    cuts=st.lists(st.integers(0, 3_000), max_size=12),
    reads=st.lists(st.tuples(st.integers(0, 3_100), st.integers(0, 700)), max_size=12),
)
def test_whatever_was_expected_the_bytes_are_those_of_the_file(cuts: list[int], reads: list[tuple[int, int]]) -> None:
    remote = Remote(random.Random(2).randbytes(3_000))
    edges = sorted(cuts)[: len(cuts) // 2 * 2]
    with pytest.MonkeyPatch.context() as patch, remote.open() as file:
        for name, size in (("PIECE_BYTES", 100), ("GAP_BYTES", 10), ("AHEAD_BYTES", 300), ("SINGLE_BYTES", 50)):
            patch.setattr(ranges, name, size)
        file.expect(list(zip(edges[::2], edges[1::2], strict=True)))
        for start, size in reads:
            file.seek(start)
            assert file.read(size) == remote.data[start : start + size]


def test_ranges_that_are_near_are_joined(remote: Remote) -> None:
    near, far = (100, 200), (200 + GAP_BYTES, 300 + GAP_BYTES)
    beyond = (301 + 2 * GAP_BYTES, 302 + 2 * GAP_BYTES)
    with remote.open() as file:
        file.expect([near, far, beyond])
        for start, end in (near, far, near, beyond):  # the third was read, and forgotten with the second
            file.seek(start)
            assert file.read(end - start) == remote.data[start:end]
    assert sorted(remote.asked) == [(near[0], far[1]), (near[0], far[1]), beyond]


def test_pieces_are_asked_for_at_the_same_time_before_the_reader_comes_to_them(remote: Remote) -> None:
    together = threading.Barrier(4)

    def fetch(start: int, end: int) -> bytes:
        together.wait(30)
        return remote.fetch(start, end)

    with RangeFile(fetch, len(remote.data)) as file:
        file.expect()
        assert file.read(1) == remote.data[:1]


def test_no_more_is_held_than_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "PIECE_BYTES", 1000)
    monkeypatch.setattr(ranges, "AHEAD_BYTES", 4000)
    remote = Remote(bytes(100_000))
    with remote.open() as file:
        file.expect()
        file.read(10)
        assert len(remote.asked) <= 5
        file.seek(50_000)
        file.read(1)
        assert len(remote.asked) <= 6


def test_an_error_of_a_request_is_an_error_of_reading() -> None:
    def fetch(_start: int, _end: int) -> bytes:
        raise KeyError("gone")

    with RangeFile(fetch, 10) as file:
        file.expect()
        with pytest.raises(KeyError, match="gone"):
            file.read(1)


@pytest.mark.parametrize("form", ["parquet", "arrow"])
def test_the_used_columns_of_a_file_take_few_requests(form: str, model: Scorer, tmp_path: Path) -> None:
    """One for the directory of a Parquet file, and for its columns one in a row group, as they are near."""
    path = tmp_path / f"rows.{form}"
    with path.open("wb") as written:
        sample.write(written, form, model.file, 6_000)
    if form == "parquet":
        parquet.write_table(parquet.read_table(path), path, row_group_size=1_500)
    remote = Remote(path.read_bytes())
    wanted = used(model.file)
    with path.open("rb") as local, remote.open() as file:
        expected = list(formats.read(local, form, "here", wanted))
        found = list(formats.read(file, form, "there", wanted))  # type: ignore[arg-type]
    assert [batch.rows for batch in found] == [batch.rows for batch in expected]
    assert len(remote.data) > 4_000_000
    assert len(remote.asked) <= 3


def used(file: CoefficientFile) -> list[str]:
    return sorted({term.input for term in file.terms})
