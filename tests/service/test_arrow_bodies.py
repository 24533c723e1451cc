"""Arrow streams at POST /predict: every layout, every writer, and hostile ones, which never crash a worker."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

import scorer
from scorer.service.app import create_app
from scorer.service.holder import Holder
from scorer.service.settings import Settings
from tests.support import arrow_fuzz
from tests.support.arrow_fuzz import stream
from tests.support.bodies import ARROW, Rows, answered, arrow, columns, post_to
from tests.support.paths import ROOT
from tests.support.processes import environment
from tests.support.servers import Answer, Server
from tests.support.standin import StandIn

pytestmark = pytest.mark.long

MODEL = scorer.load()
APP = create_app(Holder(MODEL))
SMALL_APP = create_app(Holder(MODEL), Settings(max_rows=10, max_body_bytes=10_000_000))
ROWS: Rows = [{"x5": "monday", "x12": 1.5, "x81": "May"}, {"x5": "Tuesday", "x12": None, "x81": None}] * 3


def post(body: bytes, query: str = "", accept: str = "", pieces: int = 1) -> Answer:
    size = len(body) // pieces + 1
    return post_to(APP, [body[at : at + size] for at in range(0, len(body), size)] or [b""], ARROW, query, accept)


def detail(answer: Answer, status: int, name: str) -> str:
    document = answer.json()
    assert answer.status == status, document
    assert document["type"] == f"urn:coefficient-scorer:problem:{name}"
    return str(document["detail"])


def test_a_table_of_10_000_rows(server: Server, stand_in: StandIn) -> None:
    table = pa.Table.from_pylist(stand_in.rows)
    with server.client() as client:
        answer = client.send("POST", "/predict", arrow(table, 3_000), {"content-type": ARROW})
    assert answer.headers["content-type"] == ARROW
    assert answered(answer) == columns(MODEL.score(stand_in.rows).to_rows())
    schema = pa.ipc.open_stream(answer.body).schema
    assert (schema.field("phat").type, schema.field("x31_asia").type) == (pa.float64(), pa.int8())
    assert schema.field("business_outcome").type == pa.int64()


def test_what_polars_writes() -> None:
    """Texts as string_view, categories as dictionaries."""
    frame = pl.DataFrame(ROWS).with_columns(pl.col("x81").cast(pl.Categorical))
    file = io.BytesIO()
    frame.write_ipc_stream(file)
    answer = post(file.getvalue(), pieces=7)
    assert answered(answer) == columns(MODEL.score(ROWS).to_rows())
    back = pl.read_ipc_stream(io.BytesIO(answer.body))
    assert back["phat"].to_list() == MODEL.score(ROWS).phat.tolist()


@pytest.mark.parametrize("name", ["texts", "dictionaries", "deltas", "runs", "nested", "empty"])
def test_every_layout(name: str) -> None:
    body = arrow_fuzz.seeds()[name]
    rows = pa.ipc.open_stream(body).read_all().to_pylist()
    expected = columns(MODEL.score(rows).to_rows()) if rows else {key: [] for key in MODEL.score(ROWS).columns()}
    assert answered(post(body)) == answered(post(body, pieces=len(body))) == expected


def test_a_report() -> None:
    body = stream(pa.record_batch({"x12": ["$1", "$x", None]}), pa.record_batch({"x12": ["1", "2", "3"]}))
    table = pa.ipc.open_stream(post(body, "on_error=report&variables=none").body).read_all().to_pydict()
    problem = {"field": "x12", "code": "not_a_number", "message": "the text is not a number"}
    assert table["error"] == [None, problem, None, None, None, None]
    expected = MODEL.score({"x12": ["$1", None, "1", "2", "3"]}).phat.tolist()
    assert table["phat"] == [expected[0], None, *expected[1:]]
    assert post(body).json()["errors"][0]["row"] == 1
    assert detail(post(body, "explain=true"), 400, "bad-parameter").startswith("explain: ")
    assert detail(post(body, "envelope=true"), 400, "bad-parameter").startswith("envelope: ")


@pytest.mark.parametrize("codec", ["lz4", "zstd"])
def test_compressed_buffers_are_refused_with_what_to_do(codec: str) -> None:
    message = detail(post(stream(pa.record_batch({"x5": ["monday"]}), compression=codec)), 415, "unsupported-body")
    assert "compress the whole body" in message


def test_columns_that_are_not_the_models() -> None:
    none = "none of the columns is an input of the model"
    assert detail(post(stream(pa.record_batch({"a": [1]}))), 422, "bad-shape") == none
    twice = pa.record_batch([pa.array([1]), pa.array([2])], names=["x44", "x44"])
    assert detail(post(stream(twice)), 422, "bad-shape") == "column x44 is given twice"
    lists = stream(pa.record_batch({"x44": [[1]]}))
    assert "neither numbers nor texts" in detail(post(lists), 422, "bad-shape")


def _shared(text: str, rows: int) -> pa.Array:
    """Texts that are all in the same place."""
    views = np.zeros(rows, dtype="<i4,<i4,<i4,<i4")
    views["f0"] = len(text)
    views["f1"] = int.from_bytes(text[:4].encode(), "little")
    buffers = [None, pa.py_buffer(views), pa.py_buffer(text.encode())]
    return pa.Array.from_buffers(pa.string_view(), rows, buffers)


BIG = "a" * 1_000_000
BOMBS = {
    "views": _shared(BIG, 50_000),
    "levels": pa.DictionaryArray.from_arrays(np.zeros(50_000, np.int8), [BIG]),
    "levels in one place": pa.DictionaryArray.from_arrays(np.zeros(10, np.int8), _shared(BIG, 100)),
    "runs": pa.RunEndEncodedArray.from_arrays([50_000], pa.array([BIG])),
}


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.parametrize("column", ["x5", "x12"])
def test_texts_that_share_bytes_are_held_to_a_size(name: str, column: str) -> None:
    assert detail(post(stream(pa.record_batch({column: BOMBS[name]}))), 413, "body-too-large")


def test_rows_that_take_no_bytes() -> None:
    body = stream(pa.record_batch({"x5": pa.nulls(12_345)}))
    count, absurd = struct.pack("<q", 12_345), struct.pack("<q", 2**40)
    assert detail(post(body.replace(count, absurd)), 422, "too-many-rows")
    runs = pa.RunEndEncodedArray.from_arrays(pa.array([2**30]), pa.array(["monday"]))
    assert detail(post(stream(pa.record_batch({"x5": runs}))), 422, "too-many-rows")
    batch = pa.record_batch({"x5": ["monday"] * 6})
    assert post_to(SMALL_APP, [stream(batch)], ARROW).status == 200
    assert detail(post_to(SMALL_APP, [stream(batch, batch)], ARROW), 422, "too-many-rows")


def test_many_messages_large_metadata_and_deep_types() -> None:
    one = pa.record_batch({"x5": ["monday"]})
    assert detail(post(stream(*[one] * 10_001)), 415, "unsupported-body")
    wide = pa.schema([(f"{number}" * 20, pa.int8()) for number in range(60_000)])
    assert detail(post(wide.serialize().to_pybytes()), 415, "unsupported-body")
    kind: Any = pa.int8()
    for _ in range(1_000):
        kind = pa.list_(kind)
    deep = pa.schema([("x5", pa.string()), ("note", kind)]).serialize().to_pybytes()
    assert detail(post(deep), 400, "malformed-body")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "it ends too early"),
        (b"PAR1" * 10, ""),
        (b"\xff\xff\xff\xff\x00\x00\x00\x00", "it ends too early"),
        (arrow_fuzz.seeds()["texts"] + b"more", "it goes on after its end"),
        (arrow_fuzz.seeds()["texts"][:-20], "it ends too early"),
        (b"\xff\xff\xff\xff\xff\xff\xff\x7f", None),
    ],
)
def test_what_is_no_arrow_stream(body: bytes, reason: str | None) -> None:
    answer = post(body)
    if reason is None:
        assert answer.status in (400, 415)
    else:
        expected = f"the body is not an Arrow stream{': ' if reason else ''}{reason}"
        assert detail(answer, 400, "malformed-body") == expected


def test_garbage_under_null_in_views() -> None:
    """pyarrow validates it, and crashes when it converts it."""
    texts = pa.array(["monday", None, "a text that is longer than a view"] * 2, pa.string_view())
    views = np.frombuffer(texts.buffers()[1], "<i4").copy()
    views[4] = -(2**31)
    buffers = [texts.buffers()[0], pa.py_buffer(views), *texts.buffers()[2:]]
    broken = pa.Array.from_buffers(pa.string_view(), 6, buffers)
    expected = columns(MODEL.score({"x5": texts.to_pylist(), "x12": [None] * 6}).to_rows())
    assert answered(post(stream(pa.record_batch({"x5": broken, "x12": pa.nulls(6)})))) == expected


def test_5_000_mutated_streams_never_crash_and_never_fail() -> None:
    """In a process of its own. Run by hand for longer: python -m tests.support.arrow_fuzz 250000 SEED."""
    command = [sys.executable, "-X", "faulthandler", "-m", "tests.support.arrow_fuzz", "5000", "1"]
    run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment(), check=False)
    assert run.returncode == 0, run.stderr[-3_000:]
    counts = {name: int(count) for name, count in (line.split() for line in run.stdout.splitlines()[:-1])}
    assert sum(counts.values()) == 5_000
    assert counts["answered"] > 100
    assert counts["MalformedBodyError"] > 1_000


def test_mutated_streams_on_a_real_server(server: Server, row: dict[str, Any]) -> None:
    """300 of them, each by HTTP; the same process answers a good row after them."""
    with server.client() as client:
        for body, _ in arrow_fuzz.bodies(300, seed=2):
            answer = client.send("POST", "/predict", body, {"content-type": ARROW})
            assert answer.status in (200, 400, 413, 415, 422)
        assert client.predict(row).status == 200
    assert server.process.poll() is None
