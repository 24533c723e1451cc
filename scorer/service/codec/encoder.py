"""Scores → the JSON of an answer.

The code of a category's level determines all of its dummies. So the JSON of neighbouring dummies of one category is
made once for each code, and copied into answers (msgspec.Raw). The answer's type has a field for each number, and one
for each such run of dummies.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Protocol

import msgspec

from scorer.coefficients import CategoryInput, Term
from scorer.errors import Problem
from scorer.explain import explain
from scorer.scorer import Scorer
from scorer.scores import RowScore, Scores

_OUTCOME, _PHAT, _ENTERED = 0, 1, 2
"""Indexes of a row's values: outcome, phat, then what entered the equation, input by input."""


class Encoder(Protocol):
    """Encodes the answers of one scorer, keys in alphabetical order.

    Attributes:
        columns_only: whether it needs whole columns, even of one row.
        is_array: whether an answer is a JSON array, into which the next one's elements go; others follow each other.
    """

    columns_only: bool
    is_array: bool

    def encode(self, scores: Scores) -> bytes:
        """The answer to a batch: for JSON an array with an element for each row."""

    def encode_rows(self, rows: Sequence[RowScore]) -> bytes:
        """The answer to a few rows that were scored one by one."""

    def encode_report(self, scores: Scores, errors: Sequence[Problem | None]) -> bytes:
        """The answer to a batch with bad rows: the scores of the good ones, and each row's problem or None."""


class AnswerEncoder:
    """Outcome, probability and, unless they are left out, the variables, as JSON objects."""

    columns_only = False
    is_array = True
    _positional = False

    def __init__(self, scorer: Scorer, variables: bool = True) -> None:
        outcome = scorer.file.outcome
        terms = {term.variable: term for term in scorer.file.terms} if variables else {}
        inputs = {declared.name: declared for declared in scorer.equation.inputs}
        indexes = {name: _ENTERED + index for index, name in enumerate(inputs)}
        indexes |= {outcome.name: _OUTCOME, outcome.probability: _PHAT}
        self._slots: list[tuple[int, list[msgspec.Raw] | None]] = []
        names: list[str] = []
        types: list[Any] = []
        for source, run in groupby(sorted([*terms, outcome.name, outcome.probability]), key=_source(terms)):
            keys = list(run)
            declared = inputs.get(source)
            table = None
            if isinstance(declared, CategoryInput):
                table = _fragments(declared, [terms[key] for key in keys], self._positional)
            self._slots.append((indexes[source], table))
            names.append(keys[0])
            types.append(msgspec.Raw if table else int if source == outcome.name else float)
        self._taken = itemgetter(*(index for index, _ in self._slots))
        self._tables = [(slot, table) for slot, (_, table) in enumerate(self._slots) if table]
        rename = {f"f{index}": name for index, name in enumerate(names)}
        fields = list(zip(rename, types, strict=True))
        self._answer: Any = msgspec.defstruct("Answer", fields, rename=rename, gc=False, array_like=self._positional)
        self._encoder = msgspec.json.Encoder()

    def encode(self, scores: Scores) -> bytes:
        """As Encoder's method."""
        return self._encoder.encode(self._answers(scores))

    def _answers(self, scores: Scores) -> list[Any]:
        values = [scores.outcome, scores.phat, *scores.entered]
        columns = [
            values[index].tolist() if table is None else map(table.__getitem__, values[index].tolist())
            for index, table in self._slots
        ]
        return list(map(self._answer, *columns))

    def encode_rows(self, rows: Sequence[RowScore]) -> bytes:
        """As Encoder's method."""
        return self._encoder.encode([self._answer(*self._row(row)) for row in rows])

    def encode_report(self, scores: Scores, errors: Sequence[Problem | None]) -> bytes:
        """As Encoder's method."""
        return self._encoder.encode(merge(self._answers(scores), errors))

    def _row(self, row: RowScore) -> list[Any]:
        values = list(self._taken((row.outcome, row.phat, *row.entered)))
        for slot, table in self._tables:
            values[slot] = table[values[slot]]
        return values


class ExplainingEncoder:
    """As AnswerEncoder, with an `explanation` of each row by scorer.explain."""

    columns_only = True
    is_array = True

    def __init__(self, scorer: Scorer, variables: bool = True) -> None:
        outcome = scorer.file.outcome
        self._keys = None if variables else (outcome.name, outcome.probability)

    def encode(self, scores: Scores) -> bytes:
        """The answer to a batch, made EXPLAINED_ROWS at a time: their dicts take ten times the memory of their JSON."""
        starts = range(0, len(scores), EXPLAINED_ROWS)
        return (
            b"["
            + b",".join(
                [
                    msgspec.json.encode(self._answers(scores.part(start, start + EXPLAINED_ROWS)))[1:-1]
                    for start in starts
                ]
            )
            + b"]"
        )

    def _answers(self, scores: Scores) -> list[Any]:
        answers = [
            {**{key: row[key] for key in self._keys or row}, EXPLANATION: explanation}
            for row, explanation in zip(scores.to_rows(), explain(scores), strict=True)
        ]
        return [dict(sorted(answer.items())) for answer in answers]

    def encode_rows(self, rows: Sequence[RowScore]) -> bytes:
        """Never called: it needs columns."""
        raise NotImplementedError

    def encode_report(self, scores: Scores, errors: Sequence[Problem | None]) -> bytes:
        """As Encoder's method."""
        return msgspec.json.encode(merge(self._answers(scores), errors))


def merge(answers: Iterable[Any], errors: Sequence[Problem | None]) -> list[Any]:
    """The answers of the good rows, and the problems of the bad ones, in row order."""
    good = iter(answers)
    return [next(good) if problem is None else {"error": describe(problem)} for problem in errors]


def describe(problem: Problem) -> dict[str, str | None]:
    """What an answer says of a bad row."""
    return {"field": problem.field, "code": problem.code, "message": problem.message}


EXPLANATION = "explanation"
EXPLAINED_ROWS = 1_000


def _source(terms: dict[str, Term]) -> Any:
    return lambda key: terms[key].input if key in terms else key


def _fragments(declared: CategoryInput, terms: Sequence[Term], positional: bool) -> list[msgspec.Raw]:
    """For each code the JSON of a run of dummies, but for the first key, which is the field's own name; without keys
    if they are `positional`."""
    codes = [declared.level_code(term.level) for term in terms]
    keys = [msgspec.json.encode(term.variable) for term in terms]
    fragments = []
    for code in range(declared.unknown_code + 1):
        values = [b"1" if code == own else b"0" for own in codes]
        rest = values[1:] if positional else map(b"%b:%b".__mod__, zip(keys[1:], values[1:], strict=True))
        fragments.append(msgspec.Raw(b",".join([values[0], *rest])))
    return fragments
