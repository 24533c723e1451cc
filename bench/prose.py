"""Sentences of the docs whose figures come from bench/results.json."""

from __future__ import annotations

from statistics import median

from bench import report
from bench.bounds import bounds
from bench.markdown import head, paragraph
from bench.report import Results


def headline(results: Results) -> str:
    """The paragraph on speed of the README: the conditions, the main figures, and the bounds that are not met."""
    machine, made = results["machine"], results["made"]["servers"]
    measured = {bound.what: bound for bound in bounds(results)}
    parse, mixed, texts = (bound.shown() for what, bound in measured.items() if "orjson.loads" in what)
    faster, more = (next(bound for what, bound in measured.items() if words in what) for words in ("(a) ", "of (a)"))
    own = results["servers"]["samples"]["scorer"]
    one_by_one = min(figures["wall"] for figures in results["calls"]["samples"]["one connection"])
    missed = [bound for bound in measured.values() if not bound.met()]
    size, taken = results["servers"]["body_bytes"] / 1e6, min(own["batch_cpu"]) * 1e3
    text = (
        f"Version {made['version']} (revision {made['revision']}, {made['date']}), one worker on a machine with "
        f"{machine['cpus']} CPUs ({made['processor']}) that also runs the client. {report.stolen(results)} "
        f"A POST of 10,000 rows with 100 inputs each ({size:.1f} MB, numbers as JSON numbers) takes {taken:.0f} ms of "
        f"CPU time: {parse} of what `orjson.loads` alone takes for this body ({mixed} with numbers of both kinds, "
        f"{texts} with all cells as texts), and FastAPI with pandas, scikit-learn and statsmodels takes "
        f"{faster.shown()} times as much, for single rows {more.shown()} times. On 8 connections it answers "
        f"{median(own['single_per_second']):,.0f} single rows a second; {results['calls']['calls']:,} calls one by "
        f"one take {one_by_one:.1f} s. "
        f"Of {len(measured)} bounds that were set, {len(measured) - len(missed)} are met. "
    )
    if missed:
        text += "Not met: " + "; ".join(f"{each.what} {each.shown()} ({each.asked()})" for each in missed) + ". "
    return paragraph(text + "[Performance](docs/performance.md) has all figures.")


def rates(results: Results, capacity: Results) -> str:
    """The rates of one worker that stand on the page, and how each was asked for: they differ."""
    own = results["servers"]["samples"]["scorer"]
    beside = results["workers"]["samples"]["1"]["singles"]["8"]
    cpu, full = results["cpu"]["singles"], capacity["cpu_seconds"] * 1e6
    asked = {
        "wrk, 8 connections; the rate to quote": median(own["single_per_second"]),
        "the same in another part of the run, with a server of two workers idle beside it": median(
            figures["per_second"] for figures in beside
        ),
        f"1 second ÷ the CPU time of a row ({cpu:.1f} µs), in another part of the run": 1e6 / cpu,
        f"1 second ÷ the CPU time of a call ({full:.1f} µs) in `make capacity`: another run, another client, 32 "
        "connections, the quietest of many rounds": 1e6 / full,
    }
    lines = head("single rows a second of one worker", "how it was asked")
    return "\n".join([*lines, *(f"| {rate:,.0f} | {words} |" for words, rate in asked.items())])
