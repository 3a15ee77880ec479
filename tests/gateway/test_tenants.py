"""Does an answer, kept or shared or batched, ever reach another than whose it is?"""

import json
from pathlib import Path

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.configuration import Declared
from daemon.exchange import CallLost
from daemon.gateway.call import HeldBack
from tests.fakes.in_process import NAME, play
from tests.gateway.programs import DOWN, OTHER, Programs

TENANTS = (NAME, OTHER)
PATHS = ("/days", "/days?page=2", "/items/1", "/items/2", "/items/3", "/goal")
ENDPOINTS = {
    "/days": {"fresh_s": 5, "stale_while_revalidate_s": 10},
    "/items/{id}": {"batch": {"path": "/items?ids={ids}", "key": "id", "wait_s": 0.5}},
    "/goal": {"debounce_s": 0.3},
}

FILES = Path(__file__).parent / "credentials"
WHOSE = {(FILES / name.partition("/")[0]).read_text().strip(): name for name in TENANTS}

ask = st.tuples(
    st.just("ask"),
    st.sampled_from(TENANTS),
    st.sampled_from(PATHS),
    st.sampled_from(["GET", "GET", "GET", "PUT", "POST"]),
    st.sampled_from([False, False, True]),
)
rest = st.tuples(st.just("rest"), st.sampled_from([0.1, 1.0, 7.0, 40.0]))
weather = st.tuples(st.just("weather"), st.sampled_from([False, False, True]))
restart = st.tuples(st.just("restart"))
step = st.one_of(*[ask] * 8, rest, rest, weather, restart)


class Keyed(Programs):
    """Each connection has a credential of its own."""

    def declared(self, name):
        return Declared(interval=self.interval, credential_file=str(FILES / name.partition("/")[0]))


class Told:
    """A provider that says whom it answers, and programs that note who was told what."""

    def __init__(self):
        self.programs = Keyed(endpoints=ENDPOINTS, auth={"kind": "api_key", "header": "X-Key"})
        self.programs.answer = self.answer
        self.down = False
        self.told = []

    def answer(self, arrived):
        if self.down:
            return DOWN
        name = WHOSE[arrived.credential]
        if "ids=" in arrived.path:
            ids = arrived.path.partition("ids=")[2].split(",")
            return json.dumps([{"id": each, "whose": name} for each in ids]).encode()
        return 200, {"etag": '"1"'}, json.dumps({"whose": name, "path": arrived.path}).encode()


@pytest.mark.requirement("E6")
@pytest.mark.requirement("A16")
@settings(max_examples=60)
@given(steps=st.lists(step, min_size=20, max_size=80), random=st.random_module())
def test_no_answer_ever_crosses(steps, random):
    async def scene():
        told = Told()
        programs = told.programs

        async def ask(daemon, name, path, method, fresh):
            wish = {"method": method, "fresh": fresh, "body": None}
            if method != "GET":
                wish["body"] = b"{}"
            try:
                answer = await programs.ask(daemon, path, name=name, timeout_s=20, **wish)
            except (CallLost, HeldBack):
                return
            if answer.brought.body:
                told.told.append((name, path, json.loads(answer.brought.body)))

        lives = [[]]
        for each in steps:
            if each[0] == "restart":
                lives.append([])
            else:
                lives[-1].append(each)
        for life in lives:
            async with programs.life() as daemon, trio.open_nursery() as nursery:
                for kind, *rest in life:
                    if kind == "ask":
                        nursery.start_soon(ask, daemon, *rest)
                    elif kind == "weather":
                        (told.down,) = rest
                    else:
                        await trio.sleep(*rest)
        for name, path, document in told.told:
            assert document["whose"] == name
            if "path" in document:
                assert document["path"] == path

    play(scene)
