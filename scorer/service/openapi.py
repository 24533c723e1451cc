"""GET /openapi.json: the API with the inputs and variables of the loaded coefficient file."""

from __future__ import annotations

from typing import Any

from scorer.coefficients import CategoryInput
from scorer.errors import PROBLEMS_SHOWN
from scorer.scorer import Scorer
from scorer.service.codec.encoder import EXPLANATION
from scorer.service.codec.options import DEFAULT_OPTIONS, DOCUMENTED, Options, value_of
from scorer.service.openapi_formats import (
    columns_schema,
    prediction_columns_schema,
    request_content,
    response_content,
)
from scorer.version import __version__

Document = dict[str, Any]


def openapi(scorer: Scorer, defaults: Options = DEFAULT_OPTIONS) -> Document:
    """The API in OpenAPI 3.1, with the loaded model's inputs and variables.

    Args:
        scorer: the loaded model.
        defaults: what a request asks for where its query does not say.
    """
    file = scorer.file
    parameters = [
        {"name": name, "in": "query", "schema": {"enum": values, "default": value_of(name, defaults)}}
        for name, values in DOCUMENTED.items()
    ]
    rows = {"anyOf": [_reference("Row"), {"type": "array", "items": _reference("Row")}, _reference("Columns")]}
    answers = {"anyOf": [_reference("Predictions"), _reference("PredictionColumns"), _reference("Envelope")]}
    return {
        "openapi": "3.1.0",
        "info": {"title": f"{file.model} {file.version}", "version": __version__, "description": file.description},
        "paths": {
            "/predict": {
                "post": {
                    "summary": "Score 1 to N rows",
                    "operationId": "predict",
                    "parameters": parameters,
                    "requestBody": {"required": True, "content": request_content(scorer, rows)},
                    "responses": {"200": _model_answer(response_content(scorer, answers)), **_FAILURES},
                }
            },
            **_gets(),
        },
        "security": [{}, {"key": []}],
        "components": {
            "schemas": {
                "Row": _row_schema(scorer),
                "Columns": columns_schema(scorer),
                "Answer": _answer_schema(scorer),
                "PredictionColumns": prediction_columns_schema(scorer),
                **_FIXED,
            },
            "securitySchemes": {"key": _KEY},
        },
    }


def _reference(schema: str) -> Document:
    return {"$ref": f"#/components/schemas/{schema}"}


_CODES = ["not_a_number", "not_finite", "wrong_type", "unknown_level", "not_an_object", "no_model_input"]

_PROBLEM: Document = {
    "type": "object",
    "description": "An RFC 9457 problem document.",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "total": {"type": "integer", "description": "How many problems there are."},
        "errors": {
            "type": "array",
            "maxItems": PROBLEMS_SHOWN,
            "items": {
                "type": "object",
                "required": ["row", "field", "code", "message"],
                "properties": {
                    "row": {"type": "integer", "description": "Zero-based."},
                    "field": {"type": ["string", "null"], "description": "null where the row as a whole is meant."},
                    "code": {"enum": _CODES},
                    "message": {"type": "string"},
                },
            },
        },
    },
}


_FIXED: Document = {
    "Problem": _PROBLEM,
    "RowError": {
        "type": "object",
        "description": "A bad row, with on_error=report.",
        "required": ["error"],
        "additionalProperties": False,
        "properties": {
            "error": {
                "type": "object",
                "required": ["field", "code", "message"],
                "properties": {
                    "field": {"type": ["string", "null"]},
                    "code": {"type": "string"},
                    "message": {"type": "string"},
                },
            }
        },
    },
    "Predictions": {
        "type": "array",
        "description": "One answer for each row, in order.",
        "items": {"anyOf": [_reference("Answer"), _reference("RowError")]},
    },
    "Envelope": {
        "type": "object",
        "description": "The answers with the model that scored all rows, with envelope=true.",
        "required": ["model", "predictions"],
        "additionalProperties": False,
        "properties": {
            "model": {
                "type": "object",
                "required": ["name", "version", "sha256"],
                "additionalProperties": False,
                "properties": {name: {"type": "string"} for name in ("name", "version", "sha256")},
            },
            "predictions": {"anyOf": [_reference("Predictions"), _reference("PredictionColumns")]},
        },
    },
    "Explanation": {
        "type": "object",
        "description": "What each term adds to the log-odds, with explain=true.",
        "required": ["log_odds", "intercept", "contributions", "imputed", "unknown_levels"],
        "properties": {
            "log_odds": {"type": "number"},
            "intercept": {"type": "number"},
            "contributions": {"type": "object", "additionalProperties": {"type": "number"}},
            "imputed": {"type": "array", "items": {"type": "string"}},
            "unknown_levels": {"type": "array", "items": {"type": "string"}},
        },
    },
}


def _row_schema(scorer: Scorer) -> Document:
    properties: Document = {}
    for declared in scorer.file.inputs:
        if declared.name not in scorer.used:
            properties[declared.name] = {"description": f"{declared.kind}; not used by the equation, and not read"}
        elif isinstance(declared, CategoryInput):
            levels = ", ".join(declared.levels)
            properties[declared.name] = {"type": ["string", "null"], "description": f"category; levels: {levels}"}
        else:
            properties[declared.name] = {"type": ["number", "string", "null"], "description": declared.kind}
    return {
        "type": "object",
        "description": "Raw cells by input name, at least one. null and absent are missing; unknown keys are ignored.",
        "minProperties": 1,
        "properties": properties,
        "example": dict(scorer.file.certificate.rows[0].cells),
    }


def _answer_schema(scorer: Scorer) -> Document:
    file = scorer.file
    dummies = {declared.name for declared in file.inputs if isinstance(declared, CategoryInput)}
    properties: Document = {
        term.variable: {"enum": [0, 1]} if term.input in dummies else {"type": "number"} for term in file.terms
    }
    rule = f"1 where {file.outcome.rule}: {file.outcome.cutoff}"
    properties[file.outcome.name] = {"enum": [0, 1], "description": rule}
    properties[file.outcome.probability] = {"type": "number", "minimum": 0, "maximum": 1}
    properties[EXPLANATION] = _reference("Explanation")
    names = sorted(properties)
    return {
        "type": "object",
        "description": "Variables are left out with variables=none; the explanation is there with explain=true alone.",
        "required": [file.outcome.name, file.outcome.probability],
        "additionalProperties": False,
        "properties": {name: properties[name] for name in names},
    }


_KEY: Document = {
    "type": "http",
    "scheme": "bearer",
    "description": "An API key; needed where SCORER_API_KEYS_FILE is set, and ignored elsewhere.",
}


def _problem(description: str, *headers: str) -> Document:
    content = {"application/problem+json": {"schema": _reference("Problem")}}
    return {
        "description": description,
        **({"headers": {name: {"schema": {"type": "string"}} for name in headers}} if headers else {}),
        "content": content,
    }


_UNAUTHORIZED: Document = {
    "401": _problem("API keys are required, and the request has none of them.", "www-authenticate")
}

_ANYWHERE: Document = {
    "404": _problem(
        "Nothing is at this path: with SCORER_ADMIN_PORT, probes and metrics are on that port and all else is not; "
        "without SCORER_METRICS there are no metrics."
    ),
    "405": _problem("The path takes another method.", "allow"),
    "414": _problem("The request target is larger than SCORER_MAX_HEADER_BYTES."),
    "431": _problem("The head of the request is larger than SCORER_MAX_HEADER_BYTES."),
    "500": _problem("A fault of the program, whose traceback is in the log."),
}
"""What can answer a request to any path."""


_FAILURES: Document = {
    "400": _problem("The body is not what its content type says, or a query parameter cannot be used."),
    "406": _problem("An answer in none of the formats that are accepted.", "vary"),
    "408": _problem("The body did not arrive within SCORER_RECEIVE_SECONDS."),
    "413": _problem("The body is larger than SCORER_MAX_BODY_BYTES, or SCORER_MAX_UNPACKED_BYTES decompressed."),
    "415": _problem("The content type or encoding is not read, or in too many streams or messages."),
    "422": _problem(
        "Neither rows nor columns of one length, more than SCORER_MAX_ROWS, or cells that no rule can read or, with "
        f"unknown_levels=error, whose level the model does not know; the first {PROBLEMS_SHOWN} are listed."
    ),
    "503": _problem("No certified model is loaded yet, or more requests at a time than SCORER_MAX_REQUESTS."),
    **_UNAUTHORIZED,
    **_ANYWHERE,
}


def _model_answer(content: Document) -> Document:
    names = ("x-model-name", "x-model-version", "x-model-sha256")
    headers: Document = {name: {"schema": {"type": "string"}} for name in names}
    headers["x-unknown-levels"] = {
        "description": "How many cells of the scored rows have a level that the model does not know; left out if none.",
        "schema": {"type": "integer", "minimum": 1},
    }
    return {"description": "One answer for each row, in order.", "headers": headers, "content": content}


def _gets() -> Document:
    """The paths of GET."""
    anything = {"type": "object"}
    not_ready = {"503": _FAILURES["503"]}
    revalidated = {"304": {"description": "If-None-Match names what would be answered."}, **not_ready, **_UNAUTHORIZED}
    text = {"schema": {"type": "string"}}
    metrics = {"text/plain": text, "application/openmetrics-text": text}
    return {
        "/model": _get("model", "What is served, and how it stands with its store", anything, revalidated),
        "/model/history": _get("history", "The versions that this worker has served", anything, _UNAUTHORIZED),
        "/livez": _get("livez", "Whether the process runs", anything, {}),
        "/readyz": _get("readyz", "Whether a certified model is loaded", anything, not_ready),
        "/openapi.json": _get("openapi", "This document", anything, revalidated),
        "/metrics": _operation("metrics", "The counts of all workers", metrics, {}),
    }


def _get(operation: str, summary: str, schema: Document, failures: Document) -> Document:
    return _operation(operation, summary, {"application/json": {"schema": schema}}, failures)


def _operation(name: str, summary: str, content: Document, failures: Document) -> Document:
    responses = {"200": {"description": summary, "content": content}, **failures, **_ANYWHERE}
    operation: Document = {"summary": summary, "operationId": name, "responses": responses}
    return {"get": operation if "401" in failures else {**operation, "security": []}}
