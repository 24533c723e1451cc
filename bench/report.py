"""results.json → Markdown tables."""

from __future__ import annotations

from statistics import median
from typing import Any

from bench import contenders
from bench.bounds import bounds
from bench.markdown import head, paragraph
from bench.peers.catalog import PEERS

Results = dict[str, Any]
READY = {
    "statsmodels": "statsmodels on a ready matrix, which leaves nothing to prepare",
    "statsmodels, DataFrame": "statsmodels on a ready DataFrame, which leaves nothing to prepare",
}


def tables(results: Results) -> str:
    """All tables, as Markdown."""
    lines = head("figure; of CPU time where it is of times", "measured", "wall", "bound", "aim", "met")
    parts = ["\n".join([*lines, *(bound.row() for bound in bounds(results))]), _servers(results)]
    if not results["quick"]:
        parts += [_kernel(results), _others(results)]
    machine = results["machine"]
    libraries = ", ".join(f"{name} {number}" for name, number in machine["libraries"].items())
    body = results["servers"]["body_bytes"] / 1e6
    text = f"{made_of(results)}. {machine['cpus']} CPUs, {machine['system']}, Python {machine['python']}; "
    rounds = results["servers"]["rounds"]
    text += f"{libraries}. Ratios and CPU figures are of the least times of {rounds} rounds, wall figures medians; the "
    text += f"batch body has {body:.1f} MB, its numbers as JSON numbers. "
    text += stolen(results)
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
    lines = head(
        "one worker",
        "processes",
        "10,000-row POST, CPU ms",
        "wall ms",
        "single row, CPU µs",
        "single rows a second",
        "p50, ms",
        "p99, ms",
    )
    for key, figures in results["servers"]["samples"].items():
        cells = [names.get(key, f"`{key}`, no server"), str(results["servers"]["processes"].get(key, ""))]
        cells += [f"{min(figures['batch_cpu']) * 1e3:,.0f}", f"{median(figures['batch_seconds']) * 1e3:,.0f}"]
        if "single_cpu" in figures:
            cells += [f"{min(figures['single_cpu']) * 1e6:,.0f}", f"{median(figures['single_per_second']):,.0f}"]
            cells += [f"{median(figures[name]) * 1e3:,.2f}" for name in ("single_p50", "single_p99")]
        else:
            cells += [""] * 4
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _kernel(results: Results) -> str:
    rows: dict[str, Any] = results["kernel"]["rows"]
    sizes = [f"{int(count):,} rows{clock}" for count in rows for clock in ("", ", wall")]
    lines = head("kernel, one thread, million rows a second of CPU time", *sizes)
    for name in next(iter(rows.values())):
        speeds = [
            f"{int(count) / min(figures[name][clock]) / 1e6:,.2f}"
            for count, figures in rows.items()
            for clock in ("cpu", "wall")
        ]
        lines.append(f"| {READY.get(name, name)} | {' | '.join(speeds)} |")
    return "\n".join(lines)


def _others(results: Results) -> str:
    cold = results["cold_start"]["samples"]
    memory = {name: size / 1e6 for name, size in results["memory"].items()}
    beside = results["beside_batches"]
    growth = results["growth"]["samples"]
    lines = ["| also | |", "|---|---|"]
    for words, figure, clock in (("CPU ms", min, "cpu"), ("ms", median, "wall")):
        starts = ", ".join(f"{figure(cold[name][clock]) * 1e3:.0f}" for name in ("scorer", "bare"))
        lines.append(f"| cold start, {words}: scorer, bare app | {starts} |")
    lines.append(
        f"| resident memory, MB: idle, bare app idle, peak of the batch | "
        f"{memory['idle']:.0f}, {memory['bare_idle']:.0f}, {memory['peak']:.0f} |"
    )
    taken = results["cpu"]
    lines.append(f"| CPU-seconds a million rows: batches, singles | {taken['batches']:.1f}, {taken['singles']:.0f} |")
    per_row = ", ".join(f"{min(samples['cpu']) * 1e6:.1f}" for samples in growth.values())
    lines.append(f"| CPU µs a row in a POST of 1,000, 10,000, 100,000 rows | {per_row} |")
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
