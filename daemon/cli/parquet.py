"""How are records written as Parquet, and which type has each column?

A column's type follows from all its values, whatever their order: all truth values, `bool`; all
integers that fit, `int64`; numbers that a double holds exactly, `double`; all text, or nothing at
all, `string`; anything else, `string` with each value as JSON, which the field's metadata say
(`rounds.encoding` = `json`). Null and not there are both null.
"""

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

from daemon.cli.ending import Ended, Exit

GROUP_ROWS = 10_000  # rows a row group
GROUP_BYTES = 64 * 1024 * 1024  # of their JSON; a group is held in memory
PIECE_BYTES = 1024 * 1024
EXACT_MAX = 2**53  # up to here a double holds every integer
INT64 = range(-(2**63), 2**63)


class Column:
    """What was seen in a column."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def see(self, value: Any) -> None:
        if value is not None:
            self._seen.add(_kind(value))

    @property
    def type(self) -> str:
        """`bool`, `int64`, `double`, `string` or `json`."""
        seen = self._seen
        if seen <= {"text"}:
            return "string"
        if seen == {"bool"}:
            return "bool"
        if seen <= {"int", "long"}:
            return "int64"
        if seen <= {"int", "float"}:
            return "double"
        return "json"


def _kind(value: Any) -> str:
    match value:
        case bool():
            return "bool"
        case int():
            if abs(value) <= EXACT_MAX:
                return "int"
            return "long" if value in INT64 else "huge"
        case float():
            return "float"
        case str():
            return "text"
        case _:
            return "nested"


def library() -> tuple[ModuleType, ModuleType]:
    """What writes it, where it is installed. Raises Ended."""
    try:
        import pyarrow as arrow  # noqa: ICN001 - `pa` says nothing
        from pyarrow import parquet
    except ImportError:
        raise Ended(
            Exit.USAGE,
            "Parquet needs pyarrow, which is not installed here; type: pip install pyarrow, in the "
            "environment that rounds is in, or export as jsonl",
        ) from None
    return arrow, parquet


def pieces(
    columns: Mapping[str, Column],
    records: Iterable[dict[str, Any]],
    facts: Mapping[str, str],
    directory: Path | None,
) -> Iterator[bytes]:
    """The file, piece by piece; the facts stand in its schema's metadata."""
    arrow, parquet = library()
    types = {name: column.type for name, column in columns.items()}
    schema = arrow.schema(
        [_field(arrow, name, type_) for name, type_ in types.items()],
        metadata={f"rounds.{name}": text for name, text in facts.items()},
    )
    with tempfile.TemporaryFile(dir=directory) as file:  # it ends with what stands where
        with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
            for group in _groups(records):
                arrays = [
                    arrow.array([_value(each.get(name), type_) for each in group], field.type)
                    for (name, type_), field in zip(types.items(), schema, strict=True)
                ]
                writer.write_table(arrow.Table.from_arrays(arrays, schema=schema))
        file.seek(0)
        while piece := file.read(PIECE_BYTES):
            yield piece


def _field(arrow: ModuleType, name: str, type_: str) -> Any:
    made = {
        "bool": arrow.bool_(),
        "int64": arrow.int64(),
        "double": arrow.float64(),
        "string": arrow.string(),
        "json": arrow.string(),
    }
    metadata = {"rounds.encoding": "json"} if type_ == "json" else None
    return arrow.field(name, made[type_], metadata=metadata)


def _value(value: Any, type_: str) -> Any:
    if value is None:
        return None
    if type_ == "json":
        return msgspec.json.encode(value).decode()
    return float(value) if type_ == "double" else value


def _groups(records: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Some at a time."""
    group: list[dict[str, Any]] = []
    size = 0
    for record in records:
        group.append(record)
        size += len(msgspec.json.encode(record))
        if len(group) >= GROUP_ROWS or size >= GROUP_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group
