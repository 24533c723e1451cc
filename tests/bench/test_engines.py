"""The benchmark of engines, as far as it needs no Spark: files, clock, programs, what is computed, and the page."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import scorer
from bench import pages
from bench.engines import __main__ as engines
from bench.engines import clock, measure, page, paper, programs
from bench.engines.notebook_way import Dummies, OneHot
from bench.engines.rows import Rows, Tables, draw
from bench.engines.session import EngineError, session
from bench.engines.ways import WAYS
from bench.kernel import EXACT

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("unmeasured")]

RESULTS: dict[str, Any] = json.loads(page.ENGINES.read_text())
BUSY = "i=0; while [ $i -lt 400000 ]; do i=$((i+1)); done; "


@pytest.fixture(scope="module")
def tables(model: scorer.Scorer) -> Tables:
    """50 drawn rows."""
    return draw(model, 50)


@pytest.fixture
def rows(tables: Tables, tmp_path: Path) -> Rows:
    """120 rows in two files."""
    return tables.write(tables.drawn, 120, 2, tmp_path / "rows")


def test_files_repeat_the_drawn_rows(tables: Tables, rows: Rows, model: scorer.Scorer) -> None:
    assert (rows.count, rows.bytes) == (120, sum(file.stat().st_size for file in rows.files))
    for file in rows.files:
        table = pq.read_table(file)
        assert table.column_names == [declared.name for declared in model.equation.inputs]
        assert table[50:].equals(table[:10])
        assert table[:50].equals(tables.drawn)


def test_only_categories_have_a_dictionary(tables: Tables, rows: Rows) -> None:
    group = pq.ParquetFile(rows.files[0]).metadata.row_group(0)
    chunks = [group.column(index) for index in range(group.num_columns)]
    encoded = {chunk.path_in_schema for chunk in chunks if chunk.has_dictionary_page}
    assert encoded == set(tables.dictionaries) & set(tables.drawn.column_names)


def test_tables_differ_in_their_columns_and_not_in_their_scores(tables: Tables, model: scorer.Scorer) -> None:
    assert (str(tables.drawn["x12"].type), str(tables.numbers["x12"].type)) == ("large_string", "double")
    assert tables.wide.num_columns == 100
    phats = [model.score(table).phat.tolist() for table in (tables.drawn, tables.numbers, tables.wide)]
    assert phats[0] == phats[1] == phats[2]


@pytest.mark.parametrize("way", [OneHot, Dummies])
def test_the_notebooks_way_gives_the_same_phat(way: Any, tables: Tables, model: scorer.Scorer) -> None:
    frame = tables.drawn.to_pandas()
    assert frame.isna().any(axis=None)
    assert np.abs(way(model)(frame) - model.score(frame).phat).max() <= EXACT


@pytest.mark.parametrize("way", programs.PROGRAMS)
def test_a_program_writes_phat_and_outcome(way: str, rows: Rows, tmp_path: Path, model: scorer.Scorer) -> None:
    assert programs.main([way, str(rows.files[0]), str(tmp_path / "scores.parquet")]) == 0
    scores, expected = pd.read_parquet(tmp_path / "scores.parquet"), model.score(pq.read_table(rows.files[0]))
    assert list(scores.columns) == ["business_outcome", "phat"]
    assert np.abs(scores["phat"] - expected.phat).max() <= EXACT
    assert scores["business_outcome"].tolist() == expected.outcome.tolist()


def test_programs_are_timed_and_compared(tables: Tables, tmp_path: Path, model: scorer.Scorer) -> None:
    files = {name: tables.write(tables.drawn, 120, 1, tmp_path / name) for name in ("whole", "single")}
    found = measure.programs(model, tables.drawn, files, tmp_path, 1)
    assert found.keys() == page.PROGRAMS.keys()
    for one in found.values():
        assert one["rows"] == 120
        assert [len(one[clock]) for clock in ("cpu", "wall")] == [1, 1]
        assert min(one["cpu"] + one["wall"]) > 0
        assert one["scores_bytes"] > 120 * 8


@pytest.mark.parametrize("way", ["udf", "dummies"])
def test_scores_that_differ_are_not_shown(way: str) -> None:
    expected = np.array([0.25, 0.5])
    measure._compare(way, expected.copy(), expected)
    for wrong in (expected + 1e-11, expected[:1], expected * np.nan):
        with pytest.raises(EngineError, match=f"{way}: phat differs from the library's by more than "):
            measure._compare(way, wrong, expected)
    last_bit = np.nextafter(expected, 1)
    if way == "udf":
        with pytest.raises(EngineError, match="by more than 0"):
            measure._compare(way, last_bit, expected)
    else:
        measure._compare(way, last_bit, expected)


def test_programs_that_run_at_the_same_time_are_counted_together() -> None:
    code = "import os, time; began = time.process_time()\nwhile time.process_time() < began + 0.2: pass\n"
    alone = measure.run([["-c", code]], 1)
    both = measure.run([["-c", code]] * 2, 2)
    assert alone.cpu >= 0.2
    assert both.cpu >= 0.4
    assert both.wall >= 0.2


def test_programs_run_on_so_many_cpus(tmp_path: Path) -> None:
    code = f"import os; open({str(tmp_path / 'cpus')!r}, 'w').write(str(len(os.sched_getaffinity(0))))"
    measure.run([["-c", code]], 1)
    assert (tmp_path / "cpus").read_text() == "1"
    assert len(os.sched_getaffinity(0)) > 1 or os.cpu_count() == 1


def test_a_program_that_fails_is_told() -> None:
    with pytest.raises(subprocess.CalledProcessError) as caught:
        measure.run([["-c", "raise SystemExit('no rows')"]], 1)
    assert "no rows" in caught.value.stderr


def test_the_clock_counts_all_that_descends_and_tells_java_apart(tmp_path: Path) -> None:
    java = tmp_path / "java"
    java.symlink_to("/bin/sh")
    before = clock.taken(os.getpid())
    command = [str(java), "-c", f"exec 3<&0; /bin/sh -c '{BUSY} echo; read line <&3' & {BUSY} wait"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        process.stdout.readline()
        taken = clock.taken(os.getpid()).since(before)
        assert clock.taken(process.pid).jvm > 0
        assert taken.jvm > 0.05
        assert taken.python > 0.05
        process.stdin.write(b"\n")


def test_a_session_that_does_not_start_says_why(tmp_path: Path) -> None:
    """It ends at the unknown way, or before where there is no Spark."""
    with session(tmp_path / "session", 1) as spark, pytest.raises(EngineError, match=r"(?s)Spark ended: .*Error: "):
        spark.take("none", tmp_path)


WAY = paper.Way(cpu=2e-6, read=67.108864, written=8.5, columns=10, group=250_000)
"""500 tasks, 2,000 CPU seconds."""


def test_a_billion_rows_by_hand() -> None:
    assert paper.tasks(WAY) == 500
    found = paper.estimate(WAY, 64)
    assert found.cpu == pytest.approx(8 * 4)  # 8 waves of tasks of 4 seconds: 12 cores have none in the last
    assert found.network == pytest.approx(67.108864e9 * 8 / (2 * 10e9))
    assert found.streams == pytest.approx(67.108864e9 / 64 / 85e6)
    assert found.requests == pytest.approx((40_000 + 1_000) / 5_500)
    assert found.first == "CPU"
    assert found.least == pytest.approx(32)
    assert found.most == pytest.approx(32 + 26.84, abs=0.01)
    assert paper.cores_of_a_prefix(WAY) == pytest.approx(2_000 / (41_000 / 5_500))


@pytest.mark.parametrize(
    ("way", "cores", "first"),
    [
        (WAY, 16, "CPU"),
        (replace(WAY, cpu=1e-6), 16, "network"),
        (replace(WAY, cpu=1e-6, group=10_000), 256, "store, requests"),
    ],
)
def test_what_is_full_first(way: paper.Way, cores: int, first: str) -> None:
    assert paper.estimate(way, cores).first == first


def test_a_stream_is_full_first_where_the_network_is_better(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paper, "NETWORK_BITS", 10e9)
    assert paper.estimate(replace(WAY, cpu=5e-7), 16).first == "store, a stream"


def changed(**ways: float) -> dict[str, Any]:
    """The committed results, with other CPU and wall seconds of ways through Spark."""
    other = {
        way: {figure: [seconds] * 5 for figure in ("cpu", "wall", "jvm", "python")} for way, seconds in ways.items()
    }
    return {**RESULTS, "spark": {**RESULTS["spark"], **other}}


def test_bounds_are_of_medians() -> None:
    results = changed(identity=10.0, score=12.5, dummies=20.0)
    results["spark"]["one-hot"] = {"cpu": [30.0, 31.0, 99.0, 1.0, 32.0], "wall": [25.0] * 5}
    identity, one_hot, dummies = page.bounds(results)
    assert (identity.value, identity.wall, identity.met()) == (1.25, 1.25, True)
    assert (one_hot.value, one_hot.wall, one_hot.met()) == (31 / 12.5, 2.0, True)
    assert (dummies.value, dummies.met()) == (1.6, False)


def test_what_spark_costs_is_split() -> None:
    rows = RESULTS["rows"]["parts"]["count"]
    results = changed(score=rows * 4e-6)
    for way, jvm, python in (("scan", 1e-6, 0.0), ("identity", 2.5e-6, 0.5e-6)):
        figures = {"jvm": jvm, "python": python, "cpu": jvm + python, "wall": jvm}
        results["spark"][way] = {name: [rows * value] for name, value in figures.items()}
    text = " ".join(page.text(results).split())
    assert (
        "Of the 4.00 µs of CPU time that a row takes, reading Parquet is 25%, the way between JVM and Python 50%"
        in text
    )
    assert "(1.50 µs in the JVM, which makes Arrow of rows and rows of Arrow, and 0.50 µs in Python)" in text
    assert "what it adds 25%" in text


def test_settings_that_lower_the_cost_are_named() -> None:
    times = {"cpu": [1.0] * 5, "wall": [1.0] * 5}
    settings = dict.fromkeys(RESULTS["settings"], times)
    settings |= {"numbers": {"cpu": [0.9], "wall": [1]}, "zstd": {"cpu": [1.2], "wall": [1]}}
    text = page.text({**RESULTS, "settings": settings})
    assert "Lower: money as a double column instead of texts. Higher: `spark.sql.execution.arrow.compression" in text
    settings["numbers"] = times
    assert "Lower: none. Higher: " in page.text({**RESULTS, "settings": settings})
    assert "| `spark.python.worker.reuse` false |  | 1.00 |  |" in text


def test_every_case_has_its_words() -> None:
    assert page.SETTINGS.keys() | page.WIDE.keys() == measure.CASES.keys()
    assert page.WAYS.keys() == WAYS.keys()
    assert {case.session for case in measure.CASES.values()} == measure.SESSIONS.keys()


@pytest.fixture
def written(docs: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the command writes goes to another directory."""
    for name in ("ENGINES", "PAGE"):
        path = docs / getattr(page, name).name
        path.write_text(getattr(page, name).read_text())
        monkeypatch.setattr(page, name, path)
    return docs


def test_what_is_measured_is_written(
    written: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    measured = {name: value for name, value in RESULTS.items() if name not in ("machine", "made")}
    monkeypatch.setattr(engines, "measure", lambda *_: {**measured, "stolen": 0.125})
    monkeypatch.setattr(engines, "LIBRARIES", ("numpy",))
    assert engines.main() == 0
    results = json.loads((written / "engines.json").read_text())
    assert (results["stolen"], results.keys()) == (0.125, RESULTS.keys())
    text = page.text(results)
    assert "12.5% of the CPU time" in text
    assert text in (written / "engines.md").read_text()
    assert text in capsys.readouterr().out
    assert [block.command for block in pages.BLOCKS if block.page.name == "engines.md"] == [page.COMMAND]


@pytest.mark.parametrize(
    ("missing", "told"), [("find_spec", "^pyspark is not installed"), ("which", "^Java 17 or newer is not installed")]
)
def test_what_spark_needs_is_told(missing: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("find_spec", "which"):
        monkeypatch.setattr(measure, name, lambda _, found=name != missing: found or None)
    with pytest.raises(EngineError, match=told):
        measure.measure(measure.Sizes(), tmp_path, print)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (EngineError("udf: phat differs"), 2, "engines: udf: phat differs"),
        (subprocess.CalledProcessError(1, ["python"], stderr="no file\n"), 2, "exit status 1.: no file"),
        (KeyboardInterrupt(), 130, "engines: interrupted, nothing was written"),
    ],
)
def test_what_cannot_be_measured_is_told(
    error: BaseException,
    code: int,
    told: str,
    written: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: object) -> None:
        raise error

    before = (written / "engines.json").read_text()
    monkeypatch.setattr(engines, "measure", fail)
    assert engines.main() == code
    assert told in capsys.readouterr().err
    assert (written / "engines.json").read_text() == before
