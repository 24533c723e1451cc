"""One row has one phat, to the bit, in whatever format it is sent and answered."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import scorer
from scorer import reading
from scorer.coefficients import CategoryInput, Input
from scorer.service.app import create_app
from scorer.service.codec.media_types import NAMES
from scorer.service.holder import Holder
from tests.support.bodies import ARROW, NDJSON, Rows, answered, arrow, columns, csv_of, ndjson, post_to
from tests.support.models import SMALL
from tests.support.servers import Client, Server

MODEL = scorer.load()
SMALL_MODEL = scorer.Scorer(reading.parse(json.dumps(SMALL).encode()))
"""It has a percent, and names with spaces."""
APPS = {model: create_app(Holder(model)) for model in (MODEL, SMALL_MODEL)}
USED = [declared.name for declared in MODEL.equation.inputs]

numbers = st.floats(-1e6, 1e6).map(repr) | st.sampled_from(["-0", "1e-5", " 7 ", "0.1", "5e-324"])
amounts = st.floats(0, 1e5).map("{:,.2f}".format)
money = st.builds("{}".format, amounts) | st.builds("${}".format, amounts) | st.builds("(${})".format, amounts)
strange = st.sampled_from(
    ['a "quoted" one', "one, two", "two\nlines", "and\r\nmore", "é😀", " monday", '"', "''", "\ufeff"]
)
PRESENT = {"number": numbers, "money": money | numbers, "percent": numbers.map("{}%".format) | numbers}


def cells(model: scorer.Scorer, declared: Input) -> st.SearchStrategy[str | None]:
    """The cells of an input, as texts."""
    missing = st.none() | st.sampled_from(model.file.missing_markers)
    if isinstance(declared, CategoryInput):
        return missing | st.sampled_from(declared.levels) | strange
    return missing | PRESENT[declared.kind]


def tables(model: scorer.Scorer) -> st.SearchStrategy[Rows]:
    """Rows with all inputs that the equation uses."""
    row = st.fixed_dictionaries({declared.name: cells(model, declared) for declared in model.equation.inputs})
    return st.lists(row, min_size=1, max_size=20)


def _texts(kind: pa.DataType) -> Callable[[Rows], bytes]:
    def encode(rows: Rows) -> bytes:
        return arrow(pa.table({name: pa.array(cells, kind) for name, cells in columns(rows).items()}), 7)

    return encode


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


BODIES: dict[str, tuple[str, Callable[[Rows], bytes]]] = {
    "rows": ("application/json", _json),
    "columns": ("application/json", lambda rows: _json(columns(rows))),
    "ndjson": (NDJSON, ndjson),
    "ndjson, marked, \\r\\n": (NDJSON, lambda rows: ndjson(rows, "\r\n", mark=True)),
    "csv": ("text/csv", csv_of),
    "csv, marked, \\r\\n": ("text/csv", lambda rows: csv_of(rows, "\r\n", mark=True)),
    "string": (ARROW, _texts(pa.string())),
    "large_string": (ARROW, _texts(pa.large_string())),
    "string_view": (ARROW, _texts(pa.string_view())),
    "dictionary": (ARROW, _texts(pa.dictionary(pa.int32(), pa.string()))),
}
ACCEPTED = ["", *(names[0] for names in NAMES.values())]


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(list(APPS)), st.sampled_from(list(BODIES)), st.sampled_from(ACCEPTED), st.data())
def test_one_row_has_one_phat(model: scorer.Scorer, name: str, accept: str, data: st.DataObject) -> None:
    rows = data.draw(tables(model))
    kind, encode = BODIES[name]
    body = encode(rows)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=4)))
    pieces = [body[start:end] for start, end in pairwise([0, *cuts, len(body)])]
    assert answered(post_to(APPS[model], pieces, kind, accept=accept)) == columns(model.score(rows).to_rows())


ROWS: Rows = [
    dict.fromkeys(USED) | {"x5": "monday", "x12": "($1,205.10)", "x91": "0.793", "x44": "1.5"},
    dict.fromkeys(USED) | {"x5": 'a "quoted", one\r\nand another', "x81": "May", "x12": "NA", "x53": "-1e-5"},
] * 700


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[Client]:
    with server.client() as opened:
        yield opened


@pytest.mark.long
@pytest.mark.parametrize("accept", ACCEPTED)
@pytest.mark.parametrize("name", BODIES)
def test_one_row_has_one_phat_over_http(client: Client, name: str, accept: str) -> None:
    kind, encode = BODIES[name]
    headers = {"content-type": kind, **({"accept": accept} if accept else {})}
    answer = client.send("POST", "/predict", encode(ROWS), headers)
    assert answered(answer) == columns(MODEL.score(ROWS).to_rows())
    assert int(answer.headers["x-unknown-levels"]) == sum(MODEL.score(ROWS).unknown_levels.values())
