"""Is this TOML file what was asked for, and if not, where exactly?"""

import difflib
import math
import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from pathlib import Path
from typing import Annotated, Any, TypeAlias, TypeVar, get_args, get_origin, get_type_hints

import msgspec
from msgspec import inspect

from daemon import expectation

DEPTH_MAX = 64  # no setting lies deeper than five
FILE_BYTES_MAX = 1024 * 1024  # a configuration that a person wrote is far smaller
SHOWN_MAX = 40  # characters of a value in a sentence: enough to find it by

T = TypeVar("T")
Key: TypeAlias = tuple[str | int, ...]
"""Where something stands in a document: table keys and list indexes, from the root."""


class ConfigurationError(Exception):
    """A file cannot be used as it is. The text is one sentence for the person who wrote it."""


def read(path: Path, type_: type[T]) -> T:
    """Return the file as `type_`. Raises ConfigurationError."""
    return convert(_parse(path, _text(path, _content(path))), type_, path)


def convert(document: Any, type_: type[T], path: Path) -> T:
    """Return a parsed document as `type_`; `path` is named in the ConfigurationError it raises."""
    _refuse_unbounded(document, (), path)
    try:
        return msgspec.convert(document, type_)
    except msgspec.ValidationError as error:
        found = _find(type_, document, ()) or str(error)
    raise ConfigurationError(f"{path}: {found}")


def _content(path: Path) -> bytes:
    try:
        if path.exists() and not path.is_file():
            what = "a directory" if path.is_dir() else "not a regular file"
            raise ConfigurationError(f"{path}: is {what}, expected a TOML file")
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
    except FileNotFoundError:
        raise ConfigurationError(f"{path}: does not exist") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "not a usable path"
        raise ConfigurationError(f"{path}: cannot be read ({why})") from None
    if len(content) > FILE_BYTES_MAX:
        raise ConfigurationError(f"{path}: is larger than {FILE_BYTES_MAX} bytes")
    return content


def _text(path: Path, content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
    raise ConfigurationError(f"{path}: line {line} is not valid UTF-8")


def _parse(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        sentence = _located(str(error), text)
    except RecursionError:
        sentence = "is nested too deeply"
    except ValueError:  # an integer of thousands of digits
        sentence = "holds a value that TOML does not allow"
    raise ConfigurationError(f"{path}: {sentence}")


def _located(error: str, text: str) -> str:
    """Put the place first: `tomllib` says it last, and calls the last one "end of document"."""
    match = re.fullmatch(
        r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", error, re.DOTALL
    )
    assert match is not None, "tomllib ends its errors with a place"
    what, line, column = match.groups()
    if line is None:
        line, column = text.count("\n") + 1, len(text) - text.rfind("\n")
    return f"line {line}, column {column}: {what[0].lower()}{what[1:]}"


def _refuse_unbounded(value: Any, key: Key, path: Path) -> None:
    """TOML knows nan and inf; no setting means them, and no bound catches nan."""
    if len(key) > DEPTH_MAX:
        raise ConfigurationError(f"{path}: {dotted(key[:3])}… is nested deeper than {DEPTH_MAX}")
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigurationError(f"{path}: {dotted(key)} is {value}, expected a finite number")
    for name, child in _entries(value):
        _refuse_unbounded(child, (*key, name), path)


def _entries(value: Any) -> list[tuple[str | int, Any]]:
    if isinstance(value, Mapping):
        return list(value.items())
    return list(enumerate(value)) if isinstance(value, list) else []


def _find(type_: Any, value: Any, key: Key) -> str | None:
    """Say what is wrong at the deepest place that does not fit; None where all fits."""
    try:
        msgspec.convert(value, type_)
    except msgspec.ValidationError as error:
        narrowed = _narrowed(type_, value)
        for name, child_type in _children(narrowed, value):
            found = _find(child_type, value[name], (*key, name))
            if found is not None:
                return found
        return _sentence(narrowed, value, key, error)
    return None


def _narrowed(type_: Any, value: Any) -> Any:
    """Return the one member of a union that `value` claims to be, else the type itself."""
    if isinstance(inspect.type_info(type_), inspect.UnionType):
        for member in _arguments(type_):
            if _claims(inspect.type_info(member), value):
                return member
    return type_


def _arguments(type_: Any) -> tuple[Any, ...]:
    """Return what stands in a type's brackets, below its constraints."""
    while get_origin(type_) is Annotated:
        type_ = get_args(type_)[0]
    return get_args(type_)


def _claims(info: inspect.Type, value: Any) -> bool:
    if isinstance(info, inspect.StructType) and isinstance(value, dict):
        return info.tag_field is None or value.get(info.tag_field) == info.tag
    if isinstance(info, inspect.DictType):
        return isinstance(value, dict)
    return isinstance(info, expectation.ARRAYS) and isinstance(value, list)


def _children(type_: Any, value: Any) -> Iterator[tuple[str | int, Any]]:
    info = inspect.type_info(type_)
    if isinstance(info, inspect.StructType) and isinstance(value, dict):
        hints = get_type_hints(info.cls, include_extras=True)
        for field in info.fields:
            if field.encode_name in value:
                yield field.encode_name, hints[field.name]
    elif isinstance(info, inspect.DictType) and isinstance(value, dict):
        yield from ((name, _arguments(type_)[1]) for name in value)
    elif isinstance(info, inspect.TupleType) and isinstance(value, list):
        yield from ((i, member) for i, member in enumerate(_arguments(type_)) if i < len(value))
    elif isinstance(info, expectation.ARRAYS) and isinstance(value, list):
        yield from ((index, _arguments(type_)[0]) for index in range(len(value)))


def _sentence(type_: Any, value: Any, key: Key, error: msgspec.ValidationError) -> str:
    if error.__cause__ is not None:  # the Struct's own check refused it, in our words
        return f"{dotted(key)}: {error}" if key else str(error)
    info = inspect.type_info(type_)
    if isinstance(value, dict):
        if isinstance(info, inspect.StructType):
            return _about_fields(info, value, key)
        if isinstance(info, inspect.DictType):
            return _about_names(type_, info, value, key)
        kinds = expectation.kinds(info)
        if kinds is not None:
            return _about_kind(*kinds, value, key)
    return f"{dotted(key)} {_found(value, key)}, expected {expectation.phrase(info)}"


def _about_fields(info: inspect.StructType, value: dict[str, Any], key: Key) -> str:
    known = [field.encode_name for field in info.fields]
    if info.tag_field is not None:
        known.insert(0, info.tag_field)
    for name in value:
        if name not in known:
            return f"{dotted((*key, name))} is not a known key; {_suggestion(name, known)}"
    for field in info.fields:
        if field.required and field.encode_name not in value:
            place = dotted((*key, field.encode_name))
            return f"{place} is missing, expected {expectation.phrase(field.type)}"
    return f"{dotted(key)} is not what was expected"


def _suggestion(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f"did you mean {near[0]}?"
    return f"known keys are {', '.join(known)}" if known else "no keys are known here"


def _about_names(type_: Any, info: inspect.DictType, value: dict[str, Any], key: Key) -> str:
    for name in value:
        try:
            msgspec.convert(name, _arguments(type_)[0])
        except msgspec.ValidationError:
            expected = expectation.phrase(info.key_type)
            return f"{dotted((*key, name))} is not a possible name, expected {expected}"
    return f"{dotted(key)} has {len(value)} entries, expected {expectation.phrase(info)}"


def _about_kind(tag_field: str, kinds: list[str], value: dict[str, Any], key: Key) -> str:
    place = (*key, tag_field)
    expected = expectation.one_of(kinds)
    if tag_field not in value:
        return f"{dotted(place)} is missing, expected {expected}"
    return f"{dotted(place)} {_found(value[tag_field], place)}, expected {expected}"


def _found(value: Any, key: Key) -> str:
    """Name a value's TOML type, and show it unless it may be secret or holds others."""
    match value:
        case dict():
            return "is a table"
        case list():
            return f"is an array of {len(value)}"
        case _ if _is_secret(key):
            return f"is {_toml_type(value)} (not shown)"
        case str():
            shown = value if len(value) <= SHOWN_MAX else f"{value[:SHOWN_MAX]}…"
            return f'is "{_printable(shown)}" (a string)'
        case bool():
            return f"is {str(value).lower()} (a boolean)"
        case _:
            return f"is {str(value)[:SHOWN_MAX]} ({_toml_type(value)})"


def _printable(text: str) -> str:
    """Escape what could move a terminal's cursor or break the line."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _toml_type(value: Any) -> str:
    match value:
        case bool():
            return "a boolean"
        case int():
            return "an integer"
        case float():
            return "a float"
        case datetime() | date():
            return "a date"
        case time():
            return "a time"
        case _:
            return "a string"


def _is_secret(key: Key) -> bool:
    return any(re.search(r"key|secret|token|passw", str(part), re.IGNORECASE) for part in key)


def dotted(key: Key) -> str:
    """Write a place as TOML would: bare keys joined by dots, others quoted, indexes in brackets."""
    text = ""
    for part in key:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            bare = re.fullmatch(r"[A-Za-z0-9_-]+", part)
            text += f"{'.' if text else ''}{part if bare else msgspec.json.encode(part).decode()}"
    return text or "the document"
