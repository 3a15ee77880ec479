"""Does the code keep the house's rules? Read from its syntax trees, not from running it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from daemon.control.gateway import HELD, PROBLEMS
from daemon.control.server import STATUS
from daemon.restoring_words import CODES
from tests.events.facts import GOLDEN, TAGS

ROOT = Path(__file__).parents[1]
MODULES = sorted(
    path.relative_to(ROOT)
    for package in ("events", "projections", "daemon")
    for path in (ROOT / package).rglob("*.py")
)
NAMES = [str(path) for path in MODULES]

FILE_LINES_MAX = 300
FUNCTION_LINES_MAX = 60
PURE = re.compile(
    r"projections/.*|daemon/decide.*|daemon/commands.*|events/(schema|fact|accounts|limits|membership|retirement|sources|syncs|terms|envelope|codec)\.py"
)
NO_NOUNS = {"utils", "helpers", "common", "base", "misc", "types", "models", "constants"}
HTTPX = {"daemon/transport.py"}
SQLITE = ("events/", "daemon/vault", "daemon/store/", "daemon/cache/shelf.py", "daemon/read_model/")
"""Who may import sqlite3: a file, or all in a folder."""
CLOCK = {"daemon/clock.py"}
CLOCK_READS = {"now", "utcnow", "today"}

REWRITES = re.compile(
    r"\b(update\s+(or\s+\w+\s+)?|delete\s+from\s+|replace\s+into\s+|insert\s+or\s+replace\s+into\s+"
    r"|drop\s+table\s+(if\s+exists\s+)?|alter\s+table\s+)[\"'`\[]?(event|block)\b",
    re.IGNORECASE,
)


def tree(module: Path) -> ast.Module:
    return ast.parse((ROOT / module).read_text())


def imports(module: Path) -> Iterator[str]:
    """The first word of everything that is imported, wherever it stands."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def test_there_is_a_house():
    assert len(MODULES) > 20


@pytest.mark.parametrize("module", MODULES, ids=NAMES)
def test_every_module_has_its_sentence(module):
    assert ast.get_docstring(tree(module)), f"{module} does not say which question it answers"


@pytest.mark.parametrize("module", MODULES, ids=NAMES)
def test_a_file_fits_a_head(module):
    assert len((ROOT / module).read_text().splitlines()) <= FILE_LINES_MAX


@pytest.mark.parametrize("module", MODULES, ids=NAMES)
def test_a_function_fits_a_screen(module):
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            lines = node.end_lineno - node.lineno + 1
            assert lines <= FUNCTION_LINES_MAX, f"{module}: {node.name} has {lines} lines"


@pytest.mark.parametrize("module", MODULES, ids=NAMES)
def test_a_module_is_named_for_what_it_knows(module):
    assert not NO_NOUNS & {part.lstrip("_") for part in module.with_suffix("").parts}


@pytest.mark.parametrize(
    "module", [module for module in MODULES if PURE.fullmatch(str(module))], ids=str
)
def test_what_is_pure_never_waits(module):
    waits = ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith
    assert not [node.lineno for node in ast.walk(tree(module)) if isinstance(node, waits)]


def test_every_event_that_can_be_written_is_in_the_golden_file():
    golden = {msgspec.json.decode(line)["type"] for line in GOLDEN.read_bytes().splitlines()}
    assert golden >= TAGS, "append one line for the new shape; never change a line that is there"


@pytest.mark.parametrize("module", MODULES, ids=NAMES)
def test_no_statement_rewrites_the_log(module):
    """The absence that all else rests on: nothing updates or deletes an event or a block."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            assert not REWRITES.search(node.value), f"{module}:{node.lineno}"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE event SET body = ?",
        "update or ignore event set at = 0",
        "DELETE FROM block WHERE last > ?",
        'delete  from "event"',
        "INSERT OR REPLACE INTO event VALUES (1)",
        "DROP TABLE IF EXISTS block",
    ],
)
def test_a_statement_that_rewrites_the_log_would_be_seen(statement):
    assert REWRITES.search(statement)


@pytest.mark.parametrize("module", MODULES, ids=NAMES)
def test_each_dependency_enters_by_one_door(module):
    words = set(imports(module))
    assert "httpx" not in words or str(module) in HTTPX
    assert not {"sqlite3", "sqlite_utils"} & words or str(module).startswith(SQLITE)


@pytest.mark.parametrize("module", MODULES, ids=NAMES)
def test_one_file_reads_the_clock(module):
    reads = [
        node.lineno
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Attribute)
        and node.attr in CLOCK_READS
        and ast.unparse(node.value) in {"datetime", "datetime.datetime", "date", "datetime.date"}
    ]
    assert not reads or str(module) in CLOCK, f"{module}: {reads}"


CODED = {"Refused", "NotQueued"}
BY_TABLE = {
    "daemon/control/gateway.py": {code for code, _ in HELD.values()} | {*PROBLEMS.values()},
    "daemon/control/rollback.py": CODES,
}
"""Which codes come from a table, rather than stand where they are raised."""


@pytest.mark.parametrize("module", MODULES, ids=NAMES)
def test_every_code_of_a_refusal_has_its_status(module):
    """Or else who is refused hears that rounds itself failed."""
    codes = set(BY_TABLE.get(str(module), ()))
    for node in ast.walk(tree(module)):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            continue
        if node.func.id in CODED:
            literal = isinstance(node.args[0], ast.Constant)
            assert literal or str(module) in BY_TABLE, f"{module}:{node.lineno}"
            codes |= {
                each.value for each in ast.walk(node.args[0]) if isinstance(each, ast.Constant)
            }
    assert codes <= STATUS.keys()


def test_a_code_of_a_refusal_would_be_seen():
    assert {"paused", "breaker", "limited"} <= BY_TABLE["daemon/control/gateway.py"]
