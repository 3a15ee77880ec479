"""Does a write put in doubt what a look at every kept answer would, and nothing else?"""

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from daemon.cache.cache import LABEL_BYTES, Cache
from daemon.cache.reach import Reach, is_below
from daemon.cache.shelf import Shelf
from tests.gateway.test_shelf import ANSWER, here, kept, label

pytestmark = pytest.mark.requirement("E6")

beside = st.sampled_from(["/", "/a", "/a/", "/a.", "/a0", "/a/b", "/a.b"])  # "." and "0" are near
segment = st.sampled_from(["a", "a.", "a0", "b", "", "/"])
path = beside | st.lists(segment, max_size=5).map(lambda segments: "/" + "/".join(segments))
number = st.integers(0, 30)
connection = st.integers(1, 2)
step = st.one_of(
    st.tuples(st.just("put"), number, connection, path, st.booleans()),
    st.tuples(st.just("put"), number, connection, path, st.just(False)),
    st.tuples(st.just("relabel"), number, st.booleans()),
    st.tuples(st.just("drop"), number),
    st.tuples(st.just("forget"), connection),
    st.tuples(st.just("doubt"), connection, path),
)


def naive(cache, connection, written):
    return {
        each.key
        for each in cache.of(connection)
        if not each.doubted and (is_below(written, each.path) or is_below(each.path, written))
    }


@pytest.mark.parametrize("room", [10, 1000], ids=["evicting", "with room for all"])
@given(steps=st.lists(step, max_size=60))
def test_it_is_what_a_look_at_each_would_find(room, steps):
    async def scene():
        cache = Cache(Shelf(None), here, room * 4 * (ANSWER + LABEL_BYTES))
        for kind, *what in steps:
            if kind == "put":
                which, of, at, doubted = what
                one = label(which + 100 * of, of, path=at, doubted=doubted)
                cache.put(one, kept(which))
            elif kind == "relabel":
                for of in (1, 2):
                    found = cache.find(label(what[0] + 100 * of).key)
                    if found is not None:
                        cache.relabel(replace(found, doubted=what[1]))
            elif kind == "drop":
                cache.drop([label(what[0] + 100).key])
            elif kind == "forget":
                cache.forget(*what)
            else:
                of, written = what
                touched = naive(cache, of, written)
                before = {each.key: each for one in (1, 2) for each in cache.of(one)}
                assert cache.doubt(of, written) is bool(touched)
                after = {each.key: each for one in (1, 2) for each in cache.of(one)}
                assert {key for key in after if after[key] != before[key]} == touched
                assert all(after[key].doubted for key in touched)
        await cache.flush()

    trio.run(scene)


@pytest.mark.parametrize("written", ["/items//7", "/items/7;v=1", "//items;x/7/", "/items"])
def test_a_path_that_servers_read_as_another_reaches_what_that_reaches(written):
    reach = Reach()
    reach.add("/items/7", b"key")
    reach.add("/items/70", b"another")
    assert b"key" in reach.take(written)


@given(path=path, above=path)
def test_a_path_lies_below_another_where_that_is_how_its_parts_begin(path, above):
    bare = ([each.partition(";")[0] for each in said.split("/")] for said in (path, above))
    parts, trunk = ([each for each in said if each] for said in bare)
    assert is_below(path, above) is (parts[: len(trunk)] == trunk)
