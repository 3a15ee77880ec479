"""Which data was in force then: through clocks set back, what is given up, and copies restored."""

from datetime import timedelta

import pytest
import trio

from daemon import commands
from daemon.control import records, version_then, versions
from daemon.control.data_messages import DataDiffQuery, DataQuery, DataVersionsQuery
from daemon.control.desk import Refused
from daemon.exchange import Request, Response
from daemon.policy_file import PolicyTables
from daemon.provider_file import ProviderFile
from daemon.stream_file import Stream
from events.schema import ClockStepped, RecordsCaptured
from events.terms import Caller
from events.versions import VersionsPruned
from tests.fakes.in_process import NAME, InProcess

pytestmark = pytest.mark.requirement("X4")

BY = Caller(uid=0, role="viewer")
HOUR = timedelta(hours=1)
HERE = {"connection": NAME, "stream": "days"}


class Hourly(InProcess):
    """Its one record counts how often it was asked for."""

    file = ProviderFile(
        name="health",
        base_url="https://health.example",
        streams={"days": Stream(path="/days", records="@", primary_key=("id",))},
    )

    def __init__(self):
        super().__init__()
        self.interval = "1h"
        self.asked = 0

    async def send(self, request: Request) -> Response:
        self.asked += 1
        body = b'[{"id": 1, "turn": %d}]' % self.asked
        return Response(status=200, headers={}, body=body, duration_ms=1, size=len(body))

    async def until(self, count):
        """So many versions are there; how each came into force."""
        with trio.fail_after(86_400):
            while len(self.events(RecordsCaptured)) < count:  # noqa: ASYNC110 - a log tells nobody
                await trio.sleep(1)
        await trio.sleep(1)
        return self.events(RecordsCaptured)


async def turn(desk, when):
    """Which of the answers was in force then."""
    found = await records.data(desk, DataQuery(**HERE, as_of=str(when)), BY)
    return found.records[0]["turn"]


async def refusal(desk, **query):
    with pytest.raises(Refused) as refused:
        await records.data(desk, DataQuery(**HERE, **query), BY)
    return refused.value


async def test_a_version_is_in_force_from_the_event_on_that_recorded_it(autojump_clock):
    made = Hourly()
    async with made.life() as daemon:
        desk = made.desk(daemon)
        came = await made.until(4)
        for number, each in enumerate(came, 1):
            assert await turn(desk, each.seq) == number
            assert await turn(desk, each.at.isoformat()) == number
            assert await turn(desk, f"v{each.event.version}") == number
            if number > 1:
                assert await turn(desk, each.seq - 1) == number - 1
                assert await turn(desk, each.event.version) == number - 1, "its sync had begun"
                earlier = each.at - timedelta(microseconds=1)
                assert await turn(desk, earlier.isoformat()) == number - 1
        before = await refusal(desk, as_of=str(came[0].seq - 1))
        assert before.code == "not-found"
        assert f"came with event {came[0].seq}, 2026-03-01 00:00:" in before.message


async def test_of_an_hour_that_came_twice_the_second_time_counts(autojump_clock):
    made = Hourly()
    async with made.life() as daemon:
        desk = made.desk(daemon)
        first, second = await made.until(2)
        await trio.sleep(1800)
        made.clock.step(-2 * HOUR)
        third = (await made.until(3))[2]
        assert made.events(ClockStepped)
        assert third.at < second.at
        assert await turn(desk, second.seq) == 2
        assert await turn(desk, (third.at - timedelta(seconds=1)).isoformat()) == 2
        assert await turn(desk, third.at.isoformat()) == 3
        assert await turn(desk, daemon.journal.clock.now().isoformat()) == 3
        assert await turn(desk, first.seq) == 1


async def test_what_is_given_up_is_told_as_that(autojump_clock):
    """As pruning leaves it: the oldest version is not in the store any more."""
    made = Hourly()
    async with made.life() as daemon:
        desk = made.desk(daemon)
        first, second, _ = await made.until(3)
        gone, oldest = first.event.version, second.event.version
        made.store._connection.execute("DELETE FROM version WHERE version = ?", (gone,))
        made.store._connection.execute("DELETE FROM record WHERE until <= ?", (oldest,))
        for query in ({"as_of": str(first.seq)}, {"as_of": f"v{gone}"}, {"version": gone}):
            refused = await refusal(desk, **query)
            assert refused.code == "pruned"
            assert f"is not kept any more; the oldest that is: version {oldest}" in refused.message
        assert await turn(desk, second.seq) == 2
        listed = await versions.listing(desk, DataVersionsQuery(**HERE), BY)
        assert (len(listed.versions), listed.oldest) == (2, "pruned")
        with pytest.raises(Refused, match=f"the version before {oldest} of .* not kept any more"):
            await versions.diff(desk, DataDiffQuery(**HERE, to=f"v{oldest}"), BY)
        with pytest.raises(Refused, match=f"version {gone} of .* not kept any more"):
            await versions.diff(desk, DataDiffQuery(**HERE, as_of=f"v{gone}"), BY)
        found = await versions.diff(desk, DataDiffQuery(**HERE), BY)
        assert (found.changed, found.as_of.version) == (1, oldest)


async def test_what_a_removed_connection_had_is_still_shown(autojump_clock):
    made = Hourly()
    async with made.life() as daemon:
        desk = made.desk(daemon)
        first, second = await made.until(2)
        daemon.journal.execute(commands.Remove(subject=made.subject))
        await trio.sleep(1)
        assert await turn(desk, f"v{first.event.version}") == 1
        now = await records.data(desk, DataQuery(**HERE), BY)
        assert (now.records[0]["turn"], now.last_good) == (2, "removed")
        listed = await versions.listing(desk, DataVersionsQuery(**HERE), BY)
        assert [each.event for each in listed.versions] == [second.seq, first.seq]
        found = await versions.diff(desk, DataDiffQuery(**HERE), BY)
        assert (found.changed, found.as_of.version) == (1, first.event.version)
        with pytest.raises(Refused, match="there is no connection acme/nobody"):
            version_then.ask(desk, "acme/nobody", "days", None)


@pytest.mark.requirement("B13")
async def test_what_was_pruned_names_the_event_that_said_so(autojump_clock):
    """Nobody names the provider, as a rule."""
    made = Hourly()
    made.policy = PolicyTables(versions_kept=2, versions_age="1s")
    async with made.life() as daemon:
        desk = made.desk(daemon)
        first = (await made.until(6))[0]
        await trio.sleep(600)
        pruned = made.events(VersionsPruned)[-1].seq
        known = daemon.journal.world.connections[made.subject].streams["days"]
        assert known.pruned_in == pruned
        said = f"is not kept any more (event {pruned}); the oldest that is: version "
        for more in ({}, {"provider": "health"}):
            for when in (f"v{first.event.version}", str(first.seq)):
                refused = await refusal(desk, as_of=when, **more)
                assert refused.code == "pruned"
                assert f"{said}{known.pruned_before}; " in refused.message


async def test_a_version_that_the_store_lost_is_not_passed_over(autojump_clock):
    """The store was put back to an older copy: what is asked of later is not answered with that."""
    made = Hourly()
    async with made.life() as daemon:
        desk = made.desk(daemon)
        first, second = await made.until(2)
        execute = made.store._connection.execute
        execute("UPDATE stream SET head = ?", (first.event.version,))
        execute("DELETE FROM version WHERE version = ?", (second.event.version,))
        execute("DELETE FROM record WHERE until IS NULL")
        execute("UPDATE record SET until = NULL")
        for moment in (str(second.seq), f"v{second.event.version}", second.at.isoformat()):
            refused = await refusal(desk, as_of=moment)
            assert refused.code == "busy"
            assert f"version {second.event.version} of days is recorded" in refused.message
            assert "the next sync makes up for it" in refused.message
        assert await turn(desk, first.seq) == 1
        await made.until(3)
        assert await turn(desk, daemon.journal.head.seq) == 3


async def test_what_is_visible_only_a_moment_later_is_waited_for(autojump_clock):
    made = Hourly()
    async with made.life() as daemon:
        desk = made.desk(daemon)
        first, second = await made.until(2)
        execute = made.store._connection.execute
        for moment in (str(second.seq), f"v{second.event.version}"):
            execute("UPDATE stream SET head = ?", (first.event.version,))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(
                    later, lambda: execute("UPDATE stream SET head = ?", (second.event.version,))
                )
                assert await turn(desk, moment) == 2


async def later(call):
    await trio.sleep(version_then.PAUSE_S * 3)
    call()


async def test_a_moment_and_a_version_exclude_each_other(autojump_clock):
    made = Hourly()
    async with made.life() as daemon:
        desk = made.desk(daemon)
        await made.until(1)
        assert (await refusal(desk, as_of="5", version=5)).code == "invalid"
        assert (await refusal(desk, as_of="2026-03-01T00:00:00")).code == "invalid", "whose time?"
        assert (await refusal(desk, as_of="soon")).code == "invalid"
        with pytest.raises(Refused, match="begin without it"):
            await versions.diff(desk, DataDiffQuery(**HERE, after="x"), BY)
