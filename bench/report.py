"""results.json → Markdown tables. Ratios are medians of the ratios within each round."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from bench import contenders
from bench.peers.catalog import PEERS, ROOT

PAGE = ROOT / "docs" / "performance.md"
_MARKS = "<!-- measured: {} -->", "<!-- end -->"
Results = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Bound:
    """A measured ratio and its bound.

    Attributes:
        what: description in words.
        value: the measured ratio.
        bound: the ratio that has to be reached.
        aim: a better ratio, not required.
        most: whether the bound is an upper one.
    """

    what: str
    value: float
    bound: float
    aim: float
    most: bool

    def met(self) -> bool:
        """Whether the bound is reached."""
        return self.value <= self.bound if self.most else self.value >= self.bound

    def shown(self) -> str:
        """The value, with the digits that show on which side of the bound it is."""
        digits = 2 if self.value < 10 else 0
        while replace(self, value=round(self.value, digits)).met() != self.met():
            digits += 1
        return f"{self.value:,.{digits}f}"

    def asked(self) -> str:
        """The bound, with its sign."""
        return f"{'≤' if self.most else '≥'} {self.bound:,g}"

    def row(self) -> str:
        """A row of the table."""
        verdict = "yes" if self.met() else "**no**"
        return f"| {self.what} | {self.shown()} | {self.asked()} | {self.aim:,g} | {verdict} |"


def bounds(results: Results) -> Iterator[Bound]:
    """Every measured ratio that has a bound."""
    samples = results["servers"]["samples"]
    own, floor, parse = samples["scorer"], samples["floor"], samples["orjson.loads"]
    yield Bound("10,000-row POST ÷ `orjson.loads` alone", _ratio(own, parse, "batch_seconds"), 0.55, 0.40, most=True)
    for key, batch, single in (("a", (12.0, 20.0), (150.0, 250.0)), ("c", (2.2, 3.0), (3.5, 5.0))):
        if key in samples:
            name = next(peer.name for peer in PEERS if peer.key == key)
            faster = _ratio(samples[key], own, "batch_seconds")
            yield Bound(f"10,000-row POST, speed-up over ({key}) {name}", faster, batch[0], batch[1], most=False)
            faster = _ratio(own, samples[key], "single_per_second")
            yield Bound(f"single rows a second ÷ those of ({key})", faster, single[0], single[1], most=False)
    yield Bound("single rows a second ÷ the floor's", _ratio(own, floor, "single_per_second"), 0.50, 0.65, most=False)
    if "instructions" in results:
        counted = results["instructions"]["scorer"]
        yield Bound("instructions of a single row, floor included", counted, 270_000, 200_000, most=True)
    cold = results["cold_start"]["samples"]
    yield Bound("cold start ÷ the bare app's", _of_rounds(cold["scorer"], cold["bare"]), 1.3, 1.1, most=True)
    memory = results["memory"]
    yield Bound("idle memory ÷ the bare app's", memory["idle"] / memory["bare_idle"], 1.25, 1.1, most=True)
    above = (memory["peak"] - memory["idle"]) / memory["body_bytes"]
    yield Bound("peak memory above idle for the batch ÷ its body", above, 4, 2.5, most=True)
    if "growth" in results:
        rows = results["growth"]["samples"]
        yield Bound(
            "time a row, 100,000 rows ÷ 1,000 rows", _of_rounds(rows["100000"], rows["1000"]), 1.3, 1.1, most=True
        )
    if "swaps" in results:
        p99 = results["swaps"]["p99"]
        words = "p99 of single rows while the model is swapped five times a second ÷ without"
        yield Bound(words, _of_rounds(p99["swapping"], p99["alone"]), 2, 1.2, most=True)
    if "slow" in results:
        p99, count = results["slow"]["p99"], results["slow"]["connections"]
        words = f"p99 of single rows beside {count} idle and slow connections ÷ without"
        yield Bound(words, _of_rounds(p99["beside"], p99["alone"]), 2, 1.2, most=True)
    for count, figures in results.get("kernel", {}).get("rows", {}).items():
        speed = {name: figure["rows_per_second"] for name, figure in figures.items()}
        words = f"kernel, {int(count):,} rows: rows a second ÷"
        yield Bound(f"{words} statsmodels' on a ready matrix", speed["scorer"] / speed["statsmodels"], 1, 2, most=False)
        yield Bound(f"{words} a scikit-learn pipeline's", speed["scorer"] / speed["scikit-learn"], 10, 30, most=False)


def tables(results: Results) -> str:
    """All tables, as Markdown."""
    head = "| ratio | measured | bound | aim | met |\n|---|---|---|---|---|"
    parts = ["\n".join([head, *(bound.row() for bound in bounds(results))]), _servers(results)]
    if not results["quick"]:
        parts += [_kernel(results), _others(results)]
    machine = results["machine"]
    libraries = ", ".join(f"{name} {number}" for name, number in machine["libraries"].items())
    body = results["servers"]["body_bytes"] / 1e6
    text = f"{made_of(results)}. {machine['cpus']} CPUs, {machine['system']}, Python {machine['python']}; "
    text += f"{libraries}. Medians of {results['servers']['rounds']} rounds; the batch body has {body:.1f} MB, its "
    text += f"numbers as JSON numbers. {stolen(results)}"
    parts.append(paragraph(text))
    return "\n\n".join(parts)


def made_of(results: Results) -> str:
    """What the sections were measured of, when and where: of most, and of others that were measured at another time."""
    sections: dict[str, list[str]] = {}
    for name, made in results["made"].items():
        words = f"version {made['version']}, revision {made['revision']}, {made['date']}, {made['processor']}"
        sections.setdefault(words, []).append(name)
    (first, _), *others = sorted(sections.items(), key=lambda item: -len(item[1]))
    return "; ".join([first[0].upper() + first[1:], *(f"{', '.join(names)}: {words}" for words, names in others)])


def stolen(results: Results) -> str:
    """A sentence on what other machines took of the CPUs."""
    return f"Other guests of the host took {results['servers']['stolen']:.1%} of the CPU time meanwhile."


def _servers(results: Results) -> str:
    names = {peer.key: f"({peer.key}) {peer.name}" for peer in PEERS}
    names |= {contender.key: contender.name for contender in (contenders.SCORER, contenders.FLOOR, contenders.TINY)}
    lines = [
        "| one worker | processes | 10,000-row POST, ms | single rows a second | p50, ms | p99, ms |",
        "|---|---|---|---|---|---|",
    ]
    for key, figures in results["servers"]["samples"].items():
        batch = f"{median(figures['batch_seconds']) * 1e3:,.0f}"
        if "single_per_second" in figures:
            rate = f"{median(figures['single_per_second']):,.0f}"
            times = [f"{median(figures[name]) * 1e3:,.2f}" for name in ("single_p50", "single_p99")]
        else:
            rate, times = "", ["", ""]
        cells = [
            names.get(key, f"`{key}`, no server"),
            str(results["servers"]["processes"].get(key, "")),
            batch,
            rate,
            *times,
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _kernel(results: Results) -> str:
    sizes = " | ".join(f"{int(count):,} rows" for count in _rows(results))
    lines = [f"| kernel, one thread, million rows a second | {sizes} |"]
    lines.append("|---" * (len(_rows(results)) + 1) + "|")
    for name in next(iter(_rows(results).values())):
        speeds = [f"{figures[name]['rows_per_second'] / 1e6:,.2f}" for figures in _rows(results).values()]
        lines.append(f"| {name} | {' | '.join(speeds)} |")
    return "\n".join(lines)


def _rows(results: Results) -> dict[str, Any]:
    rows: dict[str, Any] = results["kernel"]["rows"]
    return rows


def _others(results: Results) -> str:
    cold = {name: median(samples) * 1e3 for name, samples in results["cold_start"]["samples"].items()}
    memory = {name: size / 1e6 for name, size in results["memory"].items()}
    beside = results["beside_batches"]
    growth = results["growth"]["samples"]
    lines = ["| also | |", "|---|---|"]
    lines.append(f"| cold start, ms: scorer, bare app | {cold['scorer']:.0f}, {cold['bare']:.0f} |")
    lines.append(
        f"| resident memory, MB: idle, bare app idle, peak of the batch | "
        f"{memory['idle']:.0f}, {memory['bare_idle']:.0f}, {memory['peak']:.0f} |"
    )
    taken = results["cpu"]
    lines.append(f"| CPU-seconds a million rows: batches, singles | {taken['batches']:.1f}, {taken['singles']:.0f} |")
    per_row = ", ".join(f"{median(samples) * 1e6:.1f}" for samples in growth.values())
    lines.append(f"| µs a row in a POST of 1,000, 10,000, 100,000 rows | {per_row} |")
    lines.append(
        f"| p99 of single rows, ms: alone, beside 10,000-row batches | "
        f"{beside['alone']['p99'] * 1e3:.1f}, {beside['beside']['p99'] * 1e3:.1f} |"
    )
    swaps = {name: median(samples) * 1e3 for name, samples in results["swaps"]["p99"].items()}
    words = f"{swaps['alone']:.2f}, {swaps['swapping']:.2f}"
    lines.append(f"| p99 of single rows, ms: alone, during {results['swaps']['swaps']} swaps | {words} |")
    if "slow" in results:
        slow = {name: median(samples) * 1e3 for name, samples in results["slow"]["p99"].items()}
        words = f"{slow['alone']:.2f}, {slow['beside']:.2f}"
        lines.append(
            f"| p99 of single rows, ms: alone, beside {results['slow']['connections']} connections | {words} |"
        )
    counted = {name: f"{figure:,.0f}" for name, figure in results["instructions"].items()}
    lines.append(f"| instructions of a single row: {', '.join(counted)} | {'; '.join(counted.values())} |")
    lines.append(f"| the whole export of 40,000 rows, s | {results['export']['seconds']:.1f} |")
    return "\n".join(lines)


def head(*names: str) -> list[str]:
    """The first two lines of a table, with the names of its columns."""
    return [f"| {' | '.join(names)} |", "|---" * len(names) + "|"]


def paragraph(text: str) -> str:
    """Wraps a paragraph to the width of the docs."""
    return textwrap.fill(text, 120, break_long_words=False, break_on_hyphens=False)


def put(page: Path, command: str, text: str) -> None:
    """Replaces the text between a command's marks in a page.

    Raises:
        ValueError: the page does not have the marks, or has them twice.
    """
    start, end = _MARKS[0].format(command), _MARKS[1]
    pattern = re.compile(re.escape(start) + ".*?" + re.escape(end), re.DOTALL)
    replaced, count = pattern.subn(lambda _match: f"{start}\n\n{text}\n\n{end}", page.read_text())
    if count != 1:
        raise ValueError(f"{page} has no place for the tables of {command}: one {start} and {end}")
    page.write_text(replaced)


def _ratio(above: dict[str, list[float]], below: dict[str, list[float]], name: str) -> float:
    return _of_rounds(above[name], below[name])


def _of_rounds(above: list[float], below: list[float]) -> float:
    return median(a / b for a, b in zip(above, below, strict=True))
