"""Does an answer, kept or shared or batched, ever reach another than whose it is?"""

import json
from collections import Counter
from itertools import groupby, product

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from daemon.cache.cache import LABEL_BYTES, SHARE
from daemon.connect import connect
from daemon.exchange import CallLost
from daemon.gateway.call import HeldBack, Source
from daemon.secret import Secret
from tests.fakes.in_process import NAME, play
from tests.gateway.programs import DOWN, OTHER, Programs

SECOND = f"{NAME}/second"  # of the same tenant, and of another account
NAMES = (NAME, SECOND, OTHER)
ITEMS = ("/items/1", "/items/2", "/items/3")
PATHS = ("/days", "/days?page=2", *ITEMS, "/goal", "/a", "/b", "/c")
PLACES = 5  # answers of one connection that there is room for: fewer than there are paths
ANSWER = 100  # bytes, and more than any of them has
ROOM = SHARE * PLACES * (LABEL_BYTES + ANSWER)
ENDPOINTS = {
    "/days": {"fresh_s": 5, "stale_while_revalidate_s": 10},
    "/items/{id}": {"batch": {"path": "/items?ids={ids}", "key": "id", "wait_s": 0.5}},
    "/goal": {"debounce_s": 0.3},
}

ask = st.tuples(
    st.just("ask"),
    st.sampled_from(NAMES),
    st.sampled_from(PATHS),
    st.sampled_from(["GET", "GET", "GET", "GET", "PUT", "POST"]),
    st.sampled_from([False, False, True]),
)
crowd = st.tuples(
    st.just("crowd"),
    st.sampled_from([ITEMS, ("/goal",), ("/days",), *((path,) for path in PATHS)]),
    st.sampled_from(["GET", "GET", "PUT"]),
    st.booleans(),
)
rest = st.tuples(st.just("rest"), st.sampled_from([0.1, 1.0, 7.0, 7.0, 40.0]))
weather = st.tuples(st.just("weather"), st.sampled_from([False, False, True]))
moves = st.tuples(st.just("moves"), st.sampled_from(NAMES))
restart = st.tuples(st.just("restart"))
step = st.one_of(*[ask] * 4, *[crowd] * 4, rest, rest, rest, weather, moves, restart)


class Told(Struct, frozen=True, kw_only=True):
    """What a program was told that asked as a connection, while that was of these accounts."""

    name: str
    accounts: range
    path: str
    document: dict[str, object]


class World:
    """A provider that says whom it answers, and programs that note who was told what.

    Each connection has a credential of its own, and after it `moves` another one, of the next
    account. What is `amiss` the provider saw itself; of what came about there is a `seen` each.
    """

    def __init__(self, seen):
        self.programs = Programs(endpoints=ENDPOINTS, auth={"kind": "api_key", "header": "X-Key"})
        self.programs.names = NAMES
        self.programs.cache_bytes_max = ROOM
        self.programs.answer = self.answer
        self.down = False
        self.begun = Counter()  # which account it is, or is about to be
        self.account = Counter()
        self.versions = Counter()  # by whose it is: how often they wrote
        self.told = []
        self.amiss = []
        self.seen = seen

    def answer(self, arrived):
        if self.down:
            return DOWN
        name, account = json.loads(arrived.credential)
        whose = {"whose": name, "account": account}
        if arrived.body is not None:
            self._read(json.loads(arrived.body), name)
            self.versions[name] += 1
        if "ids=" in arrived.path:
            self.seen["batched"] += 1
            ids = arrived.path.partition("ids=")[2].split(",")
            return json.dumps([{"id": each, **whose} for each in ids]).encode()
        about = [name, account, arrived.path]
        tag = arrived.headers.get("if-none-match")
        if tag is not None and json.loads(tag[3:-1].replace("'", '"'))[:3] != about:
            self.amiss.append((tag, about))
        ours = "W/" + json.dumps([*about, self.versions[name]]).replace('"', "'").join('""')
        if tag == ours:
            self.seen["unchanged"] += 1
            return 304, {}, b""
        return 200, {"etag": ours}, json.dumps({**whose, "path": arrived.path}).encode()

    def _read(self, written, name):
        if written["whose"] != name:
            self.amiss.append((written, name))

    async def ask(self, daemon, name, path, method="GET", fresh=False):
        wish = {"method": method, "fresh": fresh, "body": None}
        if method != "GET":
            wish["body"] = json.dumps({"whose": name}).encode()
        first = self.account[name]
        try:
            answer = await self.programs.ask(daemon, path, name=name, timeout_s=20, **wish)
        except (CallLost, HeldBack):
            return
        self.seen[answer.brought.source, method] += 1
        self.seen["stale"] += answer.brought.stale
        accounts = range(first, self.begun[name] + 1)
        document = json.loads(answer.brought.body)
        self.told.append(Told(name=name, accounts=accounts, path=path, document=document))

    async def move(self, daemon, name):
        """It is another account from when this is said to be done."""
        self.begun[name] += 1
        credential = Secret(json.dumps([name, self.begun[name]]))
        parts = daemon.journal, self.programs.vault, daemon.storage
        recorded = await connect(*parts, name, self.programs.file, credential=credential)
        await daemon.journal.durable(recorded)
        self.account[name] = self.begun[name]

    async def live(self, steps):
        async with self.programs.life() as daemon, trio.open_nursery() as nursery:
            if not self.account:
                for name in NAMES:
                    await self.move(daemon, name)
            for kind, *rest in steps:
                if kind == "ask":
                    nursery.start_soon(self.ask, daemon, *rest)
                elif kind == "crowd":
                    paths, *more = rest
                    for name, path in product(NAMES * 2, paths):
                        nursery.start_soon(self.ask, daemon, name, path, *more)
                elif kind == "weather":
                    (self.down,) = rest
                elif kind == "moves":
                    await self.move(daemon, *rest)
                else:
                    await trio.sleep(*rest)
        for name in NAMES:
            kept = daemon.cache.of(self.programs.known_as(name))
            assert len(kept) <= PLACES
            self.seen["crowded"] += len(kept) == PLACES

    def check(self):
        assert self.amiss == []
        for each in self.told:
            assert each.document["whose"] == each.name
            assert each.document["account"] in each.accounts
            assert each.document.get("path", each.path) == each.path
            assert each.document.get("id", each.path[-1]) == each.path[-1]


EVERY_WAY = {
    *((source, "GET") for source in (Source.PROVIDER, Source.SHARED, Source.CACHE)),
    *((source, "PUT") for source in (Source.PROVIDER, Source.SHARED)),
    *("batched", "unchanged", "stale", "crowded"),
}


@pytest.mark.requirement("E6")
@pytest.mark.requirement("A16")
def test_no_answer_ever_crosses():
    seen = Counter()

    @settings(max_examples=40)
    @given(steps=st.lists(step, min_size=20, max_size=80), random=st.random_module())
    def law(steps, random):
        async def scene():
            world = World(seen)
            for restarts, life in groupby(steps, lambda each: each[0] == "restart"):
                if not restarts:
                    await world.live(life)
            world.check()

        play(scene)

    law()
    assert {each for each in EVERY_WAY if not seen[each]} == set(), "the law looked at each"
