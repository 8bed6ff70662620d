"""`/docs`: the OpenAPI document for people, without anything from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from banditroute.service.pages.desk import View

Schema = dict[str, Any]

METHODS = ("get", "post", "put", "patch", "delete")


def docs_page(document: Schema) -> View:
    """Every operation with what it takes and answers, and every schema by its fields."""
    schemas = document.get("components", {}).get("schemas", {})
    return View(
        "API",
        "docs.html",
        {
            "about": document["info"],
            "operations": list(_operations(document, schemas)),
            "known": frozenset(schemas),
            "schemas": [
                (name, schema.get("description", ""), _fields(schema))
                for name, schema in sorted(schemas.items())
            ],
        },
    )


def _operations(document: Schema, schemas: Schema) -> Iterator[Schema]:
    for path, methods in document["paths"].items():
        for method in METHODS:
            if method in methods:
                yield _operation(path, method, methods[method], schemas)


def _operation(path: str, method: str, own: Schema, schemas: Schema) -> Schema:
    content = own.get("requestBody", {}).get("content", {})
    body = [type_of(kind.get("schema", {})) for kind in content.values()]
    return {
        "id": f"{method}{path}".replace("/", "-").replace("{", "").replace("}", "").replace(":", "-"),
        "method": method.upper(),
        "path": path.replace(":path}", "}"),
        "summary": own.get("summary", ""),
        "description": own.get("description", ""),
        "parameters": [
            {
                "name": one["name"],
                "place": one["in"],
                "required": one.get("required", False),
                "type": type_of(one.get("schema", {})),
                "description": one.get("description", ""),
            }
            for one in own.get("parameters", ())
        ],
        "body": body,
        "fields": [one for name in body for one in _fields(schemas.get(name.split(",")[0], {}))],
        "answers": [
            (
                status,
                one.get("description", ""),
                [type_of(kind.get("schema", {})) for kind in one.get("content", {}).values()],
            )
            for status, one in sorted(own.get("responses", {}).items())
        ],
    }


def _fields(schema: Schema) -> list[Schema]:
    required = schema.get("required", ())
    return [
        {
            "name": name,
            "type": type_of(own),
            "required": name in required,
            "description": own.get("description", ""),
        }
        for name, own in schema.get("properties", {}).items()
    ]


def type_of(schema: Schema) -> str:
    """A type in a few words: `list of Message`, `number from 0 to 1, or null`."""
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return ", or ".join(dict.fromkeys(type_of(one) for one in schema[key]))
    if "enum" in schema:
        return ", or ".join(f'"{one}"' if isinstance(one, str) else str(one) for one in schema["enum"])
    if "const" in schema:
        return f'"{schema["const"]}"'
    kind = schema.get("type", "anything")
    if isinstance(kind, list):
        return ", or ".join(kind)
    if kind == "array":
        return f"list of {type_of(schema.get('items') or {})}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {type_of(schema['additionalProperties']) or 'anything'}"
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None and high <= 1_000_000:
        return f"{kind} from {low:g} to {high:g}"
    return f"{kind} from {low:g}" if low is not None else str(kind)
