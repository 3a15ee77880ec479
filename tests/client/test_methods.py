"""Has every operation exactly one method, with the types that the daemon takes and gives?"""

import subprocess
import sys
from inspect import Parameter, signature
from typing import get_args, get_type_hints

import pytest
from msgspec.structs import fields

from daemon.client import Following, Rounds
from daemon.client.asker import Moment
from daemon.control.operations import OPERATIONS, STREAMS
from daemon.control.sentences import DOES
from tests.client.examples import EXAMPLES
from tests.client.writing import COMMAND, ROOT, method_name, written

pytestmark = pytest.mark.requirement("D10")

ALL = (*OPERATIONS, *STREAMS)
HOW = (
    "a new operation wants a sentence in daemon/control/sentences.py, an example in "
    f"tests/client/examples.py, and then `{COMMAND}`; a new stream wants a sentence and a method "
    "in daemon/client/follow.py, like `tail`"
)
LIGHT = """
import time
begun = time.perf_counter()
import httpx, sys
other = time.perf_counter() - begun
before, begun = set(sys.modules), time.perf_counter()
import daemon.client
print(other, time.perf_counter() - begun, *sorted(set(sys.modules) - before))
"""
OURS = {
    *("daemon", "daemon.client", "daemon.control", "daemon.duration", "daemon.exchange"),
    *("daemon.places", "daemon.secret", "daemon.control.asking", "daemon.control.messages"),
    *("daemon.shape", "projections", "projections.arrivals", "projections.baseline"),
    "projections.traces",
    *("projections.drift", "projections.freshness"),  # verdicts are told as they were judged
    *("projections.value_drift", "projections.value_figures", "projections.value_sketch"),
}


def test_every_operation_has_its_sentence_and_its_example():
    assert {each.name for each in ALL} == set(DOES), HOW
    assert {each.name for each in OPERATIONS} == set(EXAMPLES), HOW


def test_the_committed_files_are_what_the_operations_make():
    for path, text in written().items():
        assert path.exists() and path.read_text() == text, f"type `{COMMAND}`; {HOW}"  # noqa: PT018


def test_no_method_is_missing_and_none_is_left_over():
    methods = {name for name in dir(Rounds) if not name.startswith("_")}
    assert methods - {"begin", "end"} == {method_name(each.name) for each in ALL}, HOW


@pytest.mark.parametrize("item", ALL, ids=[each.name for each in ALL])
def test_a_method_takes_and_gives_what_the_operation_does(item):
    method = getattr(Rounds, method_name(item.name))
    hints, given = get_type_hints(method), signature(method).parameters
    takes = {each.name: each for each in fields(item.takes)}
    if getattr(item, "as_of", False) and "at" not in takes:
        assert hints["at"] == Moment | None
    else:
        assert "at" not in set(given) - set(takes)
    assert set(given) - {"self", "at"} == set(takes) - {"at"}, HOW
    for name, field in takes.items():
        if given[name].kind is Parameter.KEYWORD_ONLY:
            assert given[name].default == field.default or field.default_factory in {list, dict}
        else:
            assert field.required or item in STREAMS
    gives = hints["return"]
    assert gives == (Following[item.gives] if item in STREAMS else item.gives)
    assert method.__doc__.startswith(DOES[item.name])
    assert "```python" in method.__doc__


def test_a_moment_is_the_number_of_an_event_or_a_time():
    assert {each.__name__ for each in get_args(Moment)} == {"int", "datetime"}


def test_importing_it_loads_nothing_of_the_daemon_itself_and_takes_no_longer_than_httpx():
    best = 99.0
    for _ in range(3):
        run = subprocess.run(
            [sys.executable, "-c", LIGHT], capture_output=True, text=True, check=True, cwd=ROOT
        )
        other, own, *modules = run.stdout.split()
        best = min(best, float(own) / float(other))
    ours = {each for each in modules if each.startswith(("daemon", "projections"))}
    parts = {each for each in ours if each.startswith("daemon.client.")}
    messages = {each for each in ours if each.endswith("_messages")}
    assert ours - parts - messages <= OURS
    heavy = {"click", "rich", "starlette", "hypercorn", "structlog", "sqlite3", "cryptography"}
    assert not heavy & {each.partition(".")[0] for each in modules}
    assert best < 1
