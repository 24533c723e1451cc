"""Every figure of speed or size in the docs comes from a command's file, or says that it was measured by hand."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import scorer
from bench import accuracy, pages
from bench.capacity import page
from scorer.service.settings import Settings
from tests.support.paths import ROOT

RESULTS: dict[str, Any] = json.loads(page.RESULTS.read_text())
CAPACITY: dict[str, Any] = json.loads(page.CAPACITY.read_text())
ACCURACY: dict[str, Any] = json.loads(accuracy.FIGURES.read_text())

README, DOCS = ROOT / "README.md", ROOT / "docs"
BY_HAND = ("### What was tried", "### What was measured once")
"""Sections of docs/performance.md whose figures no command makes: each row names the version that was measured."""

FIGURE = re.compile(
    r"(?<![\w.,-])\d[\d,.]*(?:(?: to |, | and )\d[\d,.]*)*\s"
    r"(?:ms\b|µs\b|s\b|CPU-seconds|[MG]B\b|MiB\b|(?:single )?rows a second|calls a second|times as|times the)"
)
"""A number, or several, with a unit of what the benchmark measures."""

SET = {
    "performance.md": ("10 ms",),
    "api.md": ("16 MiB", "4 MiB", "64 MiB"),
    "architecture.md": ("0.05 ms",),
    "coefficient-file.md": ("8 MiB",),
    "operations.md": (
        "64 MiB",
        "1 MiB",
        "256 MiB",
        "1 GiB",
        "45 s",
        "10 s",
        "30 s",
        "5 s",
    ),
}
"""Figures that are settings and limits, by page: nobody measures them, and other tests hold them to the code."""

Check = Callable[[], bool]
CLAIMS: tuple[tuple[str, str, Check], ...] = (
    (
        "architecture.md",
        f"{ACCURACY['bits']['rows_that_differ_with_a_matrix_product']:,} of {ACCURACY['rows']:,} rows get other last",
        lambda: ACCURACY["bits"]["rows_that_differ"] == 0,
    ),
    (
        "architecture.md",
        f"of phat is {ACCURACY['parity']['largest_difference']:.1e} on {ACCURACY['rows']:,} rows",
        lambda: True,
    ),
    (
        "architecture.md",
        f"tolerance is {ACCURACY['golden']['tolerance']:g}",
        lambda: scorer.load().file.certificate.tolerance == ACCURACY["golden"]["tolerance"],
    ),
    (
        "../README.md",
        f"rows to within {ACCURACY['golden']['tolerance']:g} refuses",
        lambda: True,
    ),
    (
        "performance.md",
        "each is idle for more than 99 % of the time",
        lambda: 5_000 / 60 * RESULTS["cpu"]["singles"] / 1e6 / 2 < 0.01,
    ),
    (
        "performance.md",
        "five minutes if load grows by a tenth of itself a minute, 45 seconds if it doubles in a minute",
        lambda: round(math.log(1 / page.BUSY, 1.1)) == 5 and abs(math.log2(1 / page.BUSY) * 60 - 45) < 2.5,
    ),
    (
        "performance.md",
        "`SCORER_MAX_REQUESTS` = 1,000 calls are reached in a fraction of a second",
        lambda: Settings().max_requests * CAPACITY["cpu_seconds"] < 0.5,
    ),
    (
        "performance.md",
        "it takes a fraction of the CPU (second table)",
        lambda: RESULTS["cpu"]["batches"] < RESULTS["cpu"]["singles"] / 4,
    ),
)
"""Page, words, and whether the files that commands write bear them out."""


@pytest.mark.parametrize("block", pages.BLOCKS, ids=lambda block: f"{block.page.name}, {block.command}")
def test_what_a_command_writes_is_what_its_file_says(block: pages.Block) -> None:
    written = f"<!-- measured: {block.command} -->\n\n{block.text(RESULTS, CAPACITY)}\n\n<!-- end -->"
    assert block.page.read_text().count(written) == 1


def test_every_measured_block_is_written_by_a_command() -> None:
    for path in (README, *DOCS.glob("*.md")):
        marked = re.findall(r"<!-- measured: (.*?) -->", path.read_text())
        assert marked == [block.command for block in pages.BLOCKS if block.page == path]


@pytest.mark.parametrize(("name", "words", "holds"), CLAIMS, ids=[words[:40] for _, words, _ in CLAIMS])
def test_what_the_docs_conclude_is_borne_out(name: str, words: str, holds: Check) -> None:
    assert words in " ".join((DOCS / name).read_text().split())
    assert holds()


def prose(path: Path) -> str:
    """A page without what commands write, and without the sections of what was measured by hand."""
    text = re.sub(r"<!-- measured: .*?<!-- end -->", "", path.read_text(), flags=re.DOTALL)
    for heading in BY_HAND:
        text = re.sub(rf"^{heading}\n.*?(?=^#)", "", text, flags=re.DOTALL | re.MULTILINE)
    return "\n".join(line for line in text.splitlines() if "measured by hand with version" not in line)


@pytest.mark.parametrize("path", [README, *sorted(DOCS.glob("*.md"))], ids=lambda path: path.name)
def test_no_other_figure_stands_in_the_prose(path: Path) -> None:
    if path.name in ("changelog.md", "requirements.md"):  # what was so once; what was asked for
        return
    found = [match.group() for match in FIGURE.finditer(prose(path))]
    assert [figure for figure in found if figure not in SET.get(path.name, ())] == []


@pytest.mark.parametrize("words", ["takes 31 ms", "19,700 and\n32,200 rows a second", "1.07 to 1.22 times as fast"])
def test_such_a_figure_is_found(words: str, tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text(f"## A\n\nIt {words} here.\n\n### What was tried\n\n| it | 7 ms |\n\n## B\n")
    assert len(FIGURE.findall(prose(path))) == 1


@pytest.mark.parametrize("heading", BY_HAND)
def test_what_was_measured_by_hand_names_its_version_and_date(heading: str) -> None:
    (section,) = re.findall(rf"^{heading}\n(.*?)(?=^#)", pages.PERFORMANCE.read_text(), re.DOTALL | re.MULTILINE)
    assert re.search(r"[Bb]y hand.*\d{4}-\d\d-\d\d", section)
    head, _, *rows = [line for line in section.splitlines() if line.startswith("|")]
    column = head.split("|").index(" version ")
    assert len(rows) > 5
    for row in rows:
        assert re.fullmatch(r" \d+\.\d+\.\d+ ", row.split("|")[column]), row
