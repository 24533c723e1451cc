"""Imports run one way, and what serves needs nothing of what trains."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.module_graph import Graph, circles, read_graph, violations

ROOT = Path(__file__).parents[1]
LAYERS = """
scorer.errors scorer.version
scorer.strict_json scorer.files scorer.number_texts
scorer.coefficients
scorer.inputs scorer.cells scorer.equation scorer.arrow scorer.arrow_texts
scorer.arrow_checks
scorer.arrow_cells scorer.columns
scorer.tables
scorer.reading scorer.scores
scorer.explain scorer.certificate
scorer.scorer
scorer.describe scorer.formats.rows scorer.formats.compression scorer.progress
scorer.formats.csv_segments scorer.formats.csv_lines scorer.formats.csv_writer
scorer.formats.json_format scorer.formats.arrow_format
scorer.formats.csv_format scorer.formats.ndjson_format scorer.formats.parquet_format
scorer.formats scorer.batches scorer.partitions
scorer.sample scorer.engines
scorer.engines.record_batches
scorer.store scorer.store.pointer scorer.store.storage scorer.store.signing
scorer.store.http scorer.store.objects scorer.store.sources
scorer.store.opening scorer.store.cache scorer.store.directory
scorer.engines.spark
scorer.store.refresh
scorer.folders scorer.folders.folder scorer.folders.ranges scorer.folders.upload
scorer.folders.local scorer.folders.objects scorer.folders.web
scorer.folders.opening
scorer.score_plan
scorer.score_record
scorer.score_files
scorer
scorer.artifacts scorer.artifacts.mlflow_directory
scorer.artifacts.mlflow
scorer.service scorer.service.settings scorer.service.problems scorer.service.keys
scorer.service.listening scorer.service.http_head scorer.service.http_watchdog scorer.service.http_transport
scorer.service.http_tasks
scorer.service.http_refusals
scorer.service.http_protocol scorer.service.distributor
scorer.service.receiver scorer.service.supervisor
scorer.service.codec scorer.service.codec.options scorer.service.codec.body scorer.service.codec.row_types
scorer.service.codec.diagnose scorer.service.codec.encoder scorer.service.codec.media_types
scorer.service.codec.number_columns
scorer.service.codec.key_orders
scorer.service.codec.columns scorer.service.codec.answers scorer.service.codec.arrow_messages
scorer.service.codec.arrow_answers
scorer.service.codec.results
scorer.service.codec.tables
scorer.service.codec.rows
scorer.service.codec.streaming
scorer.service.codec.ndjson scorer.service.codec.table_scorer
scorer.service.codec.arrow_body scorer.service.codec.csv_body
scorer.service.codec.scorers
scorer.service.telemetry scorer.service.telemetry.request_log scorer.service.telemetry.logs
scorer.service.telemetry.counters
scorer.service.telemetry.exposition
scorer.service.shadow scorer.service.openapi_formats
scorer.service.openapi
scorer.service.holder
scorer.service.predict scorer.service.endpoints scorer.service.models
scorer.service.app scorer.service.check
scorer.service.server
scorer.__main__
export export.errors
export.notebook export.archive
export.certificate export.compare
export.publish export.promote
export.standin export.train
export.__main__
""".strip().splitlines()
"""From the bottom up: each module imports only those of layers below its own."""

HEAVY = ("pandas", "sklearn", "scipy", "statsmodels", "export")


def test_imports_run_from_layer_to_layer_and_down() -> None:
    graph = read_graph(ROOT, "scorer", "export")
    assert circles(graph) == []
    assert violations(graph, LAYERS) == []


@pytest.mark.parametrize(
    ("graph", "found"),
    [
        ({"a": set(), "b": {"a"}}, []),
        ({"a": {"b"}, "b": set()}, ["a imports b, which is not below it"]),
        ({"a": {"c"}, "b": {"a"}, "c": {"b"}}, ["c is of no layer"]),
        ({"a": set()}, ["b is of a layer, and does not exist"]),
    ],
)
def test_an_import_that_runs_up_is_found(graph: Graph, found: list[str]) -> None:
    assert violations(graph, ["a", "b"]) == found


def test_a_circle_is_found(tmp_path: Path) -> None:
    """Also one that runs through an import inside a function, or through a package."""
    sources = {
        "__init__": "from p.one import x",
        "one": "def f():\n    from p.two import y\n    import json",
        "two": "from p import x",
        "three": "import p.two",
    }
    for name, source in sources.items():
        (tmp_path / "p").mkdir(exist_ok=True)
        (tmp_path / "p" / f"{name}.py").write_text(source)
    graph = read_graph(tmp_path, "p")
    assert graph == {"p": {"p.one"}, "p.one": {"p.two"}, "p.two": {"p"}, "p.three": {"p.two"}}
    assert sorted(circles(graph)) == [
        ["p", "p.one", "p.two", "p"],
        ["p.one", "p.two", "p", "p.one"],
        ["p.two", "p", "p.one", "p.two"],
    ]


def run_without(blocked: tuple[str, ...], code: str) -> subprocess.CompletedProcess[str]:
    program = f"""
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Blocked())
{code}
"""
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=False)


SERVICE = ("msgspec", "orjson", "starlette", "uvicorn", "uvloop", "httptools")
STORE = ("obstore", "cryptography")


def test_the_command_line_starts_no_threads_for_matrix_products() -> None:
    code = "import scorer.__main__, numpy, os; print(len(os.listdir('/proc/self/task')))"
    done = run_without((), code)
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")


def test_the_package_gives_its_names_as_they_are_asked_for() -> None:
    code = (
        "import scorer; assert 'numpy' not in sys.modules; print(*(getattr(scorer, name) for name in scorer.__all__))"
    )
    done = run_without((), f"{code}; print(set(scorer.__all__) <= set(dir(scorer)))")
    assert (done.returncode, done.stdout.endswith("True\n"), done.stderr) == (0, True, "")


def test_the_library_and_most_of_the_command_line_need_numpy_alone() -> None:
    code = "from scorer.__main__ import main; import scorer; scorer.load().score({'x5': 'monday'})\n"
    done = run_without((*HEAVY, *SERVICE, *STORE), code + "sys.exit(main(['describe']))")
    assert (done.returncode, done.stderr) == (0, "")
    assert "x81_December" in done.stdout


@pytest.mark.parametrize("command", ["serve", "check"])
def test_serving_without_the_service_extra_says_what_to_install(command: str) -> None:
    done = run_without(SERVICE, f"from scorer.__main__ import main; sys.exit(main([{command!r}]))")
    assert done.returncode == 2
    assert re.fullmatch(r"scorer: serving needs \w+: pip install 'coefficient-scorer\[service\]'\n", done.stderr)


def test_checking_signatures_without_the_store_extra_says_what_to_install() -> None:
    code = "import os; os.environ['SCORER_PUBLIC_KEY'] = 'key.pem'; from scorer.__main__ import main\n"
    done = run_without(("cryptography",), code + "sys.exit(main(['serve']))")
    assert done.returncode == 2
    assert done.stderr == "scorer: SCORER_PUBLIC_KEY: needs cryptography: pip install 'coefficient-scorer[store]'\n"


WITHOUT_PYARROW = """
import duckdb, numpy as np, pandas as pd, polars as pl, scorer
model = scorer.load()
texts = {"x5": ["monday", None, "Monday"], "x12": ["$1,204.50", None, "(2.5)"]}
cells = {**texts, "x91": [0.5, None, -1.0], "x44": [2, 3, 4]}
expected = model.score(cells)
for rows in (
    pd.DataFrame(cells),
    pd.DataFrame(cells).astype({"x5": "category", "x44": "Int64"}),
    pl.DataFrame(cells),
    pl.DataFrame(cells).with_columns(pl.col("x5").cast(pl.Categorical)),
    {name: pl.Series(column) for name, column in cells.items()},
):
    scores = model.score(rows)
    assert scores.phat.tobytes() == expected.phat.tobytes()
    assert (scores.missing, scores.unknown_levels) == (expected.missing, expected.unknown_levels)
assert scores.to_pandas(pd.DataFrame(cells))["phat"].tolist() == expected.phat.tolist()
assert scores.to_polars(pl.DataFrame({"id": [1, 2, 3]}), variables=True)["phat"].to_list() == expected.phat.tolist()
"""


def test_tables_without_pyarrow_are_scored_where_numpy_can_read_them() -> None:
    done = run_without(("pyarrow",), WITHOUT_PYARROW)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("call", "what"),
    [("model.score(duckdb.sql('select 1.5 as x91'))", "a DuckDBPyRelation"), ("expected.to_arrow()", "to_arrow")],
)
def test_what_needs_pyarrow_says_so(call: str, what: str) -> None:
    done = run_without(("pyarrow",), WITHOUT_PYARROW + f"try: {call}\nexcept scorer.ScorerError as error: print(error)")
    assert done.stdout == f"{what} needs pyarrow: pip install 'coefficient-scorer[arrow]'\n", done.stderr


@pytest.mark.parametrize("absent", ["pyspark", "pyarrow"])
def test_spark_without_its_extra_says_what_to_install(absent: str) -> None:
    code = "try: import scorer.engines.spark\nexcept ImportError as error: print(error)"
    done = run_without((absent, "pyspark"), code)
    told = f"scorer.engines.spark needs {min(absent, 'pyspark')}: pip install 'coefficient-scorer[spark]'\n"
    assert done.stdout == told, done.stderr


def test_pyarrow_is_imported_when_a_column_of_arrow_comes() -> None:
    code = """
import scorer
model = scorer.load()
model.score([{"x5": "monday"}]).to_rows()
model.score({"x5": ["monday"], "x91": [0.5]})
assert "pyarrow" not in sys.modules and "pandas" not in sys.modules and "polars" not in sys.modules
import pyarrow
print(model.score({"x5": pyarrow.array(["monday"])}).missing["x91"])
"""
    done = run_without((), code)
    assert (done.stdout, done.stderr) == ("1\n", "")


def test_the_service_imports_nothing_that_trains() -> None:
    done = run_without((*HEAVY, *STORE), "import scorer.service.server; print('fine')")
    assert (done.stdout, done.stderr) == ("fine\n", "")


POST = """
import asyncio, scorer
from scorer.service.app import create_app
from scorer.service.holder import Holder
app = create_app(Holder(scorer.load()))
def post(body, kind, accept=b"*/*"):
    headers = [(b"content-type", kind), (b"accept", accept)]
    scope = {"type": "http", "method": "POST", "path": "/predict", "query_string": b"", "headers": headers}
    sent = []
    async def receive():
        return {"type": "http.request", "body": body}
    async def send(message):
        sent.append(message)
    asyncio.run(app(scope, receive, send))
    return sent[0]["status"], sent[1]["body"].decode()
table = b"x5,x12\\n" + b"monday,1\\n" * 10_001
"""


def test_the_service_imports_pyarrow_when_a_body_needs_it() -> None:
    code = """
post(b'{"x5": "monday"}', b"application/json")
post(b'{"x5": ["monday"]}', b"application/json", b"text/csv")
post(b'{"x5": "monday"}', b"application/x-ndjson")
assert "pyarrow" not in sys.modules
print(post(b"x5,x12\\nmonday,1\\n", b"text/csv")[0], post(table, b"text/csv")[0], "pyarrow" in sys.modules)
"""
    done = run_without((), POST + code)
    assert (done.stdout, done.stderr) == ("200 200 True\n", "")


def test_without_pyarrow_csv_is_read_and_arrow_refused() -> None:
    code = """
whole = post(table, b"text/csv")[1].splitlines()
print(len(whole), len(set(whole[1:])))
arrow = b"application/vnd.apache.arrow.stream"
for answer in (post(b"", arrow), post(b"{}", b"application/json", arrow)):
    print(answer[0], "pip install 'coefficient-scorer[arrow]'" in answer[1])
"""
    done = run_without(("pyarrow",), POST + code)
    assert (done.stdout, done.stderr) == ("10002 1\n415 True\n406 True\n", "")


def test_zstd_is_read_and_written_without_the_package_of_the_service(tmp_path: Path) -> None:
    """By pyarrow where Python is older than 3.14, and else by Python itself."""
    sample, scored = tmp_path / "rows.csv.zst", tmp_path / "scores.csv.zst"
    code = f"""
from scorer.__main__ import main
assert main(['sample', '--rows', '30', '--out', {str(sample)!r}]) == 0
assert main(['score', {str(sample)!r}, '--out', {str(scored)!r}]) == 0
assert main(['score', {str(scored)!r}, '--allow-missing-columns', '--variables', 'none', '--to', 'csv']) == 0
open({str(sample)!r}, 'r+b').truncate(100)
sys.exit(main(['score', {str(sample)!r}, '--to', 'csv']))
"""
    done = run_without(("backports", *HEAVY), code)
    assert done.returncode == 2, done.stderr
    assert sample.read_bytes()[:4] == scored.read_bytes()[:4] == b"\x28\xb5\x2f\xfd"
    assert "zstd" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
