"""The trees of errors at the top of their modules are those of the classes."""

from __future__ import annotations

from types import ModuleType

import pytest

import export.errors
import scorer.errors
from tests.support.error_tree import draw, drawn


@pytest.mark.parametrize(
    ("module", "root"),
    [(scorer.errors, scorer.errors.ScorerError), (export.errors, export.errors.ExportError)],
    ids=["scorer", "export"],
)
def test_the_tree_is_drawn_as_it_is(module: ModuleType, root: type[Exception]) -> None:
    assert drawn(module) == draw(root)


class RootError(Exception):
    pass


class FirstError(RootError):
    pass


class LeafError(FirstError):
    pass


class LastError(RootError):
    pass


TREE = """A tree.

RootError
├── FirstError      .data: of some kind, as in LastError
│   └── LeafError
└── LastError
"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("└── LastError\n", ""),
        ("│   └── LeafError\n", ""),
        ("│   └── Leaf", "├── Leaf"),
        ("LastError\n", "LostError\n"),
    ],
)
def test_a_tree_that_is_drawn_wrong_is_noticed(before: str, after: str) -> None:
    module = ModuleType("errors", TREE)
    assert drawn(module) == draw(RootError)
    module.__doc__ = TREE.replace(before, after)
    assert drawn(module) != draw(RootError)
