"""`scorer score` from and to an object store, on an S3 endpoint."""

from __future__ import annotations

import io
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, cast

import pyarrow as pa
import pytest
from pyarrow import parquet

import scorer
from scorer import formats, sample
from scorer.__main__ import main
from scorer.errors import StoreError
from scorer.folders import objects, upload
from scorer.folders.opening import open_folder, split
from tests.support.buckets import BUCKET, Bucket
from tests.support.paths import ROOT
from tests.support.processes import as_from_a_terminal, environment
from tests.support.row_files import ROWS, written
from tests.support.stores import s3
from tests.test_imports import run_without

WAIT_SECONDS = 60


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bucket]:
    log = tmp_path_factory.mktemp("s3") / "requests.log"
    with s3(BUCKET, log) as variables:
        yield Bucket(variables, log)


@pytest.fixture
def bucket(endpoint: Bucket, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """The bucket, to which the environment leads."""
    for name, value in endpoint.variables.items():
        monkeypatch.setenv(name, value)
    endpoint.requests()
    return endpoint


def files(directory: Path, model: scorer.Scorer, count: int, rows: int) -> Path:
    """A directory of Parquet files below directories that name their month."""
    data = io.BytesIO()
    sample.write(cast(BinaryIO, data), "parquet", model.file, count * rows)
    table = parquet.read_table(pa.BufferReader(data.getvalue()))
    for index in range(count):
        path = directory / f"year=2026/month={index + 1:02}/part-0.parquet"
        path.parent.mkdir(parents=True)
        parquet.write_table(table.slice(index * rows, rows), path)
    return directory


def below(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def test_a_prefix_is_scored_as_a_directory_is(bucket: Bucket, model: scorer.Scorer, tmp_path: Path) -> None:
    rows = files(tmp_path / "rows", model, 3, 50)
    bucket.put(rows, "all/rows/")
    for marker in ("all/rows/", "all/rows/year=2026/", "all/rows/x.parquet/", "all/rows/_SUCCESS"):
        bucket.put_object(marker, b"")  # as programs make them in the place of directories
    bucket.put_object("all/rows/x.parquet/year=1/y.csv", b"x5\nmonday\n")
    bucket.put_object("all/rows-of-another/z.csv", b"x5\nmonday\n")
    (rows / "x.parquet" / "year=1").mkdir(parents=True)
    (rows / "x.parquet" / "year=1" / "y.csv").write_bytes(b"x5\nmonday\n")
    options = ["--keep", "year", "--allow-missing-columns", "--out"]
    for source in ("s3://rows/all/rows/", "s3://rows/all/rows"):
        assert main(["score", source, *options, str(tmp_path / "found.parquet")]) == 0
        assert main(["score", str(rows), *options, str(tmp_path / "expected.parquet")]) == 0
        assert (tmp_path / "found.parquet").read_bytes() == (tmp_path / "expected.parquet").read_bytes()
    assert main(["score", "s3://rows/all/rows/", *options, "s3://rows/all/scores/", "--to", "csv"]) == 0
    assert main(["score", str(rows), *options, f"{tmp_path}/scores/", "--to", "csv"]) == 0
    found, expected = bucket.get("all/scores/"), below(tmp_path / "scores")
    assert set(found) == set(expected)
    assert {key: found[key] for key in found if key[0] != "_"} == {key: expected[key] for key in found if key[0] != "_"}


@pytest.mark.parametrize("form", formats.NAMES)
def test_every_format_is_read_and_written_there(form: str, bucket: Bucket, tmp_path: Path) -> None:
    """With any key that S3 takes."""
    local = written(tmp_path / f"rows.{form}", ROWS)
    key = f"each/a b%20ü?#={form}/rows.{form}"
    bucket.put_object(key, local.read_bytes())
    options = ["--allow-missing-columns", "--keep", "id", "--variables", "none", "--out"]
    assert main(["score", f"s3://rows/{key}", *options, f"s3://rows/each/scores.{form}"]) == 0
    assert main(["score", str(local), *options, str(tmp_path / f"scores.{form}")]) == 0
    assert bucket.get("each/scores.")[form] == (tmp_path / f"scores.{form}").read_bytes()


def test_a_large_file_takes_few_requests(bucket: Bucket, model: scorer.Scorer, tmp_path: Path) -> None:
    """Of its four row groups the used columns are near to each other; its directory is one more request."""
    with (tmp_path / "rows.parquet").open("wb") as file:
        sample.write(file, "parquet", model.file, 8_000)
    table = parquet.read_table(tmp_path / "rows.parquet")
    parquet.write_table(table, tmp_path / "rows.parquet", row_group_size=2_000)
    bucket.put_object("large/rows.parquet", (tmp_path / "rows.parquet").read_bytes())
    bucket.requests()
    assert main(["score", "s3://rows/large/rows.parquet", "--out", "s3://rows/large/scores.parquet"]) == 0
    requests = bucket.requests()
    assert requests[0] == "HEAD /rows/large/rows.parquet"
    assert requests[-1] == "PUT /rows/large/scores.parquet"
    assert 1 < len(requests[1:-1]) <= 4
    assert set(requests[1:-1]) == {"GET /rows/large/rows.parquet"}


def test_a_run_that_is_killed_goes_on_with_what_is_missing(
    bucket: Bucket, model: scorer.Scorer, tmp_path: Path
) -> None:
    bucket.put(files(tmp_path / "rows", model, 10, 50), "killed/rows/")
    command = ["score", "s3://rows/killed/rows/", "--keep", "year,month", "--resume", "--out"]
    assert main([*command, "s3://rows/killed/whole/"]) == 0
    process = subprocess.Popen(
        [sys.executable, "-m", "scorer", *command, "s3://rows/killed/scores/"],
        env=environment(bucket.variables, measured=False),
        stderr=subprocess.DEVNULL,
    )
    until = time.monotonic() + WAIT_SECONDS
    done: set[str] = set()
    while len(done) < 2:
        assert time.monotonic() < until
        assert process.poll() is None
        done |= {path for path in bucket.requests() if re.match("PUT /rows/killed/scores/year", path)}
    process.kill()
    process.wait()
    before = set(bucket.get("killed/scores/year=2026/"))
    assert 2 <= len(before) < 10
    bucket.requests()
    assert main([*command, "s3://rows/killed/scores/"]) == 0
    requests = bucket.requests()
    for key in (f"month={index + 1:02}/part-0.parquet" for index in range(10)):
        touched = {path for path in requests if path.endswith(f"/year=2026/{key}")}
        assert touched == (
            set()
            if key in before
            else {f"GET /rows/killed/rows/year=2026/{key}", f"PUT /rows/killed/scores/year=2026/{key}"}
        )
    assert bucket.get("killed/scores/") == bucket.get("killed/whole/")


def test_an_object_that_has_changed_is_scored_again(bucket: Bucket, capsys: pytest.CaptureFixture[str]) -> None:
    for name in "ab":
        bucket.put_object(f"changed/rows/{name}.csv", b"x5\nmonday\n")
    command = ["score", "s3://rows/changed/rows/", "--allow-missing-columns", "--resume", "--out"]
    assert main([*command, "s3://rows/changed/scores/"]) == 0
    bucket.put_object("changed/rows/a.csv", b"x5\nmonday\nsunday\n")
    capsys.readouterr()
    assert main([*command, "s3://rows/changed/scores/"]) == 0
    assert capsys.readouterr().err.startswith(
        "scored 2 rows of 1 file: outcome 1 for 0; files left out, done before: 1;"
    )
    assert bucket.get("changed/scores/")["a.csv"].count(b"\n") == 3


def test_an_object_that_changes_while_it_is_read_is_an_error(bucket: Bucket) -> None:
    bucket.put_object("races/rows.csv", b"x5\nmonday\n")
    folder, name = split("s3://rows/races/rows.csv")
    file = folder.find(name)
    assert file
    bucket.put_object("races/rows.csv", b"x5\nsunday\n")
    with folder.open(file, seeks=False) as opened, pytest.raises(StoreError, match="changed while it was read"):
        opened.read()


def write(address: str, parts: Sequence[bytes | Exception]) -> None:
    with open_folder(address).create("file") as file:
        for part in parts:
            if isinstance(part, Exception):
                raise part
            file.write(part)


def test_the_crontab_of_the_page_scores_what_has_arrived(bucket: Bucket, capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = re.findall(r"```crontab\n(.*?)\n```", (ROOT / "docs" / "files.md").read_text())
    command = line.replace("s3://bucket/", "s3://rows/nightly/").split()[6:]
    for day in "ab":
        bucket.put_object(f"nightly/rows/{day}.ndjson", b'{"id": 1, "x5": "monday"}\n')
        assert main(command) == 0
        assert capsys.readouterr().err.startswith("scored 1 rows")
    assert list(bucket.get("nightly/scores/")) == ["_scorer.json", "a.ndjson", "b.ndjson"]


def test_what_is_large_is_sent_in_parts(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (objects, upload):
        monkeypatch.setattr(module, "PART_BYTES", 5 << 20)
    parts = [bytes([index]) * (3 << 20) for index in range(5)]
    with open_folder("s3://rows/parts/").create("whole") as file:
        for part in parts:
            file.write(part)
        assert bucket.get("parts/") == {}
    assert bucket.get("parts/") == {"whole": b"".join(parts)}
    with pytest.raises(KeyError):
        write("s3://rows/parts/", [*parts, KeyError()])
    with pytest.raises(StoreError, match="NoSuchBucket"):
        write("s3://no-such-bucket/", parts * 2)
    assert list(bucket.get("parts/")) == ["whole"]
    assert bucket.uploads() == []


def test_ctrl_c_leaves_no_object_and_no_parts(bucket: Bucket) -> None:
    out = "s3://rows/ended/scores.ndjson"
    with subprocess.Popen(
        [sys.executable, "-m", "scorer", "score", "-", "--from", "ndjson", "--out", out],
        env=environment(bucket.variables, measured=False),
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=as_from_a_terminal,
    ) as process:
        assert process.stdin
        assert process.stderr
        process.stdin.write(b'{"x5": "monday"}\n' * 40_000)
        process.stdin.flush()  # it waits for more, when it has scored these
        until = time.monotonic() + WAIT_SECONDS
        while not bucket.uploads():
            assert time.monotonic() < until
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        error = process.stderr.read()
    assert (process.returncode, error) == (130, b"scorer: interrupted\n")
    assert (bucket.get("ended/"), bucket.uploads()) == ({}, [])


def test_a_bad_row_leaves_no_object(bucket: Bucket, capsys: pytest.CaptureFixture[str]) -> None:
    bucket.put_object("bad/rows.csv", b"x12\n1\ntwo\n")
    command = ["score", "s3://rows/bad/rows.csv", "--allow-missing-columns", "--out"]
    assert main([*command, "s3://rows/bad/scores.parquet"]) == 2
    said = "scorer: s3://rows/bad/rows.csv: line 3, row 1, x12: the text is not a number\n"
    assert capsys.readouterr().err == said
    assert list(bucket.get("bad/")) == ["rows.csv"]
    report = ["--on-error", "report", "--errors", "s3://rows/bad/errors/"]
    assert main([*command, "s3://rows/bad/scores/", *report]) == 0
    assert list(bucket.get("bad/")) == ["errors/rows.csv", "rows.csv", "scores/_scorer.json", "scores/rows.csv"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["s3://no-such-bucket/in/"], "s3://no-such-bucket/in: NoSuchBucket: The specified bucket does not exist\n"),
        (
            ["s3://no-such-bucket/a.csv"],
            "s3://no-such-bucket/a.csv: NoSuchBucket: The specified bucket does not exist\n",
        ),
        (["s3://rows/none/"], "s3://rows/none: no file of rows; --from names the format of files whose endings"),
        (["s3://rows/none.csv"], "s3://rows/none.csv: no such object, and none below it\n"),
        (["s3://"], "s3://: "),
        (["{file}", "--out", "s3://no-such-bucket/a.csv"], "s3://no-such-bucket/a.csv: NoSuchBucket: The specified"),
        (["{file}", "--out", "s3://no-such-bucket/a/"], "s3://no-such-bucket/a: NoSuchBucket: The specified"),
        (["{file}", "--out", "s3://rows/x/a.txt"], "s3://rows/x/a.txt: cannot tell the format by its ending; known"),
    ],
)
def test_what_cannot_be_used_is_one_clear_line(
    arguments: list[str], said: str, bucket: Bucket, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path / "rows.csv", ROWS)
    given = [each.format(file=path) for each in arguments]
    assert main(["score", *given, "--allow-missing-columns"]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"scorer: {said}")
    assert told.count("\n") == 1
    assert bucket.get("x/") == {}


@pytest.mark.usefixtures("bucket")
def test_an_endpoint_that_does_not_answer_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(objects, "RETRIES", 0)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert main(["score", "s3://rows/in/"]) == 2
    assert capsys.readouterr().err == "scorer: s3://rows/in: no answer from http://127.0.0.1:1: connection refused\n"


def test_without_the_store_extra_it_says_what_to_install() -> None:
    code = "from scorer.__main__ import main; sys.exit(main(['score', 's3://rows/a.csv']))"
    done = run_without(("obstore",), code)
    assert (done.returncode, done.stderr) == (
        2,
        "scorer: s3://rows: needs obstore: pip install 'coefficient-scorer[store]'\n",
    )
