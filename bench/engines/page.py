"""bench/engines.json → the section on scale of docs/engines.md."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median
from typing import Any

from bench.bound import Bound
from bench.engines import paper
from bench.markdown import head, paragraph
from bench.peers.catalog import ROOT
from bench.timing import Samples

PAGE = ROOT / "docs" / "engines.md"
ENGINES = ROOT / "bench" / "engines.json"
COMMAND = "python -m bench.engines"
NOISE = 0.05
"""Settings that change the CPU time by less are called alike."""
UNCOUNTED = "no reuse"
"""Ended workers take their CPU time with them: Spark's daemon does not wait for them."""

WAYS = {
    "scan": "Parquet → the JVM, no Python",
    "identity": "an identity `mapInArrow`: what goes through Python unchanged",
    "score": "`spark.score`, all columns kept",
    "score alone": "`spark.score(keep=[])`",
    "udf": "`spark.udf()`, beside all columns",
    "one-hot": "a scikit-learn pipeline in a `pandas_udf`, beside all columns",
    "dummies": "the notebook's steps in a `pandas_udf`, beside all columns",
}
PROGRAMS = {
    "scorer score": "`scorer score`",
    "polars": "polars, eager, and the library",
    "one-hot": "pandas and a scikit-learn pipeline",
    "dummies": "pandas and the notebook's steps",
}
SETTINGS = {
    "as it is": "`spark.score`, all columns kept, Spark's defaults",
    "batches of 1,000": "`spark.sql.execution.arrow.maxRecordsPerBatch` 1,000 instead of 10,000",
    "batches of 100,000": "`spark.sql.execution.arrow.maxRecordsPerBatch` 100,000",
    "zstd": "`spark.sql.execution.arrow.compression.codec` zstd",
    "no reuse": "`spark.python.worker.reuse` false",
    "domain sockets": "`spark.python.unix.domain.socket.enabled` true",
    "numbers": "money as a double column instead of texts",
}
WIDE = {
    "wide, identity": "identity `mapInArrow` of all columns",
    "wide, all kept": "`spark.score`, all columns kept",
    "wide, scores alone": "`spark.score(keep=[])`",
}
GROWTH = {
    "spark": "`spark.score`, as many tasks at a time",
    "scorer score": "`scorer score`, a process for each",
    "polars": "polars, eager, and the library",
}
Results = dict[str, Any]


def text(results: Results) -> str:
    """All of the section, as Markdown."""
    parts = [_rates, _bounds, _ways, _settings, _growth, _paper]
    return "\n\n".join([_machine(results), *(part(results) for part in parts)])


def bounds(results: Results) -> Iterator[Bound]:
    """What was asked of Spark: ratios of the medians."""
    spark = results["spark"]
    yield _of_medians(
        "`spark.score` ÷ an identity `mapInArrow`", spark["score"], spark["identity"], 1.3, 1.1, most=True
    )
    for name in ("one-hot", "dummies"):
        words = f"{WAYS[name].partition(',')[0]} ÷ `spark.score`"
        yield _of_medians(words, spark[name], spark["score"], 2, 3, most=False)


def _of_medians(what: str, above: Samples, below: Samples, bound: float, aim: float, *, most: bool) -> Bound:
    cpu, wall = (median(above[clock]) / median(below[clock]) for clock in ("cpu", "wall"))
    return Bound(what, cpu, bound, aim, most, wall)


def _machine(results: Results) -> str:
    machine, made = results["machine"], results["made"]
    libraries = ", ".join(f"{name} {number}" for name, number in machine["libraries"].items())
    rounds = len(results["spark"]["score"]["cpu"])
    return paragraph(
        f"Version {made['version']}, revision {made['revision']}, {made['date']}: {machine['cpus']} CPUs "
        f"({machine['processor']}), Python {machine['python']}; {libraries}. Medians of {rounds} rounds in which the "
        "ways take turns, after one that warms up; bench/engines.json has every round. CPU time is that of all "
        "processes of a way: JVM, Python workers and driver. Other guests of the host took "
        f"{results['stolen']:.1%} of the CPU time meanwhile, and may slow the rest: the CPUs are shared. Stand-in "
        f"rows: {_count(results, 'parts'):,} in four Parquet files for Spark, the same in one for `scorer score` and "
        f"polars, {_count(results, 'single'):,} for pandas; the {results['columns']} columns that the equation uses, "
        f"money and categories as texts, {_bytes(results):.0f} bytes a row."
    )


def _rates(results: Results) -> str:
    lines = head("Parquet → scores", "rows", "CPU s", "s", "rows a CPU-second")
    for name, words in PROGRAMS.items():
        one = results["programs"][name]
        lines.append(_rate(f"{words}, to Parquet", one["rows"], one))
    for name in ("score", "udf", "one-hot", "dummies"):
        lines.append(_rate(f"Spark: {WAYS[name]}", _count(results, "parts"), results["spark"][name]))
    note = (
        "The times of `scorer score` include the start of its process; polars and pandas have been imported, and "
        "Spark's session stands. Spark's scores go to its `noop` sink, those of the others to a file."
    )
    return _section("Rows a second of a core", "\n".join(lines), paragraph(note))


def _rate(words: str, rows: int, one: Samples) -> str:
    cpu, wall = (median(one[clock]) for clock in ("cpu", "wall"))
    return f"| {words} | {rows:,} | {cpu:.1f} | {wall:.1f} | {rows / cpu:,.0f} |"


def _bounds(results: Results) -> str:
    lines = head("Spark; medians of CPU time", "measured", "wall", "bound", "aim", "met")
    return "\n".join([*lines, *(bound.row() for bound in bounds(results))])


def _ways(results: Results) -> str:
    spark, rows = results["spark"], _count(results, "parts")
    lines = head(f"{rows:,} rows through Spark", "CPU s, JVM", "CPU s, Python", "s", "CPU ÷ identity's")
    for name, words in WAYS.items():
        one = {figure: median(values) for figure, values in spark[name].items()}
        share = one["cpu"] / median(spark["identity"]["cpu"])
        lines.append(f"| {words} | {one['jvm']:.1f} | {one['python']:.1f} | {one['wall']:.1f} | {share:.2f} |")
    scan, identity, score = (median(spark[name]["cpu"]) / rows * 1e6 for name in ("scan", "identity", "score"))
    there, back = (
        (median(spark["identity"][part]) - median(spark["scan"][part])) / rows * 1e6 for part in ("jvm", "python")
    )
    note = (
        f"Of the {score:.2f} µs of CPU time that a row takes, reading Parquet is {scan / score:.0%}, the way between "
        f"JVM and Python {(identity - scan) / score:.0%} ({there:.2f} µs in the JVM, which makes Arrow of rows and "
        f"rows of Arrow, and {back:.2f} µs in Python), and scoring and what it adds {(score - identity) / score:.0%}."
    )
    return _section("What Spark's own way costs", "\n".join(lines), paragraph(note))


def _settings(results: Results) -> str:
    usual, rows = results["settings"]["as it is"], _count(results, "few")
    ratios = {name: median(results["settings"][name]["cpu"]) / median(usual["cpu"]) for name in SETTINGS}
    lines = head(f"{rows:,} rows, scored", "CPU s", "s", "CPU ÷ the first line's")
    for name, words in SETTINGS.items():
        cpu, wall = (median(results["settings"][name][clock]) for clock in ("cpu", "wall"))
        shown = " |  | " if name == UNCOUNTED else f" | {cpu:.2f} | "
        lines.append(f"| {words}{shown}{wall:.2f} | {'' if name == UNCOUNTED else f'{ratios[name]:.2f}'} |")
    compared = [name for name in SETTINGS if name not in ("as it is", UNCOUNTED)]
    note = (
        f"{_listed('Lower', [SETTINGS[name] for name in compared if ratios[name] < 1 - NOISE])} "
        f"{_listed('Higher', [SETTINGS[name] for name in compared if ratios[name] > 1 + NOISE])} The others differ by "
        f"less than {NOISE:.0%}. Workers that are not reused end, and their CPU time cannot be read any more."
    )
    wide = _wide(results)
    return _section("Settings, and columns read", "\n".join(lines), paragraph(note), wide)


def _listed(word: str, names: list[str]) -> str:
    return f"{word}: {'; '.join(names)}." if names else f"{word}: none."


def _wide(results: Results) -> str:
    rows = _count(results, "wide")
    columns = f"{rows:,} rows of all 100 columns, {_bytes(results, 'wide'):.0f} bytes a row"
    lines = head(columns, "CPU s", "s", "CPU µs a row")
    for name, words in WIDE.items():
        cpu, wall = (median(results["settings"][name][clock]) for clock in ("cpu", "wall"))
        lines.append(f"| {words} | {cpu:.2f} | {wall:.2f} | {cpu / rows * 1e6:.1f} |")
    return "\n".join(lines)


def _growth(results: Results) -> str:
    lines = head(
        f"{_count(results, 'single'):,} rows", "s on 1 CPU", "s on 2", "times the rows a second", "CPU s on 1", "on 2"
    )
    for name, words in GROWTH.items():
        one, two = (results["growth"][f"{name}, {cpus}"] for cpus in (1, 2))
        walls, cpus = ([median(each[clock]) for each in (one, two)] for clock in ("wall", "cpu"))
        lines.append(
            f"| {words} | {walls[0]:.2f} | {walls[1]:.2f} | {walls[0] / walls[1]:.2f} | {cpus[0]:.2f} | {cpus[1]:.2f} |"
        )
    note = (
        "On one CPU all of a way's processes and threads are held to it. The second CPU is one of a shared host: where "
        "the CPU time itself grows, the two take from each other what a core of its own would not."
    )
    return _section("From one CPU to two", "\n".join(lines), paragraph(note))


def costs(results: Results) -> dict[str, paper.Way]:
    """What a row costs, of the ways that are computed on paper."""
    own = results["programs"]["scorer score"]
    written, read = own["scores_bytes"] / own["rows"], _bytes(results)
    cpu = {
        "`scorer score`, a process a core": median(own["cpu"]) / own["rows"],
        "`spark.score`": median(results["spark"]["score"]["cpu"]) / _count(results, "parts"),
        "a scikit-learn pipeline in a `pandas_udf`": median(results["spark"]["one-hot"]["cpu"])
        / _count(results, "parts"),
    }
    return {
        words: paper.Way(seconds, read, written, results["columns"], results["group"]) for words, seconds in cpu.items()
    }


def _paper(results: Results) -> str:
    lines = head(
        f"{paper.ROWS:,} rows",
        "cores",
        "CPU, s",
        "network, s",
        "one stream a core, s",
        "requests of one prefix, s",
        "all, s",
        "full first",
    )
    for words, way in costs(results).items():
        for cores in paper.CORES:
            one = paper.estimate(way, cores)
            busy = " | ".join(f"{each:,.0f}" for each in (one.cpu, one.network, one.streams, one.requests))
            lines.append(f"| {words} | {cores} | {busy} | {one.least:,.0f} to {one.most:,.0f} | {one.first} |")
    return _section("A billion rows, on paper", "\n".join(lines), _assumptions(results))


def _assumptions(results: Results) -> str:
    ways = costs(results)
    way = next(iter(ways.values()))
    limits = ", ".join(f"{paper.cores_of_a_prefix(each):,.0f} for {words}" for words, each in ways.items())
    return paragraph(
        f"Computed, not run. Measured are the CPU time and the bytes of a row ({way.read:.0f} read, {way.written:.1f} "
        f"written). Assumed: cores like these; {paper.NETWORK_BITS * 32 / 1e9:.0f} Gbit/s each way for 32 of them (an "
        f"m5.8xlarge); {paper.STREAM_BYTES / 1e6:.0f} MB a second for each request of an object store, and "
        f"{paper.PREFIX_GETS:,} GETs and {paper.PREFIX_PUTS:,} PUTs a second on one prefix (Amazon's S3 User Guide); "
        f"tasks of {paper.TASK_BYTES // 2**20} MiB, so {paper.tasks(way):,} of them, and the cores wait for the last; "
        f"a request for each column of a row group of {way.group:,} rows. All takes the first figure where reading "
        "overlaps with scoring, and the second where a core waits for what it reads. One prefix is enough for that "
        f"many cores: {limits}; more need more prefixes, or larger row groups. Starting a cluster, TLS, "
        "retries and uneven nodes are not in it."
    )


def _section(heading: str, *parts: str) -> str:
    return "\n\n".join([f"### {heading}", *parts])


def _count(results: Results, name: str) -> int:
    count: int = results["rows"][name]["count"]
    return count


def _bytes(results: Results, name: str = "whole") -> float:
    one = results["rows"][name]
    size: float = one["bytes"] / one["count"]
    return size
