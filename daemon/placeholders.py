"""What stands in place of `{account}`, `{start}` and the like in a request?"""

from collections.abc import Mapping
from typing import Any, TypeAlias
from urllib.parse import quote

from daemon.file_table import PLACEHOLDER

Value: TypeAlias = str | int | Mapping[str, int]
Values: TypeAlias = Mapping[str, Value]
"""A connection's settings, and a window's bounds, by name."""


def text(template: str, values: Values) -> str:
    """Fill in a text. A name that is not known stays as it stands: GraphQL has braces too."""
    return PLACEHOLDER.sub(lambda match: str(values.get(match[1], match[0])), template)


def url(template: str, values: Values) -> str:
    """Fill in a URL or a path: a value is one segment, whatever it holds."""
    return PLACEHOLDER.sub(
        lambda match: quote(str(values[match[1]]), safe="") if match[1] in values else match[0],
        template,
    )


def document(template: Any, values: Values) -> Any:
    """Fill in a JSON document. A text that is one placeholder becomes its value, with its type."""
    match template:
        case str():
            whole = PLACEHOLDER.fullmatch(template)
            return values.get(whole[1], template) if whole else text(template, values)
        case dict():
            return {key: document(value, values) for key, value in template.items()}
        case list():
            return [document(value, values) for value in template]
        case _:
            return template


def params(template: Mapping[str, Any], values: Values) -> dict[str, Any]:
    """Fill in parameters. One that is left empty by a setting is left out."""
    filled = {name: document(value, values) for name, value in template.items()}
    return {name: value for name, value in filled.items() if value != "" or template[name] == ""}
