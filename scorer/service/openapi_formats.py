"""The formats of POST /predict in the OpenAPI document: JSON columns, and what is not JSON, with an example of each."""

from __future__ import annotations

from typing import Any

import msgspec

from scorer.scorer import Scorer
from scorer.scores import Scores
from scorer.service.codec.answers import ERROR, CSVEncoder, NDJSONEncoder, answer_names
from scorer.service.codec.encoder import EXPLANATION
from scorer.service.codec.media_types import NAMES, has_pyarrow

Document = dict[str, Any]

_TEXTS = {
    "ndjson": "A JSON object on each line.",
    "csv": "With a line of names (header=present), or with all inputs in the order of GET /model (header=absent).",
}


def columns_schema(scorer: Scorer) -> Document:
    """The schema of rows that are sent as columns."""
    cells = scorer.file.certificate.rows[0].cells
    return {
        "type": "object",
        "description": "Raw cells by input name, lists of one length. Columns that the equation does not use "
        "are skipped.",
        "minProperties": 1,
        "properties": {declared.name: {"type": "array"} for declared in scorer.file.inputs},
        "example": {name: [cell] for name, cell in cells.items()},
    }


def prediction_columns_schema(scorer: Scorer) -> Document:
    """The schema of the answer to columns."""
    outcome = scorer.file.outcome
    names = sorted([*answer_names(scorer, variables=True), ERROR, EXPLANATION])
    return {
        "type": "object",
        "description": "A column for each key of a row's answer; with on_error=report null for bad rows, and a column "
        "of their problems.",
        "required": [outcome.name, outcome.probability],
        "additionalProperties": False,
        "properties": {name: {"type": "array"} for name in names},
    }


def request_content(scorer: Scorer, json_schema: Document) -> Document:
    """The content of the request body, by media type.

    Args:
        scorer: the loaded model.
        json_schema: of a JSON body.
    """
    cells = dict(scorer.file.certificate.rows[0].cells)
    examples = {
        "ndjson": (msgspec.json.encode(cells) + b"\n").decode(),
        "csv": f"{','.join(map(_field, scorer.used))}\n{','.join(_field(cells.get(name)) for name in scorer.used)}\n",
    }
    return _content(json_schema, examples)


def response_content(scorer: Scorer, json_schema: Document) -> Document:
    """The content of an answer, by media type; arguments as for `request_content`."""
    scores: Scores = scorer.score(dict(scorer.file.certificate.rows[0].cells))
    lines = CSVEncoder(scorer)
    examples = {
        "ndjson": NDJSONEncoder(scorer).encode(scores).decode(),
        "csv": (lines.opening + lines.encode(scores)).decode(),
    }
    return _content(json_schema, examples)


def _content(json_schema: Document, examples: dict[str, str]) -> Document:
    content: Document = {"application/json": {"schema": json_schema}}
    for each, description in _TEXTS.items():
        name = NAMES[each][0]  # type: ignore[index]
        content[name] = {"schema": {"type": "string", "description": description}, "example": examples[each]}
    if has_pyarrow():
        stream = {"type": "string", "format": "binary", "description": "A table; its buffers are not compressed."}
        content[NAMES["arrow"][0]] = {"schema": stream}
    return content


def _field(cell: object) -> str:
    text = "" if cell is None else str(cell)
    return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in ',"\r\n') else text
