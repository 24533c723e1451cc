"""Query parameters of POST /predict."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import parse_qsl

from scorer.errors import ParameterError


class Options(NamedTuple):
    """What a request asks for.

    Attributes:
        report: bad rows are answered with their error, and the others are scored; otherwise one bad row and none is.
        explain: each row's answer has an explanation.
        variables: each row's answer has the variables.
    """

    report: bool = False
    explain: bool = False
    variables: bool = True


DEFAULT_OPTIONS = Options()

_CHOICES: dict[str, dict[str, tuple[str, bool]]] = {
    "on_error": {"fail": ("report", False), "report": ("report", True)},
    "explain": {"false": ("explain", False), "true": ("explain", True)},
    "variables": {"all": ("variables", True), "none": ("variables", False)},
}
"""By parameter and value, what is set to what."""

DOCUMENTED: dict[str, list[str]] = {name: list(values) for name, values in _CHOICES.items()}
"""The values of each parameter; the first one is the default."""


def parse(query: bytes) -> Options:
    """Reads a query string.

    Raises:
        ParameterError: a parameter that is not known, given twice, or with a value that it cannot have.
    """
    if not query:
        return DEFAULT_OPTIONS
    chosen: dict[str, bool] = {}
    for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        if name not in _CHOICES:
            raise ParameterError(name[:50], f"no such parameter; known are {', '.join(_CHOICES)}")
        if value not in _CHOICES[name]:
            raise ParameterError(name, f"expected {' or '.join(_CHOICES[name])}")
        field, setting = _CHOICES[name][value]
        if field in chosen:
            raise ParameterError(name, "given twice")
        chosen[field] = setting
    return Options(**chosen)
