"""The read model is what a naive recount of the whole log gives, however it came to be written."""

import random
from collections import Counter, defaultdict
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from daemon.read_model import changed, details, filling, history, standing
from daemon.read_model.facts import Facts
from daemon.read_model.file import Position, ReadModel, Standing
from daemon.read_model.history import Asked
from daemon.read_model.keeping import DAY_S, EVERYTHING
from daemon.read_model.timestamps import iso, seconds
from events import consent, schema, versions
from events.envelope import Recorded
from events.policy import Settings, SettingsSet
from events.schema import FLEET
from events.terms import Kind
from projections import world as worlds
from projections.consent import monitored
from projections.hours import CLASS_AT, FIGURES, HOUR_S
from projections.world import World
from tests.benchmarks.history import BEGIN
from tests.benchmarks.history import history as weeks
from tests.fakes.unwalked import Unwalked
from tests.laws.test_journal import live, lives

HAPPENED = ("member", "consent", "turn", "occurrence", "failure", "retry", "pass", "trace", "hour",
            "day", "stream_hour", "stream_day", "duration_hour", "duration_day", "retry_hour",
            "reporter", "report_hour")  # fmt: skip
STANDS = ("account", "stream", "tenant", "name")
dice = st.randoms(use_true_random=False)


def rows(model, tables=HAPPENED):
    """All that is in these tables, but for when a row of how things stand was written."""
    found = {}
    for table in tables:
        columns = [row[1] for row in model.connection.execute(f"PRAGMA table_info({table})")]
        kept = ", ".join(name for name in columns if name != "changed_at")
        found[table] = sorted(model.connection.execute(f"SELECT {kept} FROM {table}"), key=repr)
    return found


def write(model, facts, events, standing=None):
    for each in events:
        facts.fold(each)
    latest = max(each.at for each in events)
    before = model.position().at
    at = latest if before is None else max(latest, before)
    position = Position(seq=events[-1].seq, at=at)
    model.write(position, facts.take(), facts.members, standing or Standing())


def at_once(written):
    model = ReadModel(None, "one")
    write(model, Facts({}), written)
    return model


def in_portions(written, cut, most=20):
    """Written a few events at a time, in many lives that remember nothing but the file."""
    model, rest = ReadModel(None, "one"), written
    facts = Facts({})
    while rest:
        size = cut.randint(1, most)
        write(model, facts, rest[:size])
        rest = rest[size:]
        if cut.random() < 0.4:
            facts = Facts(model.members(), model.said(), reporters=model.reporters())
    return model


@given(lives, dice)
@settings(max_examples=60)
@pytest.mark.requirement("A13")
def test_portions_and_restarts_make_no_difference(life, cut):
    written, _ = live(life)
    assert rows(in_portions(written, cut)) == rows(at_once(written))


def with_consents(written, seed, share=0.03):
    """The same, but that now and then a tenant says something, or all are believed otherwise."""
    cut = random.Random(seed)
    return [_with_tenants(_or_consent(each, cut, share)) for each in written]


def _or_consent(each, cut, share):
    """Takes the place of what no row of these tables depends on."""
    if not isinstance(each.event, schema.SyncScheduled) or cut.random() > share:
        return each
    subject, event = cut.choice(
        [
            (each.subject + 1000, consent.ConsentWithdrawn()),
            (each.subject + 1000, consent.ConsentGranted()),
            (FLEET, consent.MonitoringSet(consent=cut.choice([*consent.Believed]))),
        ]
    )
    return replace(each, subject=subject, event=event)


def _with_tenants(each):
    """Tenants of their own numbers, which have another share than their connections may have."""
    if isinstance(each.event, schema.ConnectionAdded):
        return replace(each, event=replace(each.event, tenant=each.subject + 1000))
    return each


@pytest.mark.parametrize("seed", [7, 8, 9])
@pytest.mark.requirement("D7")
def test_of_who_does_not_consent_no_details_are_left(seed):
    """In whatever portions; what came after consent was given again is there."""
    written = with_consents(weeks(3, 2500, seed), seed)
    whole = at_once(written)
    assert rows(in_portions(written, random.Random(seed), 60)) == rows(whole)
    said, kept, believed, fetched = {}, Counter(), True, {}
    for each in written:
        match each.event:
            case consent.MonitoringSet(consent=how):
                believed = how is consent.Believed.ASSUMED
            case consent.ConsentGranted() | consent.ConsentWithdrawn():
                said[each.subject] = isinstance(each.event, consent.ConsentGranted)
        for subject in (2, 3, 4):
            if not said.get(subject + 1000, believed):
                kept[subject] = 0
                fetched[subject] = {}
        if isinstance(each.event, schema.SyncSucceeded):
            records = each.event.records if said.get(each.subject + 1000, believed) else None
            fetched.setdefault(each.subject, {})[each.event.sync] = records
        if isinstance(each.event, schema.RecordsCaptured) and said.get(
            each.subject + 1000, believed
        ):
            kept[each.subject] += each.event.added
    for subject in (2, 3, 4):
        for table, key in (("hour", "subject"), ("stream_hour", "connection")):
            sql = f"SELECT coalesce(sum(added), 0) FROM {table} WHERE {key} = ?"
            assert whole.connection.execute(sql, (subject,)).fetchone() == (kept[subject],)
        sql = "SELECT id, records FROM turn WHERE status = 'succeeded' AND connection = ?"
        for sync, records in whole.connection.execute(sql, (subject,)):
            assert records == fetched[subject].get(sync)
    assert sum(kept.values()) > 0
    assert any(fetched.values())


@pytest.mark.parametrize("seed", [7, 8, 9])
@pytest.mark.requirement("D7")
def test_whose_details_may_be_kept_is_what_the_world_says(seed):
    """There is no World where a file is filled: what was said stands in it as well."""
    world, model, facts, said = World(), ReadModel(None, "one"), Facts({}), set()
    for each in with_consents(weeks(3, 400, seed), seed, 0.2):
        worlds.fold(world, each)
        write(model, facts, [each])
        told = [monitored(world, tenant) for tenant in world.tenants]
        kept = model.said()
        assert [details.may_be_kept(kept, tenant) for tenant in world.tenants] == told
        said.add(tuple(told))
    assert len(said) > 4


@pytest.mark.requirement("D7")
def test_what_a_tenant_says_of_consent_looks_at_its_own_connections():
    """However many others have; those too that were removed, or that it had before a restart."""
    written = with_consents(weeks(4, 400), 1, 0)
    written[-1] = replace(written[-1], subject=3, event=schema.ConnectionRemoved())
    model = at_once(written)
    withdrawn = Recorded(seq=401, at=written[-1].at, subject=1003, event=consent.ConsentWithdrawn())
    for after_a_restart in (False, True):
        facts = Facts({})
        for each in written:
            facts.fold(each)
        if after_a_restart:
            facts = Facts(model.members())
        facts.members = Unwalked(facts.members)
        facts.fold(withdrawn)
        assert facts.take().forgotten == {3, 1003}


@pytest.mark.parametrize("cut", [1, 2, 3])
@pytest.mark.requirement("D7")
def test_nor_how_many_records_a_sync_brought_that_ended_just_before(cut):
    """Wherever the log was cut: before it began, before it ended, or before consent went."""
    started = schema.SyncStarted(kind=Kind.SCHEDULED, due=BEGIN, priority=3)
    past = [
        (3, schema.ConnectionAdded(tenant=2, provider=1)),
        (3, started),
        (3, schema.SyncSucceeded(sync=2, duration_ms=9, records=340)),
        (2, consent.ConsentWithdrawn()),
    ]
    written = [
        Recorded(seq=seq, at=BEGIN, subject=subject, event=event)
        for seq, (subject, event) in enumerate(past, 1)
    ]
    model, facts = ReadModel(None, "one"), Facts({})
    for some in (written[:cut], written[cut:]):
        write(model, facts, some)
    found = model.connection.execute("SELECT status, duration_ms, records FROM turn").fetchall()
    assert found == [("succeeded", 9, None)]


def test_filled_by_two_processes_it_is_as_written_by_one(tmp_path):
    """Each has every other subject; what one has is taken in by the other."""
    written = with_consents(weeks(5, 4000), 1)
    drafts = [ReadModel(tmp_path / str(place), "one", draft=True) for place in range(2)]
    of_consent = tuple(details.OF_CONSENT)
    for place, draft in enumerate(drafts):
        some = [
            each
            for each in written
            if each.subject % 2 == place or isinstance(each.event, of_consent)
        ]
        portions = iter([some[:700], some[700:]])
        filling.fill(draft, portions, EVERYTHING, lambda _: None)
    drafts[1].close()
    drafts[0].take_in(tmp_path / "1")
    latest = max(each.at for each in written)
    drafts[0].finish(Position(seq=len(written), block="b1", at=latest))
    found, whole = ReadModel(tmp_path / "0", "one"), at_once(written)
    assert rows(found) == rows(whole)
    assert found.position() == replace(whole.position(), block="b1")
    found.close()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_nor_does_when_old_things_are_forgotten(seed):
    """Over five months of a small fleet, of which two are kept by the hour and three at all."""
    written = weeks(2, 6000, seed)
    whole, parts = at_once(written), in_portions(written, random.Random(seed), 400)
    assert rows(parts) == rows(whole)
    kept = Counter(each[0] for each in rows(whole)["day"])
    assert kept[FLEET] > 30
    (oldest,) = whole.connection.execute("SELECT min(at) FROM occurrence").fetchone()
    assert iso(written[0].at) < oldest <= iso(written[-1].at - timedelta(days=89))


# -- a recount, as one would write it who knows nothing of hours and weights -----------------------


class Recount:
    """Goes through a log event by event, and keeps everything."""

    def __init__(self, written):
        self.figures = defaultdict(Counter)  # (subject, hour's start) → name → sum
        self.turns_up = defaultdict(list)  # subject → (second, how many more are up, are known)
        self.ended = {}  # sync → how
        self.of = {}
        self.up = {}
        attempts = {}
        for each in written:
            self._place(each)
            if isinstance(each.event, schema.SyncStarted):
                attempts[each.seq] = each.event.attempt
            self._count(each, attempts)

    def _place(self, each):
        event, subject = each.event, each.subject
        if isinstance(event, schema.ConnectionAdded):
            self.of[subject] = (event.tenant, event.provider)
            self.up.setdefault(subject, None)
        if isinstance(event, schema.ConnectionRelinked):
            was = self.up[subject]
            self._becomes(each, None)
            self.of[subject] = (self.of[subject][0], event.provider)
            self._becomes(each, was)
        if isinstance(event, schema.ConnectionRemoved):
            self._becomes(each, None)

    def _above(self, subject):
        return (subject, *self.of[subject], FLEET)

    def _becomes(self, each, up):
        was, self.up[each.subject] = self.up[each.subject], up
        change = (bool(up) - bool(was), (up is not None) - (was is not None))
        for subject in self._above(each.subject):
            self.turns_up[subject].append((seconds(each.at), *change))

    def _count(self, each, attempts):
        event, found = each.event, Counter()
        match event:
            case schema.SyncSucceeded():
                found.update(succeeded=1, records=event.records, sync_ms=event.duration_ms)
                self._becomes(each, True)
            case schema.SyncFailed():
                found.update(failed=1, sync_ms=event.duration_ms)
                found[FIGURES[CLASS_AT[event.cause]]] += 1
                self._becomes(each, False)
            case schema.SyncCancelled(replaced=False):
                found["cancelled"] += 1
            case schema.SyncInterrupted():
                found["interrupted"] += 1
            case schema.SyncSkipped():
                found["skipped"] += event.count
            case schema.RecordsCaptured():
                found.update(added=event.added, changed=event.changed, removed=event.removed)
            case schema.RecordsRefused() | versions.RecordsQuarantined():
                found["refused"] += 1
            case schema.CallFailed():
                found["calls_failed"] += 1
        if isinstance(event, schema.SyncSucceeded | schema.SyncFailed) and attempts[event.sync]:
            good = isinstance(event, schema.SyncSucceeded)
            found.update(retries=1, retries_succeeded=good, retries_ms=event.duration_ms)
        if each.subject in self.of:
            for subject in self._above(each.subject):
                start = seconds(each.at) // HOUR_S * HOUR_S
                self.figures[subject, start].update(found)

    def up_s(self, subject, start, end):
        """For how long so many were up, and known, in that time."""
        up = known = 0
        for second, more_up, more_known in self.turns_up[subject]:
            overlap = max(0, end - max(second, start))
            up, known = up + more_up * overlap, known + more_known * overlap
        return up, known


@given(lives, st.sampled_from([HOUR_S, DAY_S]))
@settings(max_examples=60)
@pytest.mark.requirement("D4")
def test_hours_and_days_are_a_recount_of_the_log(life, length):
    """Of every connection, tenant, provider, and the fleet; for how long each was up, too."""
    written, world = live(life)
    model, recount = at_once(written), Recount(written)
    now = max(seconds(each.at) for each in written) + 1000
    first = min(seconds(each.at) for each in written) // length * length
    for subject in {*world.connections, *world.tenants, *world.providers, FLEET}:
        asked = Asked(subject=subject, since=first, now=now, length=length)
        for found in history.bins(model.connection, asked):
            starts = range(found.start, found.start + length, HOUR_S)
            counted = sum((recount.figures[subject, start] for start in starts), Counter())
            levels = {"up_change", "up_weight_s", "known_change", "known_weight_s"}
            told = {name: n for name, n in found.figures.items() if n and name not in levels}
            assert told == {name: n for name, n in counted.items() if n}
            end = min(now, found.start + length)
            assert (found.up_s, found.known_s) == recount.up_s(subject, found.start, end)
            assert sum(found.durations.values()) == counted["succeeded"] + counted["failed"]


@pytest.mark.parametrize("seed", [4, 5, 6])
def test_days_of_which_the_hours_are_gone_say_the_same(seed):
    """Uptime too, which leans on all that was before."""
    written = weeks(3, 6000, seed)
    model, recount = at_once(written), Recount(written)
    now = seconds(written[-1].at)
    asked = Asked(subject=FLEET, since=now // DAY_S * DAY_S - 99 * DAY_S, now=now, length=DAY_S)
    found = history.bins(model.connection, asked)
    assert sum(each.figures["succeeded"] for each in found[:30]) > 0
    for each in found:
        hours = range(each.start, each.start + DAY_S, HOUR_S)
        counted = sum((recount.figures[FLEET, start] for start in hours), Counter())
        assert each.figures["succeeded"] == counted["succeeded"]
        end = min(now, each.start + DAY_S)
        assert (each.up_s, each.known_s) == recount.up_s(FLEET, each.start, end)


# -- how things stand ------------------------------------------------------------------------------


def stands(world, found):
    """The rows of those that changed."""
    return Standing(
        connections=tuple(found.connections),
        accounts=tuple(standing.account(world, each) for each in found.connections),
        streams=tuple(row for each in found.connections for row in standing.streams(world, each)),
        tenants=tuple(standing.tenant(world, each) for each in found.tenants),
        names=tuple((each, f"n{each}") for each in found.names),
        reporters=tuple(found.sources),
        sources=tuple(row for each in found.sources if (row := standing.source(world, each))),
    )


@given(lives, dice)
@settings(max_examples=60)
def test_rows_of_what_changed_are_the_rows_of_all(life, cut):
    """No event changes how something stands without its row being written anew."""
    written, _ = live(life)
    world, model, since = World(), ReadModel(None, "one"), changed.Changed()
    for each in written:
        worlds.fold(world, each)
        changed.note(since, world, each)
        if cut.random() < 0.3:
            model.write(Position(seq=each.seq), None, {}, stands(world, since))
            since = changed.Changed()
    model.write(Position(seq=world.seq), None, {}, stands(world, since))
    whole = ReadModel(None, "one")
    whole.write(Position(seq=world.seq), None, {}, stands(world, changed.everything(world)))
    tables = ("account", "stream", "tenant")
    assert rows(model, tables) == rows(whole, tables)


@given(lives)
@settings(max_examples=20)
def test_what_is_said_of_one_tenant_or_provider_looks_at_its_own(life):
    """However many connections others have; those that were removed are left as they are."""
    _, world = live(life)
    known, world.connections = world.connections, Unwalked(world.connections)
    for subject in {*world.tenants, *world.providers}:
        found = changed.Changed()
        event = SettingsSet(settings=Settings(interval=timedelta(hours=2)))
        said = Recorded(seq=world.seq, at=world.at, subject=subject, event=event)
        changed.note(found, world, said)
        assert set(found.connections) == {
            each
            for each, of in known.items()
            if subject in {of.tenant, of.provider} and not of.removed
        }
