"""Files of a web server: read in one request, or by ranges where a format needs them."""

from __future__ import annotations

import http.server
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from scorer.__main__ import main
from scorer.errors import StoreError
from scorer.folders.opening import open_folder, split
from tests.support.between import in_thread
from tests.support.row_files import ROWS, read, written
from tests.support.stores import static_server

QUERY = "X-Signature=secret"


class Ranges(http.server.SimpleHTTPRequestHandler):
    """Answers ranges, to who has the signature."""

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if query != QUERY:
            self.send_error(403)
            return
        data = Path(self.translate_path(path)).read_bytes()
        etag = f'"{len(data)}"'
        if self.headers.get("if-match", etag) != etag:
            self.send_error(412)
            return
        self.send_response(206 if "range" in self.headers else 200)
        self.send_header("etag", etag)
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("range", f"bytes=0-{len(data)}"))
        assert asked
        part = data[int(asked[1]) : int(asked[2]) + 1]
        self.send_header("content-range", f"bytes {asked[1]}-{asked[2]}/{len(data)}")
        self.send_header("content-length", str(len(part) + (1_000 if "cut" in path else 0)))
        self.end_headers()
        self.wfile.write(part)

    def log_message(self, format: str, *_arguments: Any) -> None:  # noqa: A002
        pass


@contextmanager
def served(directory: Path) -> Iterator[str]:
    """A server of ranges."""

    def handler(*arguments: Any) -> Ranges:
        return Ranges(*arguments, directory=str(directory))

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server, in_thread(server):
        yield f"http://127.0.0.1:{server.server_port}"


@pytest.mark.parametrize("form", ["csv.gz", "ndjson", "json", "parquet", "arrow", "arrows"])
def test_a_url_is_read_as_a_file_is(form: str, tmp_path: Path) -> None:
    written(tmp_path / f"a b.{form}", ROWS)
    options = ["--allow-missing-columns", "--variables", "none", "--keep", "id", "--out"]
    assert main(["score", str(tmp_path / f"a b.{form}"), *options, str(tmp_path / "expected.csv")]) == 0
    with served(tmp_path) as url:
        assert main(["score", f"{url}/a b.{form}?{QUERY}", *options, str(tmp_path / "out.csv")]) == 0
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "expected.csv").read_bytes()


def test_one_output_is_named_after_the_file(tmp_path: Path) -> None:
    written(tmp_path / "rows.csv", ROWS)
    with served(tmp_path) as url:
        command = ["score", f"{url}/rows.csv?{QUERY}", "--allow-missing-columns", "--to", "json", "--out"]
        assert main([*command, f"{tmp_path}/scores/"]) == 0
    assert len(read(tmp_path / "scores" / "rows.json")) == 3
    assert QUERY not in (tmp_path / "scores" / "_scorer.json").read_text()


def test_a_server_without_ranges_serves_what_is_read_through(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(tmp_path / "rows.csv", ROWS)
    written(tmp_path / "rows.parquet", ROWS)
    with static_server(tmp_path) as server:
        options = ["--allow-missing-columns", "--out", str(tmp_path / "out.csv")]
        assert main(["score", f"{server.url}/rows.csv", *options]) == 0
        capsys.readouterr()
        assert main(["score", f"{server.url}/rows.parquet", *options]) == 2
        assert capsys.readouterr().err == (
            f"scorer: {server.url}/rows.parquet: the server sends no parts of files, and this format needs them: "
            "download it first\n"
        )


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/none.csv", "/none.csv: answered 403 Forbidden\n"),
        ("/none.csv?secret", "/none.csv: answered 403 Forbidden\n"),
        ("/", ": a web server does not tell which files it has: name one of them\n"),
        ("/none", "/none: answered 403 Forbidden\n"),
    ],
)
def test_what_cannot_be_read_is_one_clear_line(
    path: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with served(tmp_path) as url:
        assert main(["score", url + path]) == 2
        assert capsys.readouterr().err == f"scorer: {url}{said}"


def test_no_server_and_no_password(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with static_server(tmp_path) as server:
        url = server.url
    assert main(["score", f"{url}/rows.csv"]) == 2
    assert main(["score", f"{url.replace('//', '//user:secret@')}/rows.csv"]) == 2
    assert capsys.readouterr().err == (
        f"scorer: {url}/rows.csv: connection refused\n"
        f"scorer: {url}: the URL contains a password, which would end up in logs\n"
    )


def test_nothing_is_written_to_a_web_server(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path / "rows.csv", ROWS)
    for out in ("http://127.0.0.1:1/out.csv", "http://127.0.0.1:1/out/"):
        assert main(["score", str(path), "--allow-missing-columns", "--out", out]) == 2
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "scorer: http://127.0.0.1:1/out.csv: cannot be written over HTTP"
    assert len(said) == 2


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("rows.parquet", "/rows.parquet: changed while it was read"),
        ("cut.parquet", "/cut.parquet: ended too early"),
        ("cut.csv", "/cut.csv: ended too early"),
    ],
)
def test_a_file_that_changes_or_is_cut_off_is_an_error(name: str, said: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"x5\n" + b"monday\n" * 1000)
    with served(tmp_path) as url:
        folder, path = split(f"{url}/{name}?{QUERY}")
        file = folder.find(path)
        assert file
        if "cut" not in name:
            (tmp_path / name).write_bytes(b"x5\n")
        with folder.open(file, seeks=name.endswith("parquet")) as opened, pytest.raises(StoreError, match=said):
            opened.read()


def test_unknown_schemes_are_refused() -> None:
    with pytest.raises(StoreError, match="ftp://host/x: unknown scheme ftp: expected a path, or one of http, "):
        open_folder("ftp://host/x")
