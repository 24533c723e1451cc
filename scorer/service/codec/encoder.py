"""Scores → the bytes of an answer.

All dummies of a category are known from the code of its level. So neighbouring keys of one category are not encoded one
by one: for each code their JSON is made once, and an answer takes it in as it is (msgspec.Raw). The fields of the
answer's type are then the numbers, and one for each such run of keys.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any, Protocol

import msgspec

from scorer.coefficients import CategoryInput, Term
from scorer.explain import explain
from scorer.scorer import Scorer
from scorer.scores import RowScore, Scores

_OUTCOME, _PHAT, _ENTERED = 0, 1, 2
"""Where the values of a row stand: outcome, phat, then what entered the equation, input by input."""


class Encoder(Protocol):
    """Encodes the answers of one scorer, keys in alphabetical order.

    Attributes:
        columns_only: whether it needs whole columns, even of one row.
    """

    columns_only: bool

    def encode(self, scores: Scores) -> bytes:
        """The answer to a batch: a JSON array with an element for each row."""

    def encode_rows(self, rows: Sequence[RowScore]) -> bytes:
        """The answer to a few rows that were scored one by one."""


class AnswerEncoder:
    """Outcome, probability and, unless they are left out, the variables."""

    columns_only = False

    def __init__(self, scorer: Scorer, variables: bool = True) -> None:
        outcome = scorer.file.outcome
        terms = {term.variable: term for term in scorer.file.terms} if variables else {}
        inputs = {declared.name: declared for declared in scorer.equation.inputs}
        places = {name: _ENTERED + place for place, name in enumerate(inputs)}
        places |= {outcome.name: _OUTCOME, outcome.probability: _PHAT}
        self._slots: list[tuple[int, list[msgspec.Raw] | None]] = []
        names: list[str] = []
        types: list[Any] = []
        for source, run in groupby(sorted([*terms, outcome.name, outcome.probability]), key=_source(terms)):
            keys = list(run)
            declared = inputs.get(source)
            table = _fragments(declared, [terms[key] for key in keys]) if isinstance(declared, CategoryInput) else None
            self._slots.append((places[source], table))
            names.append(keys[0])
            types.append(msgspec.Raw if table else int if source == outcome.name else float)
        rename = {f"f{place}": name for place, name in enumerate(names)}
        self._answer: Any = msgspec.defstruct("Answer", list(zip(rename, types, strict=True)), rename=rename, gc=False)
        self._encoder = msgspec.json.Encoder()

    def encode(self, scores: Scores) -> bytes:
        """As Encoder."""
        values = [scores.outcome, scores.phat, *scores.entered]
        columns = [
            values[place].tolist() if table is None else map(table.__getitem__, values[place].tolist())
            for place, table in self._slots
        ]
        return self._encoder.encode(list(map(self._answer, *columns)))

    def encode_rows(self, rows: Sequence[RowScore]) -> bytes:
        """As Encoder."""
        return self._encoder.encode([self._answer(*self._row(row)) for row in rows])

    def _row(self, row: RowScore) -> list[Any]:
        values: list[Any] = [row.outcome, row.phat, *row.entered]
        return [values[place] if table is None else table[values[place]] for place, table in self._slots]


class ExplainingEncoder:
    """As AnswerEncoder, and for each row why: `explanation`, as scorer.explain gives it."""

    columns_only = True

    def __init__(self, scorer: Scorer, variables: bool = True) -> None:
        outcome = scorer.file.outcome
        self._keys = None if variables else (outcome.name, outcome.probability)

    def encode(self, scores: Scores) -> bytes:
        """As Encoder; so many rows at a time, since their dicts take ten times the memory of their JSON."""
        starts = range(0, len(scores), EXPLAINED_ROWS)
        return (
            b"["
            + b",".join([self._encode(scores.part(start, start + EXPLAINED_ROWS))[1:-1] for start in starts])
            + b"]"
        )

    def _encode(self, scores: Scores) -> bytes:
        answers = [
            {**{key: row[key] for key in self._keys or row}, EXPLANATION: explanation}
            for row, explanation in zip(scores.to_rows(), explain(scores), strict=True)
        ]
        return msgspec.json.encode([dict(sorted(answer.items())) for answer in answers])

    def encode_rows(self, rows: Sequence[RowScore]) -> bytes:
        """Never called: it needs columns."""
        raise NotImplementedError


EXPLANATION = "explanation"
EXPLAINED_ROWS = 1_000


def _source(terms: dict[str, Term]) -> Any:
    return lambda key: terms[key].input if key in terms else key


def _fragments(declared: CategoryInput, terms: Sequence[Term]) -> list[msgspec.Raw]:
    """For each code the JSON of a run of dummies, but for the first key, which is the field's own name."""
    codes = [declared.level_code(term.level) for term in terms]
    keys = [msgspec.json.encode(term.variable) for term in terms]
    fragments = []
    for code in range(declared.unknown_code + 1):
        values = [b"1" if code == own else b"0" for own in codes]
        rest = [key + b":" + value for key, value in zip(keys[1:], values[1:], strict=True)]
        fragments.append(msgspec.Raw(b",".join([values[0], *rest])))
    return fragments
