"""In which words does a sentence say what a type expects?"""

from collections.abc import Iterable

from msgspec import inspect

ARRAYS = (
    inspect.ListType,
    inspect.VarTupleType,
    inspect.TupleType,
    inspect.SetType,
    inspect.FrozenSetType,
)

ANCHOR = r"\Z"  # of use to the regex, not to a reader

_PLAIN: dict[type[inspect.Type], str] = {
    inspect.AnyType: "a value",
    inspect.BoolType: "true or false",
    inspect.StructType: "a table",
    inspect.DateTimeType: "a date with a time",
    inspect.DateType: "a date",
    inspect.TimeType: "a time",
    inspect.TimeDeltaType: 'a duration such as "PT15M"',
    inspect.TupleType: "an array",
}


def phrase(info: inspect.Type) -> str:
    """Return a noun phrase, such as `an integer of at least 3`."""
    match info:
        case inspect.Metadata():
            return phrase(info.type)
        case inspect.IntType():
            return f"an integer{_bounds(info)}"
        case inspect.FloatType():
            return f"a number{_bounds(info)}"
        case inspect.StrType():
            return _string(info)
        case inspect.EnumType():
            return one_of(str(member.value) for member in info.cls)
        case inspect.LiteralType():
            return one_of(str(value) for value in info.values)
        case inspect.DictType():
            return f"a table{_size(info)}"
        case (
            inspect.ListType()
            | inspect.VarTupleType()
            | inspect.SetType()
            | inspect.FrozenSetType()
        ):
            return f"an array{_size(info)}, each entry {phrase(info.item_type)}"
        case inspect.UnionType():
            return _either(info)
        case _:
            return _PLAIN.get(type(info), "something else")


def kinds(info: inspect.Type) -> tuple[str, list[str]] | None:
    """Return a tagged union's tag field and its tags; None for any other type."""
    members = info.types if isinstance(info, inspect.UnionType) else ()
    tagged = [m for m in members if isinstance(m, inspect.StructType) and m.tag_field]
    if not tagged:
        return None
    return str(tagged[0].tag_field), [str(member.tag) for member in tagged]


def one_of(words: Iterable[str]) -> str:
    """Return quoted alternatives: `"a", "b" or "c"`."""
    quoted = [f'"{word}"' for word in words]
    return " or ".join([*([", ".join(quoted[:-1])] if quoted[1:] else []), quoted[-1]])


def _either(info: inspect.UnionType) -> str:
    phrases = [phrase(member) for member in info.types if not isinstance(member, inspect.NoneType)]
    return " or ".join(dict.fromkeys(phrases))  # several Structs are one "a table"


def _bounds(info: inspect.IntType | inspect.FloatType) -> str:
    limits = (
        ("above", info.gt),
        ("of at least", info.ge),
        ("below", info.lt),
        ("of at most", info.le),
    )
    said = [f"{word} {bound:g}" for word, bound in limits if bound is not None]
    return f" {' and '.join(said)}" if said else ""


def _string(info: inspect.StrType) -> str:
    if info.pattern is not None:
        return f"a string matching {info.pattern.removeprefix('^').removesuffix(ANCHOR)}"
    return f"a string{_size(info)}"


def _size(
    info: inspect.StrType
    | inspect.DictType
    | inspect.ListType
    | inspect.VarTupleType
    | inspect.SetType
    | inspect.FrozenSetType,
) -> str:
    least, most = info.min_length, info.max_length
    said = [f"at least {least}"] if least is not None else []
    said += [f"at most {most}"] if most is not None else []
    return f" of {' and '.join(said)}" if said else ""
