"""The inputs of a coefficient file, validated. reading.py reads them first: terms and golden rows name them."""

from __future__ import annotations

from scorer import errors
from scorer.coefficients import NUMBER_KINDS, CategoryInput, Dummy, Input, NumberInput, TrainingRange
from scorer.strict_json import Node


def parse_inputs(node: Node, missing_markers: tuple[str, ...], file_format: int) -> dict[str, Input]:
    """The inputs by name, in order.

    Args:
        node: the document's ``inputs``.
        missing_markers: texts that mean missing; none of them can be a level.
        file_format: the document's ``format``; from 2 on, numeric inputs have a training range.

    Raises:
        CoefficientFileError: one of its leaves, with the path in the document.
    """
    inputs: dict[str, Input] = {}
    variables: set[str] = set()
    for element in node.array():
        declared = _input(element, missing_markers, file_format)
        made = [declared.name] if isinstance(declared, NumberInput) else [dummy.variable for dummy in declared.dummies]
        for name in {declared.name, *made}:
            if name in variables or name in inputs:
                raise errors.RepeatedNameError(node.source, element.at, f"the name {name!r} is given twice")
        variables.update(made)
        inputs[declared.name] = declared
    if not inputs:
        raise node.invalid("a model has at least one input")
    return inputs


def _input(node: Node, missing_markers: tuple[str, ...], file_format: int) -> Input:
    members = node.members()
    kind = members["kind"].text() if "kind" in members else ""
    if kind == "category":
        return _category(node, missing_markers)
    if kind and kind not in NUMBER_KINDS:
        raise members["kind"].invalid(f"expected one of {', '.join(NUMBER_KINDS)}, category")
    since_2 = ("training_range",) if file_format >= 2 else ()
    keys = node.object("name", "kind", "imputer_mean", "scaler_mean", "scaler_scale", *since_2)
    scale = keys["scaler_scale"].number()
    if scale <= 0:
        raise keys["scaler_scale"].invalid("a scale is above 0")
    return NumberInput(
        name=keys["name"].name(),
        kind=kind,
        imputer_mean=keys["imputer_mean"].number(),
        scaler_mean=keys["scaler_mean"].number(),
        scaler_scale=scale,
        training_range=_training_range(keys["training_range"]) if since_2 else None,
    )


def _training_range(node: Node) -> TrainingRange | None:
    if node.is_null():
        return None
    keys = node.object("min", "max")
    smallest, largest = keys["min"].number(), keys["max"].number()
    if smallest > largest:
        raise node.invalid("min is above max")
    return TrainingRange(smallest, largest)


def _category(node: Node, missing_markers: tuple[str, ...]) -> CategoryInput:
    keys = node.object("name", "kind", "levels", "baseline", "dummies")
    levels = unique_texts(keys["levels"])
    for element in keys["levels"].array():
        if element.value in missing_markers:
            raise element.invalid("a missing marker cannot be a level: its cells count as missing")
    known_level(keys["baseline"], levels)
    baseline = keys["baseline"].text()
    dummies: list[Dummy] = []
    for element in keys["dummies"].array():
        dummy = element.object("variable", "level")
        level = known_level(dummy["level"], levels)
        if level == baseline:
            raise dummy["level"].invalid("the baseline has no dummy")
        if level in [earlier.level for earlier in dummies]:
            raise errors.RepeatedNameError(node.source, dummy["level"].at, f"a second dummy for level {level!r}")
        if dummy["variable"].name() in [earlier.variable for earlier in dummies]:
            raise errors.RepeatedNameError(node.source, dummy["variable"].at, "the variable is given twice")
        dummies.append(Dummy(variable=dummy["variable"].name(), level=level))
    return CategoryInput(name=keys["name"].name(), levels=levels, baseline=baseline, dummies=tuple(dummies))


def unique_texts(node: Node, empty: bool = False) -> tuple[str, ...]:
    """An array of distinct texts; the empty text is allowed only if ``empty`` is true.

    Raises:
        WrongTypeError, InvalidValueError, RepeatedNameError: with the path.
    """
    texts: dict[str, None] = {}
    for element in node.array():
        text = "" if empty and element.value == "" else element.text()
        if text in texts:
            raise errors.RepeatedNameError(node.source, element.at, f"{text!r} is given twice")
        texts[text] = None
    return tuple(texts)


def known_level(node: Node, levels: tuple[str, ...]) -> str | None:
    """One of the levels, or None if the value is null.

    Raises:
        WrongTypeError, InvalidValueError, UnknownLevelError: with the path.
    """
    if node.is_null():
        return None
    if node.text() not in levels:
        raise errors.UnknownLevelError(node.source, node.at, f"{node.text()!r} is not one of the levels")
    return node.text()
