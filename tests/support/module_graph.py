"""Which module imports which, read from the sources, and what of it runs against the layers."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

Graph = Mapping[str, set[str]]
"""For each module the modules that it imports, wherever in its source; names with dots, packages by their own name."""


def read_graph(root: Path, *packages: str) -> Graph:
    """The graph of all modules of some packages below a directory; imports of other packages are left out."""
    paths = {_name(path.relative_to(root)): path for package in packages for path in (root / package).rglob("*.py")}
    return {name: {found for found in _imported(path, paths) if found != name} for name, path in paths.items()}


def violations(graph: Graph, layers: Sequence[str]) -> list[str]:
    """Every import that does not lead from a layer to one below it.

    Args:
        graph: the modules.
        layers: names of modules, divided by blanks, the lowest layer first. A module is of one layer.
    """
    placed = {name: number for number, layer in enumerate(layers) for name in layer.split()}
    found = [f"{name} is of no layer" for name in graph if name not in placed]
    found += [f"{name} is of a layer, and does not exist" for name in placed if name not in graph]
    for name, imported in graph.items():
        for other in sorted(imported):
            if name in placed and other in placed and placed[other] >= placed[name]:
                found.append(f"{name} imports {other}, which is not below it")
    return found


def circles(graph: Graph) -> list[list[str]]:
    """Modules that import each other in a circle, once for each module from which one is found."""
    return [circle for name in graph if (circle := next(_paths(graph, [name]), None))]


def _paths(graph: Graph, path: list[str]) -> Iterator[list[str]]:
    """Ways from the first module of a path back to it, each module but the first at most once."""
    reached = {path[0]}
    waiting = [path]
    while waiting:
        path = waiting.pop()
        for other in graph.get(path[-1], ()):
            if other == path[0]:
                yield [*path, other]
            elif other not in reached:
                reached.add(other)
                waiting.append([*path, other])


def _name(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def _imported(path: Path, known: Mapping[str, Path]) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module and node.module in known:
            for alias in node.names:
                module = f"{node.module}.{alias.name}"
                yield module if module in known else node.module
