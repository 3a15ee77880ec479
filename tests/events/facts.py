"""Which events can there be? Strategies and golden samples, derived from the schema itself."""

import types
import typing
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from pathlib import Path

import msgspec
from hypothesis import strategies as st

from events import schema
from events.envelope import Recorded

GOLDEN = Path(__file__).with_name("golden.jsonl")

SHAPES: tuple[type[msgspec.Struct], ...] = typing.get_args(schema.Event)
TAGS = {str(shape.__struct_config__.tag) for shape in SHAPES}

texts = st.text(st.characters(codec="utf-8"), max_size=30)
integers = st.integers(-(2**63), 2**63 - 1)
instants = st.datetimes(timezones=st.just(UTC))
durations = st.timedeltas(timedelta(days=-36_500), timedelta(days=36_500))


def values(of: object) -> st.SearchStrategy:
    """Every value that a field of this type can hold."""
    origin, inner = typing.get_origin(of), typing.get_args(of)
    if origin in (typing.Union, types.UnionType):
        return st.one_of([values(choice) for choice in inner])
    if origin is tuple:
        return st.lists(values(inner[0]), max_size=4).map(tuple)
    if origin is Mapping:
        return st.dictionaries(values(inner[0]), values(inner[1]), max_size=4)
    plain = {
        str: texts,
        int: integers,
        bool: st.booleans(),
        float: st.floats(allow_nan=False, allow_infinity=False),
        time: st.times(),
        datetime: instants,
        date: st.dates(),
        timedelta: durations,
        type(None): st.none(),
    }
    if of in plain:
        return plain[of]
    assert isinstance(of, type), f"no strategy makes a {of}"
    if issubclass(of, Enum):
        return st.sampled_from(of)
    return st.builds(of, **{name: values(type_) for name, type_ in _fields(of).items()})


def _fields(shape: type) -> dict[str, object]:
    hints = typing.get_type_hints(shape)
    return {name: hints[name] for name in shape.__struct_fields__}


facts = st.one_of([values(shape) for shape in SHAPES])


@st.composite
def groups(draw: st.DrawFn, most: int = 12) -> list[list[Recorded]]:
    """What some decisions recorded, one after the other, numbered from 1."""
    decisions = draw(st.lists(st.lists(facts, min_size=1, max_size=5), max_size=most))
    seq, numbered = 1, []
    for decision in decisions:
        at, subject = draw(instants), draw(st.integers(0, 3))
        numbered.append(
            [
                Recorded(seq=seq + place, at=at, subject=subject, event=event)
                for place, event in enumerate(decision)
            ]
        )
        seq += len(decision)
    return numbered
