"""docs/library.md: its session runs, shows what it gives, and leaves out no name of the library."""

from __future__ import annotations

import doctest
import inspect
import re
from typing import Any

import pytest

import scorer
from scorer import Scores, explain
from tests.support.paths import ROOT

PAGE = (ROOT / "docs" / "library.md").read_text()


def failures(page: str) -> list[str]:
    """What the blocks of a page give instead of what it shows, as one session."""
    blocks = "".join(re.findall(r"```pycon\n(.*?)```", page, re.DOTALL))
    session = doctest.DocTestParser().get_doctest(blocks, {}, "library.md", None, 0)
    found: list[str] = []
    doctest.DocTestRunner(verbose=False).run(session, out=found.append)
    return found


@pytest.fixture(autouse=True)
def in_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def test_the_session_gives_what_is_shown() -> None:
    assert "".join(failures(PAGE)) == ""


@pytest.mark.parametrize(("shown", "instead"), [("0.29790376", "0.29790377"), ("timestamp[s]", "timestamp[ms]")])
def test_another_output_is_noticed(shown: str, instead: str) -> None:
    assert PAGE.count(shown) > 0
    assert failures(PAGE.replace(shown, instead)) != []


def public(kind: Any) -> list[str]:
    return [name for name in dir(kind) if not name.startswith("_")]


NAMES = [*public(Scores), *Scores.__dataclass_fields__, *(set(scorer.__all__) - {"__version__"}), "explain"]


@pytest.mark.parametrize("name", sorted({*NAMES} - {"entered_before"}))
def test_every_name_is_on_the_page(name: str) -> None:
    assert re.search(rf"(?<!\w){name}(?!\w)", PAGE), name


def test_every_parameter_of_the_calls_is_on_the_page() -> None:
    calls = (scorer.load, scorer.Scorer.score, Scores.to_arrow, explain.explain)
    for call in calls:
        for parameter in set(inspect.signature(call).parameters) - {"self", "rows", "scores", "path"}:
            assert f"{parameter}" in PAGE
