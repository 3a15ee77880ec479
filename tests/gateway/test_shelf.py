"""What is kept of answers, within which bounds, and what if the disk does not play along?"""

import sqlite3
from datetime import UTC, datetime, timedelta

import pytest
import trio

from daemon.cache.cache import LABEL_BYTES, Cache
from daemon.cache.shelf import Kept, Label, Shelf, ShelfUnusable
from daemon.decide.caching import Lifetime
from tests.fakes.in_process import play

pytestmark = pytest.mark.requirement("E6")

AT = datetime(2026, 3, 1, 12, 0, 0, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)
LIFETIME = Lifetime(fresh=HOUR, while_revalidate=HOUR, if_error=HOUR)
ANSWER = 1024
PLACES = 32  # answers that there is room for
ROOM = PLACES * (ANSWER + LABEL_BYTES)


def label(number, connection=1, path="/days", **more):
    return Label(
        key=number.to_bytes(16, "big"),
        tenant=9,
        connection=connection,
        endpoint=f"GET {path}",
        path=path,
        at=AT,
        lifetime=LIFETIME,
        size=ANSWER,
        **more,
    )


def kept(number):
    return Kept(headers={"etag": str(number)}, body=bytes([number]) * ANSWER)


async def here(call):
    await trio.lowlevel.checkpoint()
    return call()


def cache(shelf, room=ROOM):
    return Cache(shelf, here, room)


def put(cache_, *numbers, connection=1, **more):
    for number in numbers:
        cache_.put(label(number, connection, **more), kept(number))


def test_what_is_put_is_read_before_and_after_it_is_written(tmp_path):
    async def scene():
        shelf = Shelf(tmp_path / "cache")
        first = cache(shelf)
        put(first, 1, etag='"1"')
        assert await first.read(label(1).key) == kept(1)
        await first.flush()
        assert await first.read(label(1).key) == kept(1)
        shelf.close()
        after = cache(Shelf(tmp_path / "cache"))
        assert after.find(label(1).key) == label(1, etag='"1"')
        assert await after.read(label(1).key) == kept(1)

    play(scene)


def test_nobody_else_can_read_the_file(tmp_path):
    Shelf(tmp_path / "cache").close()
    assert (tmp_path / "cache").stat().st_mode & 0o777 == 0o600


def test_what_was_not_used_for_the_longest_goes_first():
    async def scene():
        shelf = Shelf(None)
        kept_ = cache(shelf)
        for number in range(PLACES):
            put(kept_, number, connection=number)
        await kept_.read(label(0).key)
        put(kept_, PLACES, connection=PLACES)
        await kept_.flush()
        left = {each.key for each in shelf.labels()}
        assert label(1).key not in left
        assert label(0).key in left
        assert len(left) == PLACES
        assert kept_.size() <= ROOM

    play(scene)


def test_one_connection_leaves_room_for_others():
    async def scene():
        kept_ = cache(Shelf(None))
        put(kept_, 200, connection=2)
        put(kept_, *range(100))
        assert kept_.size(1) <= ROOM // 4
        assert kept_.find(label(200).key) is not None

    play(scene)


def test_an_answer_that_is_too_large_is_not_kept_and_replaces_the_one_before():
    async def scene():
        kept_ = cache(Shelf(None))
        put(kept_, 1)
        large = Kept(headers={}, body=bytes(ROOM))
        kept_.put(Label(**{**_fields(label(1)), "size": ROOM}), large)
        assert kept_.find(label(1).key) is None

    play(scene)


def test_nothing_is_kept_where_nothing_may_be():
    async def scene():
        kept_ = cache(Shelf(None), room=0)
        put(kept_, 1)
        assert kept_.find(label(1).key) is None

    play(scene)


def test_a_change_puts_in_doubt_what_lies_at_its_path_above_and_below():
    async def scene():
        shelf = Shelf(None)
        kept_ = cache(shelf)
        paths = ["/", "/days", "/days/1", "/days/1/hours", "/days/2", "/daysandnights", "/nights"]
        for number, path in enumerate(paths):
            put(kept_, number, path=path)
        put(kept_, 99, connection=2, path="/days/1")
        assert kept_.doubt(1, "/days/1")
        assert not kept_.doubt(1, "/days/1")
        await kept_.flush()
        doubted = {each.path for each in shelf.labels() if each.doubted and each.connection == 1}
        assert doubted == {"/", "/days", "/days/1", "/days/1/hours"}
        assert not any(each.doubted for each in shelf.labels() if each.connection == 2)

    play(scene)


def test_what_is_dropped_is_gone_from_the_disk():
    async def scene():
        shelf = Shelf(None)
        kept_ = cache(shelf)
        put(kept_, 1, 2)
        await kept_.flush()
        kept_.drop([label(1).key])
        put(kept_, 3)
        kept_.drop([label(3).key])
        await kept_.flush()
        assert [each.key for each in shelf.labels()] == [label(2).key]
        assert [each.key for each in kept_.of(1)] == [label(2).key]

    play(scene)


def test_a_file_that_is_damaged_is_made_anew(tmp_path):
    (tmp_path / "cache").write_bytes(b"no database" * 1000)
    assert Shelf(tmp_path / "cache").labels() == []


def test_an_answer_that_changed_on_the_disk_is_none(tmp_path):
    async def scene():
        shelf = Shelf(tmp_path / "cache")
        first = cache(shelf)
        put(first, 1)
        await first.flush()
        kept_ = cache(shelf)  # with nothing in memory
        other = sqlite3.connect(tmp_path / "cache")
        with other:
            other.execute("UPDATE answer SET body = zeroblob(size)")
        other.close()
        assert await kept_.read(label(1).key) is None
        assert kept_.find(label(1).key) is None

    play(scene)


class Full(Shelf):
    """Its disk is full while it is told so."""

    full = True

    def write(self, put, labels, dropped):
        if self.full:
            raise ShelfUnusable("database or disk is full")
        super().write(put, labels, dropped)


def test_a_full_disk_costs_what_was_to_be_kept_and_nothing_else():
    async def scene():
        shelf = Full(None)
        shelf.full = False
        kept_ = cache(shelf)
        put(kept_, 1, 2)
        await kept_.flush()
        shelf.full = True
        put(kept_, 3)
        kept_.relabel(label(1, doubted=True))
        await kept_.flush()
        assert kept_.find(label(3).key) is None
        assert kept_.find(label(1).key) is None  # it would be as good as new after a restart
        assert await kept_.read(label(2).key) == kept(2)
        put(kept_, 4)
        assert kept_.find(label(4).key) is None  # not at once again
        await trio.sleep(61)
        shelf.full = False
        put(kept_, 5)
        await kept_.flush()
        assert {each.key for each in shelf.labels()} == {label(2).key, label(5).key}

    play(scene)


def _fields(label_):
    return {name: getattr(label_, name) for name in label_.__struct_fields__}


def test_a_file_that_cannot_be_opened_is_said_to_be_unusable_and_left_alone(tmp_path):
    (tmp_path / "cache").mkdir()
    with pytest.raises(ShelfUnusable):
        Shelf(tmp_path / "cache")
    assert (tmp_path / "cache").is_dir()
