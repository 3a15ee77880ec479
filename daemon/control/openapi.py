"""How is the API described to programs? Generated from the operations, never written."""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from daemon.control.messages import Problem
from daemon.control.operation import Operation, Stream

REF = "#/components/schemas/{name}"
AS_OF = {
    "name": "at",
    "in": "query",
    "required": False,
    "description": "Answer as of then: after the event of that number, or as it was at that time.",
    "schema": {
        "anyOf": [
            {"type": "string", "format": "date-time"},
            {"type": "string", "pattern": "^[0-9]+$"},
        ]
    },
}


def document(
    operations: Sequence[Operation], streams: Sequence[Stream], version: str
) -> dict[str, Any]:
    """The OpenAPI 3.1 document of these operations."""
    items: list[Operation | Stream] = [*operations, *streams]
    messages: set[type[Struct]] = {Problem}
    for item in items:
        messages |= {item.takes, item.gives}
    ordered = sorted(messages, key=lambda message: message.__name__)
    schemas, components = msgspec.json.schema_components(ordered, ref_template=REF)
    refs = dict(zip(ordered, schemas, strict=True))
    paths = {}
    for operation in operations:
        described = _described(operation, refs, components, "application/json")
        paths[f"/v1/{operation.name}"] = {operation.method.lower(): described}
    for stream in streams:
        described = _described(stream, refs, components, "text/event-stream")
        paths[f"/v1/{stream.name}"] = {"get": described}
    return {
        "openapi": "3.1.0",
        "info": {"title": "rounds", "version": version},
        "paths": paths,
        "components": {"schemas": components},
    }


def _described(
    item: Operation | Stream,
    refs: dict[type[Struct], dict[str, Any]],
    components: dict[str, Any],
    media: str,
) -> dict[str, Any]:
    posts = isinstance(item, Operation) and item.method == "POST"
    described: dict[str, Any] = {
        "operationId": item.name.replace("-", "_"),
        "summary": (item.gives.__doc__ or item.name).splitlines()[0],
        "x-role": item.role.name.lower(),
        "responses": {
            "200": {"description": "done", "content": {media: {"schema": refs[item.gives]}}},
            "default": {
                "description": "not done, and why",
                "content": {"application/json": {"schema": refs[Problem]}},
            },
        },
    }
    if posts:
        body = {"required": True, "content": {"application/json": {"schema": refs[item.takes]}}}
        return described | {"requestBody": body}
    parameters = _parameters(components[item.takes.__name__])
    if isinstance(item, Operation) and item.as_of:
        parameters.append(AS_OF)
    return described | {"parameters": parameters}


def _parameters(schema: dict[str, Any]) -> list[dict[str, Any]]:
    required = schema.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": each}
        for name, each in schema.get("properties", {}).items()
    ]
