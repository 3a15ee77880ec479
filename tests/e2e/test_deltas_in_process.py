"""What is new is asked for also after a record of tomorrow, and after the stream's file changed."""

import json

import pytest
import trio

from daemon import commands
from daemon.control import rollback
from daemon.control.rollback_messages import PreviewWish
from daemon.exchange import Response
from daemon.provider_file import ProviderFile
from daemon.restoring import Wish
from daemon.stream_file import Cursor, Stream
from events.schema import RecordsCaptured, SyncFailed, SyncSucceeded
from events.terms import Caller, Guard, Mode
from events.versions import RecordsQuarantined
from tests.fakes.in_process import DAY_S, InProcess, play

pytestmark = pytest.mark.requirement("B5")
BY = Caller(uid=0, role="operator")


class Source(InProcess):
    """Its records by `id`; it shows those of which `sorted_by` is not less than `since`."""

    def __init__(self, key="id", field="at"):
        super().__init__()
        self.records = []
        self.asked = []
        self.down = False
        self.declare(key, field)

    def declare(self, key, field):
        stream = Stream(
            path="/items",
            primary_key=(key,),
            mode=Mode.INCREMENTAL,
            cursor=Cursor(field=field, param="since"),
        )
        self.sorted_by = field
        self.file = ProviderFile(
            name="health", base_url="https://health.example", streams={"items": stream}
        )

    async def send(self, request):
        await trio.sleep(0.1)
        since = request.params.get("since")
        self.asked.append(since)
        found = [
            each for each in self.records if since is None or str(each[self.sorted_by]) >= since
        ]
        body = b"no JSON" if self.down else json.dumps(found).encode()
        return Response(status=200, headers={}, body=body, duration_ms=1)

    async def sync(self, daemon):
        daemon.journal.execute(commands.Request(subject=self.subject))
        await trio.sleep(60)
        return self.events(SyncSucceeded, SyncFailed)[-1].event

    async def roll_back(self, daemon, to):
        await daemon.restorer.go_back(Wish(subject=self.subject, to=to))

    def shown(self):
        page = self.store.show(self.subject, "items", after=None, limit=1000)
        return page.records

    def cursor(self):
        return self.store.position(self.subject, "items").cursor


async def foreseen(source, daemon, to):
    """What a dry run says that the next sync asks for."""
    wish = PreviewWish(connection="acme/health", to=str(to))
    return (await rollback.preview(source.desk(daemon), wish, BY)).streams[0].fetches


def item(number, at, **more):
    return {"id": number, "uuid": f"u{number}", "at": at, **more}


def test_a_record_of_the_future_comes_and_silences_nothing():
    """What it is dated is not asked from: what comes until then would never be seen."""

    async def scene():
        source = Source()
        source.records = [item(1, "2026-03-01T00:00:00Z"), item(2, "2099-01-01T00:00:00Z")]
        async with source.life() as daemon:
            await trio.sleep(60)
            assert [each["id"] for each in source.shown()] == [1, 2]
            for number in range(3, 6):
                await trio.sleep(DAY_S)
                now = daemon.journal.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
                source.records.append(item(number, now))
                assert isinstance(await source.sync(daemon), SyncSucceeded)
                assert source.cursor() == json.dumps(now)
        assert [each["id"] for each in source.shown()] == [1, 2, 3, 4, 5]
        assert source.asked[1] == "2026-03-01T00:00:00Z"

    play(scene)


def test_a_cursor_that_ran_ahead_before_is_given_up():
    async def scene():
        source = Source()
        source.records = [item(1, "2026-03-01T00:00:00Z")]
        async with source.life() as daemon:
            await trio.sleep(60)
            source.store._connection.execute("UPDATE version SET cursor = '\"2099-01-01\"'")
            source.records.append(item(2, "2026-02-01T00:00:00Z"))
            await source.sync(daemon)
            assert source.asked[-1] is None
            assert [each["id"] for each in source.shown()] == [1, 2]
            await source.sync(daemon)
            assert source.asked[-1] == "2026-03-01T00:00:00Z"

    play(scene)


def test_with_another_primary_key_the_rows_of_the_former_one_do_not_stay_beside():
    async def scene():
        source = Source()
        source.records = [item(each, each) for each in range(5)]
        async with source.life() as daemon:
            await trio.sleep(60)
        source.declare("uuid", "at")
        source.records = [item(each, each + 10) for each in range(5)]
        async with source.life() as daemon:
            source.down = True
            assert isinstance(await source.sync(daemon), SyncFailed)
            source.down = False
            await source.sync(daemon)
            assert source.asked[-2:] == [None, None]
            assert sorted(each["id"] for each in source.shown()) == [*range(5)]
            assert source.events(RecordsCaptured)[-1].event.removed == 5
            source.records = [item(7, 20)]
            await source.sync(daemon)
            assert source.asked[-1] == "14"
            assert sorted(each["id"] for each in source.shown()) == [0, 1, 2, 3, 4, 7]

    play(scene)


def test_with_another_primary_key_too_few_records_are_held():
    """What a provider shows without a cursor may be a part of what it showed over the years."""

    async def scene():
        source = Source()
        source.records = [item(each, each) for each in range(30)]
        async with source.life() as daemon:
            await trio.sleep(60)
        source.declare("uuid", "at")
        del source.records[5:]
        async with source.life() as daemon:
            await source.sync(daemon)
            assert source.events(RecordsQuarantined)[-1].event.guard is Guard.SHRUNK
            assert len(source.shown()) == 30
            wish = commands.AcceptHeld(subject=source.subject, stream="items")
            acceptance = daemon.quarantine.accept(wish, daemon.supervisor)
            await acceptance.done.wait()
            assert len(source.shown()) == 5
            await source.sync(daemon)
            assert source.asked[-1] == "4"

    play(scene)


def test_with_another_field_to_follow_it_begins_anew_and_removes_nothing():
    async def scene():
        source = Source(field="id")
        source.records = [item(each, f"2026-03-01T00:00:0{each}Z") for each in range(5)]
        async with source.life() as daemon:
            await trio.sleep(60)
            assert source.cursor() == "4"
        source.declare("id", "at")
        source.records = []
        async with source.life() as daemon:
            await source.sync(daemon)
            assert (source.asked[-1], source.cursor()) == (None, None)
            source.records = [item(0, "2026-03-01T00:00:09Z")]
            await source.sync(daemon)
            assert (source.asked[-1], len(source.shown())) == (None, 5)
            await source.sync(daemon)
            assert source.asked[-1] == "2026-03-01T00:00:09Z"

    play(scene)


@pytest.mark.parametrize(("key", "field"), [("uuid", "at"), ("id", "uuid")])
def test_a_cursor_that_comes_back_belongs_to_the_fields_of_then(key, field):
    async def scene():
        source = Source()
        source.records = [item(each, each) for each in range(5)]
        async with source.life() as daemon:
            await trio.sleep(60)
            good = daemon.journal.head.seq
        source.declare(key, field)
        async with source.life() as daemon:
            await source.sync(daemon)
            there = source.cursor()
            assert "file names another" in await foreseen(source, daemon, good)
            await source.roll_back(daemon, good)
            assert source.cursor() == "4"
            await source.sync(daemon)
            assert (source.asked[-1], source.cursor()) == (None, there)
            assert sorted(each["id"] for each in source.shown()) == [*range(5)]

    play(scene)
