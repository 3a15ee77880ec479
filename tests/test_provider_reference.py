"""Does the reference of provider files speak of every key there is?"""

import re
from pathlib import Path
from typing import get_args, get_type_hints

import msgspec
import pytest

from daemon.file_table import Table
from daemon.provider_file import ProviderFile

TEXT = (Path(__file__).parents[1] / "daemon/providers/README.md").read_text()


def tables(of: object, found: dict[type, None]) -> dict[type, None]:
    """Every table that can stand in a provider's file."""
    if isinstance(of, type) and issubclass(of, msgspec.Struct) and of not in found:
        found[of] = None
        for hint in get_type_hints(of).values():
            tables(hint, found)
    for inner in get_args(of):
        tables(inner, found)
    return found


TABLES = list(tables(ProviderFile, {}))
KEYS = sorted({field.encode_name for each in TABLES for field in msgspec.structs.fields(each)})
KINDS = sorted({str(each.__struct_config__.tag) for each in TABLES if each.__struct_config__.tag})


def test_the_tables_are_found():
    assert len(TABLES) > 15
    assert all(issubclass(each, Table) for each in TABLES)


@pytest.mark.requirement("A20")
@pytest.mark.parametrize("key", [*KEYS, *KINDS])
def test_the_reference_speaks_of_every_key(key):
    assert re.search(rf"[`.]{key}[`\s.=\]]", TEXT), f"{key} is not explained"


@pytest.mark.requirement("A20")
@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.__name__)
def test_every_choice_is_named(table):
    for hint in get_type_hints(table).values():
        for choice in (
            each for each in _choices(hint) if isinstance(each, str) and each.isidentifier()
        ):
            assert choice in TEXT, f"{choice} is not explained"


def _choices(hint: object) -> list[object]:
    inner = list(get_args(hint))
    return inner + [choice for each in inner for choice in _choices(each)]
