"""Query parameters of POST /predict."""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from scorer.cells import UnknownLevels
from scorer.errors import ParameterError


class Options(NamedTuple):
    """What a request asks for.

    Attributes:
        report: bad rows are answered with their error, and the others are scored; otherwise one bad row and none is.
        explain: each row's answer has an explanation.
        variables: each row's answer has the variables.
        unknown_levels: what a level does that the model does not know.
        envelope: the answer is an object with the model and the rows' answers; otherwise an array of these.
    """

    report: bool = False
    explain: bool = False
    variables: bool = True
    unknown_levels: UnknownLevels = "baseline"
    envelope: bool = False


DEFAULT_OPTIONS = Options()

_CHOICES: dict[str, dict[str, tuple[str, Any]]] = {
    "on_error": {"fail": ("report", False), "report": ("report", True)},
    "explain": {"false": ("explain", False), "true": ("explain", True)},
    "variables": {"all": ("variables", True), "none": ("variables", False)},
    "unknown_levels": {"baseline": ("unknown_levels", "baseline"), "error": ("unknown_levels", "error")},
    "envelope": {"false": ("envelope", False), "true": ("envelope", True)},
}
"""By parameter and value, what is set to what."""

DOCUMENTED: dict[str, list[str]] = {name: list(values) for name, values in _CHOICES.items()}
"""The values of each parameter."""


def value_of(name: str, options: Options) -> str:
    """The value of a parameter with which a request asks for these options."""
    return next(value for value, (field, setting) in _CHOICES[name].items() if getattr(options, field) == setting)


def parse(query: bytes, defaults: Options = DEFAULT_OPTIONS) -> Options:
    """Reads a query string.

    Args:
        query: as it came.
        defaults: what a request asks for where its query does not say.

    Raises:
        ParameterError: a parameter that is not known, given twice, or with a value that it cannot have.
    """
    chosen: dict[str, Any] = {}
    for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        if name not in _CHOICES:
            raise ParameterError(name[:50], f"no such parameter; known are {', '.join(_CHOICES)}")
        if value not in _CHOICES[name]:
            raise ParameterError(name, f"expected {' or '.join(_CHOICES[name])}")
        field, setting = _CHOICES[name][value]
        if field in chosen:
            raise ParameterError(name, "given twice")
        chosen[field] = setting
    return defaults._replace(**chosen)
