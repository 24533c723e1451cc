"""The trees of errors at the top of their modules are those of the classes."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Iterator
from types import ModuleType
from typing import Any

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


GIVEN: dict[str, Any] = {
    "source": "model.json",
    "at": "$.terms[3]",
    "reason": "a reason",
    "message": "a message",
    "problems": [scorer.errors.Problem(row, "x12", "not_a_number", "not a number") for row in range(30)],
    "total": 31,
    "limit": 5,
    "seconds": 1.5,
    "parameter": "keep",
    "setting": "SCORER_PORT",
    "address": "s3://bucket",
}
"""Arguments of the errors' constructors, by name."""


def leaves(kind: type[Exception]) -> Iterator[type[Exception]]:
    children = [child for child in kind.__subclasses__() if child.__module__ == kind.__module__]
    if not children:
        yield kind
    for child in children:
        yield from leaves(child)


@pytest.mark.parametrize("kind", [*leaves(scorer.ScorerError)])
def test_an_error_is_the_same_after_a_pickle(kind: type[Exception]) -> None:
    parameters = {} if kind.__init__ is Exception.__init__ else inspect.signature(kind).parameters
    error = kind(*(GIVEN[name] for name in parameters))
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert str(again) == str(error)
    assert vars(again) == vars(error)
