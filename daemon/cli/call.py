"""How does a script call any operation of the daemon's API by its name?"""

import difflib
from pathlib import Path
from typing import Any, NoReturn

import click
import msgspec

from daemon.cli import client, screen
from daemon.cli.arguments import as_json, examples
from daemon.cli.client import ANSWER_S
from daemon.cli.ending import Ended, Exit

PREFIX = "/v1/"
SECRETS = frozenset({"credential", "client_secret", "answer"})
"""What is never an argument: every user of the host sees those, and the shell keeps them."""


class _Described(msgspec.Struct, frozen=True):
    """What the daemon says of its operations, as an OpenAPI document does."""

    paths: dict[str, dict[str, Any]]
    components: dict[str, Any]


@click.command(
    epilog=examples(
        "rounds call check_health tenant=acme provider=oura",
        "rounds call execute-sync tenant=acme provider=weather | jq .queue_id",
        "rounds call process_queue timeout_s=60",
    )
)
@click.argument("name")
@click.argument("words", nargs=-1, metavar="[KEY=VALUE]...")
@as_json
@click.pass_obj
def call(socket: Path | None, name: str, words: tuple[str, ...], as_json: bool) -> None:
    """Call the operation NAME, and print its answer as JSON.

    The names are those of the API, with dashes or underscores. Values other than texts are JSON.
    """
    del as_json  # there is nothing else that it could print
    daemon = client.reach(socket)
    described = client.read(daemon.get("openapi.json"), _Described)
    name = name.replace("_", "-")
    method, operation = _operation(described, name)
    given = _given(words, _fields(described, operation))
    waits = given.get("timeout_s", 0)
    seconds = ANSWER_S + (waits if isinstance(waits, int | float) else 0)
    if method == "get":
        plain = {key: _plain(value) for key, value in given.items()}
        screen.document(daemon.get(name, seconds, **plain))
    else:
        screen.document(daemon.post(name, given, seconds))


def _operation(described: _Described, name: str) -> tuple[str, dict[str, Any]]:
    """Its method, and what is said of it."""
    found = described.paths.get(PREFIX + name)
    if found is None:
        names = [path.removeprefix(PREFIX) for path in described.paths]
        near = difflib.get_close_matches(name, names, n=1)
        hint = f" (did you mean {near[0]}?)" if near else f"; there are: {', '.join(sorted(names))}"
        raise Ended(Exit.USAGE, f"there is no operation {name}{hint}")
    method, operation = next(iter(found.items()))
    if "text/event-stream" in operation["responses"]["200"]["content"]:
        raise Ended(Exit.USAGE, f"{name} goes on for ever; `rounds log tail` follows the log")
    return method, operation


def _fields(described: _Described, operation: dict[str, Any]) -> dict[str, Any]:
    """The schema of each argument."""
    if "requestBody" not in operation:
        return {each["name"]: each["schema"] for each in operation["parameters"]}
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    message = described.components["schemas"][schema["$ref"].rpartition("/")[2]]
    properties: dict[str, Any] = message.get("properties", {})
    return {name: _resolved(described, each) for name, each in properties.items()}


def _resolved(described: _Described, schema: dict[str, Any]) -> dict[str, Any]:
    """The schema itself, where another one is referred to."""
    name = schema.get("$ref", "").rpartition("/")[2]
    found: dict[str, Any] = described.components["schemas"][name] if name else schema
    return found


def _given(words: tuple[str, ...], fields: dict[str, Any]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for word in words:
        key, equals, text = word.partition("=")
        if not equals or key in given:
            raise Ended(Exit.USAGE, f"{word!r} is not KEY=VALUE, or its key is given twice")
        if key not in fields:
            known = ", ".join(fields) or "nothing"
            raise Ended(Exit.USAGE, f"it does not take {key}; it takes {known}")
        if key in SECRETS:
            _refuse_secret(key)
        given[key] = _value(key, text, fields[key])
    return given


def _value(key: str, text: str, schema: dict[str, Any]) -> Any:
    """A text as it is typed, where the operation takes one; else what the JSON says."""
    kinds = {each.get("type") for each in (schema, *schema.get("anyOf", []))}
    if "string" in kinds or not kinds & {"integer", "number", "boolean", "object", "array"}:
        return text
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        wanted = " or ".join(sorted(str(each) for each in kinds - {None, "null"}))
        raise Ended(Exit.USAGE, f"{key} is JSON, of type {wanted}; {text!r} is not") from None


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _refuse_secret(key: str) -> NoReturn:
    raise Ended(
        Exit.USAGE,
        f"{key} is a secret, and those are never arguments; take the command that asks for it: "
        "`rounds connection add`, `rounds connection authorize`, `rounds provider client`",
    )
