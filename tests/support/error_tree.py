"""The tree of errors in a module's docstring, held to the module's classes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import ModuleType


def drawn(module: ModuleType) -> list[str]:
    """The tree in a module's docstring, line by line, without the words beside the names."""
    return re.findall(r"^([│├└─ ]*\w+Error)\b", module.__doc__ or "", re.MULTILINE)


def draw(root: type[Exception]) -> list[str]:
    """The tree of an error and those derived from it in its module, in the order of their definition, line by line."""
    return [root.__name__, *_branches(root)]


def _branches(parent: type[Exception], margin: str = "") -> Iterator[str]:
    children = [child for child in parent.__subclasses__() if child.__module__ == parent.__module__]
    for child in children:
        last = child is children[-1]
        yield f"{margin}{'└' if last else '├'}── {child.__name__}"
        yield from _branches(child, margin + ("    " if last else "│   "))
