"""Does memory ever say anything else than the disk, of what is kept and of what is gone?"""

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from daemon.cache.cache import LABEL_BYTES, REST_S, Cache
from daemon.cache.recent import ENTRY_BYTES, Recent
from daemon.cache.shelf import Kept, Shelf
from tests.fakes.in_process import play
from tests.gateway.test_shelf import ANSWER, Full, here, label

pytestmark = pytest.mark.requirement("E6")

NUMBERS = 8
CONNECTIONS = (1, 2)
ROOM = 16 * (ANSWER + LABEL_BYTES)  # an answer may have a sixteenth, a connection a quarter of it
RECENT = 2 * (ANSWER + ENTRY_BYTES)
LARGEST = ANSWER + ENTRY_BYTES  # with headers, an answer of full size is too large

which = st.tuples(st.sampled_from(CONNECTIONS), st.integers(0, NUMBERS - 1))
size = st.sampled_from([0, 10, ANSWER // 2, ANSWER - 20, ANSWER, 2 * ANSWER])
step = st.one_of(
    st.tuples(st.just("put"), which, size),
    st.tuples(st.just("read"), which),
    st.tuples(st.just("relabel"), which, st.booleans()),
    st.tuples(st.just("doubt"), st.sampled_from(CONNECTIONS)),
    st.tuples(st.just("drop"), which),
    st.tuples(st.just("forget"), st.sampled_from(CONNECTIONS)),
    st.tuples(st.just("flush"), st.booleans()),
    st.tuples(st.just("rest")),
)

one_answer = st.just((1, 1))
at_once = st.one_of(
    st.tuples(st.just("read"), one_answer),
    st.tuples(st.just("put"), one_answer, st.sampled_from([10, ANSWER])),  # kept in memory, or not
    st.tuples(st.just("drop"), one_answer),
    st.tuples(st.just("flush"), st.just(False)),
)
"""What meets at one answer, each as it may be under way while others begin."""


def key(which):
    of, number = which
    return label(number + 100 * of).key


async def does(cache, shelf, number, kind, *what):
    """The step of that number, which what it puts tells; what it answers, if anything."""
    match kind, *what:
        case "put", (of, one), size:
            text = f"{number}"
            put = replace(label(one + 100 * of, of, etag=text), size=size)
            cache.put(put, Kept(headers={"etag": text}, body=text.encode().ljust(size)))
        case "read", which:
            return await cache.read(key(which))
        case "relabel", which, doubted:
            if (found := cache.find(key(which))) is not None:
                cache.relabel(replace(found, doubted=doubted))
        case "doubt", of:
            return cache.doubt(of, "/days")
        case "drop", which:
            cache.drop([key(which)])
        case "forget", of:
            cache.forget(of)
        case "flush", full:
            shelf.full = full
            await cache.flush()
        case ("rest",):
            await trio.sleep(REST_S)
    return None


@given(steps=st.lists(step, max_size=60))
def test_answers_are_those_of_a_cache_without_memory(steps):
    async def scene():
        recent = Recent(RECENT, LARGEST)
        shelves = Full(None), Full(None)
        with_memory = Cache(shelves[0], here, ROOM, recent)
        without = Cache(shelves[1], here, ROOM, Recent(0, 0))
        for number, (kind, *what) in enumerate(steps):
            answer = await does(with_memory, shelves[0], number, kind, *what)
            assert answer == await does(without, shelves[1], number, kind, *what)
            assert recent.size() <= RECENT
            for of in CONNECTIONS:
                assert with_memory.of(of) == without.of(of)
                for one in range(NUMBERS):
                    remembered = recent.find(key((of, one)))
                    found = with_memory.find(key((of, one)))
                    assert remembered is None or found.etag == remembered.headers["etag"]

    play(scene)


@given(steps=st.lists(st.tuples(at_once, st.integers(0, 5)), max_size=40))
def test_what_is_read_while_it_changes_is_what_is_known_when_it_is_there(steps):
    async def slowly(call):
        for _ in range(2):
            await trio.lowlevel.checkpoint()
        found = call()
        for _ in range(2):
            await trio.lowlevel.checkpoint()
        return found

    async def scene():
        shelf = Full(None)
        cache = Cache(shelf, slowly, ROOM, Recent(RECENT, LARGEST))

        async def run(number, kind, *what):
            answer = await does(cache, shelf, number, kind, *what)
            if kind == "read":
                found = cache.find(key(what[0]))
                assert (answer and answer.headers["etag"]) == (found and found.etag)

        async with trio.open_nursery() as nursery:
            for number, (each, turns) in enumerate(steps):
                nursery.start_soon(run, number, *each)
                for _ in range(turns):
                    await trio.lowlevel.checkpoint()

    play(scene)


@pytest.mark.parametrize(
    ("then", "given"),
    [(("drop", (1, 1)), None), (("forget", 1), None), (("put", (1, 1), 10), "1")],
    ids=["drop", "forget", "put"],
)
def test_what_goes_while_the_disk_is_read_is_not_given_then_or_later(then, given):
    async def scene():
        changes = []

        async def run(call):
            found = await here(call)
            while changes:
                await does(cache, shelf, 1, *changes.pop())
            return found

        shelf = Full(None)
        shelf.full = False
        first = Cache(shelf, here, ROOM)
        await does(first, shelf, 0, "put", (1, 1), 10)
        await first.flush()
        cache = Cache(shelf, run, ROOM)
        changes.append(then)
        for _ in range(2):
            found = await cache.read(key((1, 1)))
            assert (found and found.headers["etag"]) == given

    play(scene)


def test_what_is_in_memory_waits_for_no_disk_and_lets_others_have_their_turn():
    async def scene():
        runs = []

        async def run(call):
            runs.append(call)
            return await here(call)

        shelf = Shelf(None)
        first = Cache(shelf, run)
        await does(first, shelf, 0, "put", (1, 1), 10)
        await first.flush()
        again = Cache(shelf, run)
        for cache, once in ((first, 0), (again, 1)):
            runs.clear()
            for _ in range(3):
                with trio.testing.assert_checkpoints():
                    assert (await cache.read(key((1, 1)))).headers == {"etag": "0"}
            assert len(runs) == once

    play(scene)


def test_those_used_last_stay_within_their_bounds():
    def kept(length):
        return Kept(headers={"etag": "1"}, body=bytes(length - ENTRY_BYTES - len("etag1")))

    recent = Recent(3000, 1000)
    for name in (b"a", b"b", b"c", b"a", b"d"):
        recent.use(name, kept(1000))
    assert [recent.find(name) is not None for name in (b"a", b"b", b"c", b"d")] == [1, 0, 1, 1]
    recent.use(b"c", kept(1001))
    assert recent.find(b"c") is None
    recent.drop(b"a")
    recent.use(b"d", kept(999))
    assert recent.size() == 999
