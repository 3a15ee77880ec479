"""How is the API described to programs? Generated from the operations, never written."""

from collections.abc import Mapping, Sequence
from inspect import cleandoc
from typing import Any

import msgspec
from msgspec import Struct

from daemon.control.messages import Problem
from daemon.control.operation import Operation, Stream
from daemon.control.sentences import DOES, THEME, THEMES

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
INTRODUCTION = (
    "Keeps connections to third-party providers synced. It is asked over a Unix socket, which "
    "gives the role; `x-role` is the least one that an operation needs. Every answer has `seq`, "
    "the number of the last event that it knows of."
)
FOLLOWED = (
    "Server-sent events: the data of each is one JSON document of this schema, its id the number "
    "of an event."
)


def document(
    operations: Sequence[Operation],
    streams: Sequence[Stream],
    version: str,
    statuses: Mapping[str, int],
) -> dict[str, Any]:
    """The OpenAPI 3.1 document of these; `statuses` has that of each code of a refusal."""
    items: list[Operation | Stream] = [*operations, *streams]
    messages: set[type[Struct]] = {Problem}
    for item in items:
        messages |= {item.takes, item.gives}
    ordered = sorted(messages, key=lambda message: message.__name__)
    schemas, components = msgspec.json.schema_components(ordered, ref_template=REF)
    refs = dict(zip(ordered, schemas, strict=True))
    for component in components.values():
        if "description" in component:
            component["description"] = cleandoc(component["description"])
    for takes in {item.takes for item in items} - {item.gives for item in items}:
        asked = components[takes.__name__]
        properties = asked.get("properties", {})
        asked["properties"] = {name: _left_out(each) for name, each in properties.items()}
    problem = components[Problem.__name__]
    code = {**problem["properties"]["code"], "enum": sorted(statuses)}
    components[Problem.__name__] = {**problem, "properties": problem["properties"] | {"code": code}}
    paths = {}
    for item in items:
        method = item.method.lower() if isinstance(item, Operation) else "get"
        paths[f"/v1/{item.name}"] = {method: _described(item, refs, components)}
    return {
        "openapi": "3.1.0",
        "info": {"title": "rounds", "version": version, "description": INTRODUCTION},
        "servers": [{"url": "http://rounds", "description": "the control socket, by any name"}],
        "tags": [{"name": theme} for theme in THEMES],
        "paths": paths,
        "components": {"schemas": components, "responses": _refusals(refs[Problem], statuses)},
    }


def _described(
    item: Operation | Stream, refs: dict[type[Struct], dict[str, Any]], components: dict[str, Any]
) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": item.name.replace("-", "_"),
        "summary": DOES.get(item.name, item.name),
        "tags": [THEME.get(item.name, "look")],
        "x-role": item.role.name.lower(),
    }
    if isinstance(item, Stream):
        media, said = "text/event-stream", FOLLOWED
    else:
        media, said = "application/json", _sentences(item.gives)
    schema = refs[item.gives]
    answered: dict[str, Any] = {"description": said, "content": {media: {"schema": schema}}}
    refused = {"$ref": "#/components/responses/Refused"}
    if takes := _sentences(item.takes):
        described["description"] = takes
    described["responses"] = {"200": answered, "default": refused}
    if isinstance(item, Operation) and item.method == "POST":
        body = {"required": True, "content": {"application/json": {"schema": refs[item.takes]}}}
        return described | {"requestBody": body}
    parameters = _parameters(components[item.takes.__name__])
    if isinstance(item, Operation) and item.as_of:
        parameters.append(AS_OF)
    return described | {"parameters": parameters}


def _refusals(problem: dict[str, Any], statuses: Mapping[str, int]) -> dict[str, Any]:
    """What any of them may answer instead, once for all."""
    by_status: dict[int, list[str]] = {}
    for code, status in statuses.items():
        by_status.setdefault(status, []).append(code)
    told = "; ".join(f"{each}: {', '.join(by_status[each])}" for each in sorted(by_status))
    later = {"description": "When to come back, in seconds.", "schema": {"type": "integer"}}
    return {
        "Refused": {
            "description": f"Not done, and why. The codes by status are {told}.",
            "headers": {"Retry-After": later},
            "content": {"application/json": {"schema": problem}},
        }
    }


def _left_out(schema: dict[str, Any]) -> dict[str, Any]:
    """A field that may be left out: tools take one with a default for one that is always there."""
    if "default" not in schema:
        return schema
    rest = {name: value for name, value in schema.items() if name != "default"}
    default = msgspec.json.encode(schema["default"]).decode()
    return rest | {"description": f"{default} where it is left out."}


def _parameters(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """What goes into a query: None is left out there, so no parameter is null."""
    required = schema.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": _present(each)}
        for name, each in schema.get("properties", {}).items()
    ]


def _present(schema: dict[str, Any]) -> dict[str, Any]:
    left = [each for each in schema.get("anyOf", []) if each != {"type": "null"}]
    if len(left) != 1:
        return schema
    rest = {name: value for name, value in schema.items() if name not in {"anyOf", "default"}}
    rest.update(left[0])
    return rest


def _sentences(message: type[Struct]) -> str:
    return cleandoc(message.__doc__ or "")
