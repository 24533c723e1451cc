from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from scorer.files import atomic_write, write_directory


def test_replacing_is_seen_at_the_end_only(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with atomic_write(path) as file:
        file.write(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]
    assert path.stat().st_mode & 0o777 == 0o644


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")

    def interrupted() -> None:
        with atomic_write(path) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("name", ["no/a", "folder"])
def test_an_error_names_the_file_that_was_asked_for(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match=r"o such file|s a directory") as caught, atomic_write(tmp_path / name):
        pass
    assert caught.value.filename == str(tmp_path / name)
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with ThreadPoolExecutor() as pool:
        read = pool.submit(path.read_bytes)
        with atomic_write(path) as file:
            file.write(b"new")
        assert read.result(10) == b"new"
    assert path.is_fifo()
    assert [p.name for p in tmp_path.iterdir()] == ["pipe"]


def test_a_link_stays_and_its_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "folder" / "a")
    with atomic_write(tmp_path / "link") as file:
        file.write(b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "folder" / "a").read_bytes() == b"new"


CONTENTS = {"a": b"1", "b/c": b"2"}


def content(path: Path) -> dict[str, bytes]:
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def test_a_directory_appears_as_a_whole(tmp_path: Path) -> None:
    for name in ("new", "empty", "same"):
        (tmp_path / "empty").mkdir(exist_ok=True)
        write_directory(tmp_path / name, CONTENTS)
        write_directory(tmp_path / name, CONTENTS)
        assert content(tmp_path / name) == CONTENTS
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o755
    assert len(list(tmp_path.iterdir())) == 3


def test_a_directory_that_cannot_be_finished_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="File exists") as caught:
        write_directory(tmp_path / "new", {"a": b"1", "a/b": b"2"})
    assert caught.value.filename == str(tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_holds_something_else_stays(tmp_path: Path) -> None:
    write_directory(tmp_path / "a", {"a": b"1", "added/x": b"2", "b": b"3"})
    before = content(tmp_path / "a")
    write_directory(tmp_path / "a", {"a": b"1", "b": b"3"}, added=("added",))
    for contents, added in (
        ({"a": b"1", "b": b"3"}, ()),
        ({"a": b"1"}, ("added",)),
        ({"a": b"x", "b": b"3"}, ("added",)),
    ):
        with pytest.raises(FileExistsError, match="holds something else"):
            write_directory(tmp_path / "a", contents, added)
    assert content(tmp_path / "a") == before
    assert [p.name for p in tmp_path.iterdir()] == ["a"]
