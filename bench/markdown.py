"""Tables and paragraphs of the docs, and their places in the pages."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

from bench.peers.catalog import ROOT

PAGE = ROOT / "docs" / "performance.md"
_MARKS = "<!-- measured: {} -->", "<!-- end -->"


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
