"""What the server's OpenAPI document says of requests and answers, with examples, and a page of it without any script."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

TITLE = "textmill serve"
ABOUT = "Labels texts with a registered model. The header x-textmill-model of an answer names the version that gave it."
PAGE = Path(__file__).with_name("described.html.j2")
TEXT = "Quarterly profit rose more than expected."

_TEXT = {"type": "string", "examples": [TEXT]}
_TEXTS = {"type": "array", "items": _TEXT}
_OPTIONS = {
    "explain": {"type": "boolean", "default": False, "description": "Add which words spoke for the label, and which against."},
    "towards": {
        "type": "boolean",
        "default": False,
        "description": "Add the sentiment towards each name of the server's list that a text has.",
    },
    "max_error": {
        "type": "number",
        "exclusiveMinimum": 0,
        "exclusiveMaximum": 1,
        "description": "The share of wrong labels that you accept; a text that is less sure gets no label.",
    },
}
_QUESTION = {
    "type": "object",
    "properties": {
        "text": {"type": "string"},
        "label": {"type": "string"},
        "answer": {"type": ["string", "null"]},
        "similarity": {"type": "number"},
    },
}
_TOWARDS = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "label": {"type": ["string", "null"]},
        "confidence": {"type": ["number", "null"]},
        "from": {"type": "string", "enum": ["pair", "clause", "text"]},
    },
}
_PREDICTION = {
    "type": "object",
    "properties": {
        "label": {"type": ["string", "null"]},
        "confidence": {"type": ["number", "null"]},
        "probabilities": {"type": ["object", "null"], "additionalProperties": {"type": "number"}},
        "reason": {"type": ["string", "null"], "description": "Why there is no label."},
        "explanation": {"type": ["object", "null"]},
        "towards": {
            "type": "array",
            "items": _TOWARDS,
            "description": "The sentiment towards each name of the text, in alphabetical order.",
        },
        "answer": {"type": ["string", "null"], "description": "Of a model that carries answers: the one of the label."},
        "similar": {
            "type": "array",
            "items": _QUESTION,
            "description": "The questions most like it, if it has no answer.",
        },
    },
}
_PREDICTIONS = {"type": "array", "items": _PREDICTION}
_ERROR = {"type": "object", "properties": {"error_code": {"type": "string"}, "message": {"type": "string"}}}
_MODEL = {"type": "object", "properties": {"name": {"type": "string"}, "version": {"type": "integer"}}}
_SAID = {"label": "positive", "confidence": 0.9, "probabilities": {"negative": 0.1, "positive": 0.9}, "reason": None}


def _body(schema: Mapping[str, Any], examples: Mapping[str, Any], csv: str | None = None) -> dict[str, Any]:
    content: dict[str, Any] = {
        "application/json": {"schema": schema, "examples": {name: {"value": value} for name, value in examples.items()}}
    }
    if csv is not None:
        content["text/csv"] = {"schema": {"type": "string"}, "examples": {"a column text": {"value": csv}}}
    return {"requestBody": {"required": True, "content": content}}


PREDICT = _body(
    {"type": "object", "properties": {"text": _TEXT, "texts": _TEXTS, **_OPTIONS}},
    {
        "one text": {"text": TEXT},
        "several": {"texts": [TEXT, "The company will cut 200 jobs."]},
        "with the words that spoke for the label": {"text": TEXT, "explain": True},
    },
)
INVOCATIONS = _body(
    {
        "type": "object",
        "properties": {
            "inputs": {},
            "instances": {},
            "dataframe_split": {"type": "object"},
            "dataframe_records": {"type": "array"},
            "params": {"type": "object", "properties": _OPTIONS},
        },
    },
    {
        "inputs": {"inputs": [TEXT]},
        "instances": {"instances": [TEXT]},
        "dataframe_split": {"dataframe_split": {"columns": ["text"], "data": [[TEXT]]}},
        "dataframe_records": {"dataframe_records": [{"text": TEXT}]},
    },
    csv=f"text\n{TEXT}\n",
)


def _answer(about: str, schema: Mapping[str, Any], example: Any) -> dict[str, Any]:
    return {"description": about, "content": {"application/json": {"schema": schema, "example": example}}}


def _answers(*, with_model: bool) -> dict[int, dict[str, Any]]:
    """What `/predict` and `/invocations` answer, by status."""
    properties: dict[str, Any] = {"predictions": _PREDICTIONS}
    example: dict[str, Any] = {"predictions": [_SAID]}
    if with_model:
        properties, example = {"model": _MODEL, **properties}, {"model": {"name": "news", "version": 3}, **example}
    wrong = {"error_code": "BAD_REQUEST", "message": "row 0: expected a text, got a number"}
    refused = {
        413: "It is too large.",
        415: "Its Content-Type is not read here.",
        503: "No version is loaded, or too many wait.",
    }
    return {
        200: _answer("A prediction for each text, in order.", {"type": "object", "properties": properties}, example),
        400: _answer("The request is malformed; the message says in one line why.", _ERROR, wrong),
        **{status: _answer(about, _ERROR, wrong | {"message": about}) for status, about in refused.items()},
    }


def _post(summary: str, body: Mapping[str, Any], *, with_model: bool) -> dict[str, Any]:
    responses = {str(status): answer for status, answer in _answers(with_model=with_model).items()}
    return {"post": {"summary": summary, **body, "responses": responses}}


POSTS = {
    "/predict": _post("Label one text or several", PREDICT, with_model=True),
    "/invocations": _post("The same for clients of MLflow's scoring server", INVOCATIONS, with_model=False),
}


def page(document: Mapping[str, Any]) -> str:
    """The document as an HTML page. Whatever it holds is escaped, and no script or style of another place is loaded."""
    from jinja2 import Environment, FileSystemLoader

    environment = Environment(loader=FileSystemLoader(PAGE.parent), autoescape=True)
    environment.filters["indented"] = lambda value: value if isinstance(value, str) else json.dumps(value, indent=2)
    return environment.get_template(PAGE.name).render(document=document)
