"""Is nothing kept of a tenant who does not consent, but what syncing goes by?"""

import pytest
import trio
from msgspec.structs import replace

from daemon import commands
from daemon.control import act, consent, drift, history, reporting, sourcing
from daemon.control.account_messages import SyncWish
from daemon.control.consent_messages import ConsentOf, ConsentWish
from daemon.control.desk import Refused
from daemon.control.drift_messages import DriftQuery, OfSource
from daemon.control.history_messages import HistoryQuery
from daemon.control.source_messages import Metrics, MetricsWish, SourceName, SourceWish
from daemon.exchange import Response
from daemon.host_settings import MonitoringSettings
from daemon.provider_file import ProviderFile
from daemon.store import profiles
from daemon.store.core import StoreFull
from daemon.stream_file import Stream
from events.consent import Believed, ConsentGranted, ConsentWithdrawn, MonitoringSet
from events.sources import Pattern
from events.terms import Caller
from tests.fakes.in_process import NAME, InProcess, play
from tests.fakes.unwalked import Unwalked

pytestmark = pytest.mark.requirement("D7")

BY = Caller(uid=0, role="admin")
MANY = b"[" + b",".join(b'{"id": %d, "secretive_field": 1}' % each for each in range(40)) + b"]"


class Home(InProcess):
    """One tenant, whose records all look alike; and what the configuration believes."""

    def __init__(self, believed="assumed"):
        super().__init__()
        self.believed = believed
        self.file = ProviderFile(
            name="health",
            base_url="https://health.example",
            streams={
                "steps": Stream(path="/steps", primary_key=("id",), watch=("secretive_field",))
            },
        )

    async def send(self, request):
        return Response(status=200, headers={}, body=MANY, duration_ms=1)

    def _configuration(self):
        found = super()._configuration()
        monitoring = MonitoringSettings(consent=self.believed)
        return replace(found, settings=replace(found.settings, monitoring=monitoring))

    def kept(self):
        """Which versions have something kept of what their records look like, or hold."""
        found = self.store.ask(
            lambda connection: connection.execute(
                "SELECT version FROM version WHERE profile IS NOT NULL "
                "UNION SELECT version FROM measured"
            ).fetchall()
        )
        return [version for (version,) in found]

    async def sync(self, daemon):
        await act.sync(self.desk(daemon), SyncWish(connection=NAME), BY)
        await trio.sleep(60)  # no sync takes that long


def scene(act_, believed="assumed"):
    made = []

    async def playing():
        home = Home(believed)
        made.append(home)
        async with home.life() as daemon:
            await trio.sleep(5)  # its first sync is over
            await act_(home, daemon, home.desk(daemon))

    play(playing)
    return made[0]


def wish(words=None):
    return ConsentWish(tenant="acme", words=words)


def test_of_who_consents_it_is_kept_what_records_look_like():
    async def check(home, daemon, _):
        await home.sync(daemon)
        assert len(home.kept()) == 2

    scene(check)


def test_where_consent_is_required_and_not_given_it_is_not():
    async def check(home, daemon, desk):
        await home.sync(daemon)
        assert home.kept() == []
        shown = await consent.show(desk, ConsentOf(tenant="acme"), BY)
        assert (shown.monitored, shown.said, shown.believed) == (False, None, "required")
        await consent.grant(desk, wish(), BY)
        await home.sync(daemon)
        assert len(home.kept()) == 1

    home = scene(check, "required")
    assert [each.event for each in home.events(MonitoringSet)] == [
        MonitoringSet(consent=Believed.REQUIRED)
    ]


def test_what_was_kept_goes_when_consent_is_withdrawn_and_nothing_comes_after_it():
    async def check(home, daemon, desk):
        assert home.kept()
        done = await consent.withdraw(desk, wish("by telephone"), BY)
        assert "from now on no details of acme are kept" in done.message
        assert "the log keeps what it holds" in done.message
        assert home.kept() == []
        await home.sync(daemon)
        assert home.kept() == []
        again = await consent.withdraw(desk, wish(), BY)
        assert (again.events, again.message) == ([], "had withdrawn it already")

    scene(check)


def test_of_a_connection_that_was_removed_it_goes_too_and_nobody_walks_over_all_for_it():
    async def check(home, daemon, desk):
        daemon.journal.execute(commands.Remove(subject=home.subject))
        assert home.kept()
        world = desk.journal.world
        known, world.connections = world.connections, Unwalked(world.connections)
        try:
            await consent.withdraw(desk, wish(), BY)
        finally:
            world.connections = known
        assert home.kept() == []

    scene(check)


def test_the_next_life_forgets_what_the_last_one_died_before_it_could():
    async def check(home, daemon, desk):
        forget = home.store.change

        def on_a_full_disk(change):
            if getattr(change, "func", None) is profiles.forget:
                raise StoreFull
            return forget(change)

        home.store.change = on_a_full_disk
        done = await consent.withdraw(desk, wish(), BY)
        home.store.change = forget
        assert "deleted once the disk, which is full, has room" in done.message
        assert home.kept()

    made = []

    async def playing():
        home = Home()
        made.append(home)
        async with home.life() as daemon:
            await trio.sleep(5)
            await check(home, daemon, home.desk(daemon))
        async with home.life():
            await trio.sleep(5)
            assert home.kept() == []

    play(playing)


def test_what_a_full_disk_left_of_before_goes_before_anybody_consents_again():
    async def check(home, daemon, desk):
        change = home.store.change

        def on_a_full_disk(wish):
            raise StoreFull

        home.store.change = on_a_full_disk
        await consent.withdraw(desk, wish(), BY)
        assert home.kept()
        with pytest.raises(Refused, match="has to be deleted first") as refused:
            await consent.grant(desk, wish(), BY)
        assert refused.value.code == "disk-full"
        assert (await consent.show(desk, ConsentOf(tenant="acme"), BY)).said == "withdrawn"
        home.store.change = change
        await consent.grant(desk, wish(), BY)
        assert home.kept() == []

    scene(check)


def test_in_whose_words_lies_in_the_vault_and_in_no_event():
    async def check(home, daemon, desk):
        await consent.withdraw(desk, wish("Ann, by telephone"), BY)
        await consent.grant(desk, wish("Ann, in a letter"), BY)
        shown = await consent.show(desk, ConsentOf(tenant="acme"), BY)
        assert (shown.said, shown.words, shown.by) == ("granted", "Ann, in a letter", BY)
        again = await consent.grant(desk, wish("Bob, who was not asked"), BY)
        assert again.events == []
        shown = await consent.show(desk, ConsentOf(tenant="acme"), BY)
        assert shown.words == "Ann, in a letter"

    home = scene(check)
    assert [each.event.words for each in home.events(ConsentGranted, ConsentWithdrawn)] == [1, 1]
    assert not [row for row in home.disk.rows if b"Ann" in row[3]]


def test_nobody_consents_for_a_tenant_that_is_not_there():
    async def check(home, daemon, desk):
        for call in (consent.grant, consent.withdraw):
            with pytest.raises(Refused) as refused:
                await call(desk, ConsentWish(tenant="nobody"), BY)
            assert refused.value.code == "not-found"

    scene(check)


@pytest.mark.requirement("D5")
def test_of_who_does_not_consent_nobody_judges_what_comes():
    async def check(home, daemon, desk):
        await home.sync(daemon)
        query = DriftQuery(connection=NAME)
        assert (await drift.drift(desk, query, BY)).streams
        await consent.withdraw(desk, wish(), BY)
        for ask in (drift.drift, drift.drift_backtest):
            with pytest.raises(Refused, match="rounds consent grant acme") as refused:
                await ask(desk, query, BY)
            assert refused.value.code == "not-allowed"
        with pytest.raises(Refused, match="rounds consent grant acme"):
            await drift.calculate_data_drift(desk, OfSource(tenant="acme", source="health"), BY)
        await consent.grant(desk, wish(), BY)
        await home.sync(daemon)
        assert (await drift.drift(desk, query, BY)).streams, "what came before is in the log"

    scene(check)


def test_of_who_does_not_consent_no_day_says_how_many_records_a_source_reported():
    async def check(_, __, desk):
        source = "acme/phone"
        await sourcing.add(desk, SourceWish(source=source, pattern=Pattern.MANUAL), BY)
        said = MetricsWish(tenant="acme", source="phone", metrics=Metrics(syncs=3, records=77))
        await reporting.update_sync_health_metrics(desk, said, BY)

        async def told():
            (day,) = (await sourcing.show(desk, SourceName(source=source), BY)).days
            seen = await history.get_sync_health_history(desk, HistoryQuery(connection=source), BY)
            return (day.syncs, day.records), (seen.report_total.syncs, seen.report_total.records)

        assert await told() == ((3, 77), (3, 77))
        await consent.withdraw(desk, wish(), BY)
        assert await told() == ((3, 0), (3, 0))

    scene(check)
