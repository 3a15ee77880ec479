"""Whatever happened: each event that explains something is there, concerns it, and is the last."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.decide import condition, past_facts, reasons, standing, sync_reasons
from daemon.decide.condition import Ground
from daemon.decide.reasons import Topic
from events.policy import INTERVAL_OF, PolicySet, SettingsDeclared, SettingsSet
from events.schema import (
    FLEET,
    ProviderDeclared,
    RecordsRefused,
    SyncCancelled,
    SyncFailed,
    SyncInterrupted,
    SyncRequested,
    SyncStarted,
    SyncSucceeded,
)
from events.versions import RecordsQuarantined, RolledBack
from projections import health, policy, source, story, why
from projections import world as worlds
from projections.settings import named
from projections.story import Story
from projections.why import Why
from projections.world import World
from tests.laws.test_journal import CONNECTIONS, EPOCH, live, lives

SILENT = {Ground.NO_SYNC, Ground.SCORE}
"""What no event of a stream's own says."""


class Scene:
    """A history up to some event, and what explains a connection then."""

    def __init__(self, written, seq, subject):
        self.written = written[:seq]
        self.world, self.why, self.subject = World(), Why(), subject
        for each in self.written:
            worlds.fold(self.world, each)
            if each.subject == subject:
                self.why = why.evolve(self.why, each)
        self.known = self.world.connections.get(subject)
        self.now = self.written[-1].at if self.written else EPOCH

    def at(self, number):
        """The event of that number, which there must be."""
        assert 0 < number <= len(self.written)
        return self.written[number - 1]

    def last(self, *kinds, subject, stream=None):
        """The number of the last one of any of these kinds."""
        found = [
            each.seq
            for each in self.written
            if each.subject == subject
            and isinstance(each.event, kinds)
            and (stream is None or stream in streams_of(each.event))
        ]
        return found[-1] if found else 0


def streams_of(event):
    """Of which streams it speaks."""
    if isinstance(event, RolledBack):
        return {each.stream for each in event.streams}
    return {event.stream}


@st.composite
def scenes(draw):
    written, _ = live(draw(lives))
    seq = draw(st.integers(1, len(written)))
    found = [Scene(written, seq, subject) for subject in CONNECTIONS]
    return [each for each in found if each.known]


def named_by(scene):
    """Every number that explains something of the connection, with what it is said to be."""
    yield from reasons.of_next(scene.world, scene.subject, scene.why, scene.now)
    yield from reasons.of_account(scene.known, scene.why)
    yield from past_facts.of(scene.known, scene.why)


@pytest.mark.requirement("X2")
@given(scenes())
@settings(max_examples=100)
def test_every_event_that_explains_exists_concerns_it_and_is_the_last_of_its_kind(found):
    for scene in found:
        for reason in named_by(scene):
            if not reason.event:
                assert reason.settings, "without an event, settings make it so"
                continue
            recorded = scene.at(reason.event)
            assert recorded.subject in (scene.subject, scene.known.provider)
            if reason.topic in (Topic.ASKED, Topic.FAILOVER):  # one that was cut short stands again
                assert isinstance(recorded.event, SyncRequested)
                continue
            if reason.topic == "refusal":  # the last few of them
                assert isinstance(recorded.event, RecordsRefused | RecordsQuarantined)
                continue
            kinds = (type(recorded.event),)
            if reason.topic == "asked-to-wait":
                kinds = (SyncSucceeded, SyncFailed)
            assert reason.event == scene.last(*kinds, subject=recorded.subject), reason


@pytest.mark.requirement("X2")
@given(scenes())
@settings(max_examples=100)
def test_what_makes_a_stream_so_is_its_own_and_the_last_of_its_kind(found):
    for scene in found:
        at = scene.world.providers[scene.known.provider]
        for name in condition.names(scene.known, at):
            facts = standing.of_stream(scene.known, at, name, scene.why, scene.now)
            grounds = condition.grounds(scene.known, at, name, scene.now)
            wrong = [each for each in grounds if each not in SILENT]
            assert [each.topic for each in facts][:1] == wrong[:1] or not wrong, (
                "what is wrong has an event"
            )
            for fact in facts:
                recorded = scene.at(fact.event)
                assert recorded.subject == scene.subject
                if isinstance(recorded.event, SyncSucceeded | SyncFailed):
                    streams = {each.stream for each in recorded.event.failures}
                    assert name in streams or "" in streams or not streams
                    continue
                kind = type(recorded.event)
                assert fact.event == scene.last(kind, subject=scene.subject, stream=name)


@pytest.mark.requirement("X2")
@given(scenes())
@settings(max_examples=100)
def test_the_terms_of_a_score_add_up_to_it(found):
    for scene in found:
        counters = scene.known.health
        points = health.score(counters, scene.now)
        succeeded = scene.last(SyncSucceeded, subject=scene.subject)
        terms = standing.terms(counters, scene.why, succeeded, scene.now)
        assert bool(terms) == (points is not None)
        if points is not None:
            assert abs(sum(each.points for each in terms) - points) < 1e-9
        for term in terms:
            if term.part is standing.Part.FAILURES_IN_A_ROW:
                kept = min(term.count, why.FAILURES_KEPT)
                assert len(term.events) == kept
            assert all(
                isinstance(scene.at(each).event, SyncSucceeded | SyncFailed) for each in term.events
            )


@pytest.mark.requirement("X2")
@given(scenes())
@settings(max_examples=100)
def test_a_setting_is_the_one_that_holds_and_its_event_says_so(found):
    for scene in found:
        rules = policy.of_connection(scene.world, scene.subject)
        names = [*PolicySet.__struct_fields__, f"{INTERVAL_OF}days", f"{INTERVAL_OF}alerts"]
        for name in names:
            said = source.of(scene.world, "connection", scene.subject, name)
            if name.startswith(INTERVAL_OF):
                stream = name.removeprefix(INTERVAL_OF)
                own = policy.stream_interval(scene.world, scene.subject, stream)
                assert (said.value if said else None) == own
            else:
                assert (said.value if said else None) == getattr(rules, name)
            if said is None or not said.event:
                continue
            recorded = scene.at(said.event)
            known = scene.known
            scopes = (scene.subject, known.tenant, known.provider, FLEET)
            assert recorded.subject in scopes
            assert _says(recorded.event, name) == said.value


def _says(event, name):
    match event:
        case SettingsSet(settings=given_) | SettingsDeclared(settings=given_):
            return named(given_)[name]
        case PolicySet():
            return getattr(event, name)
        case ProviderDeclared(streams=streams):
            intervals = {each.name: each.interval for each in streams}
            return intervals[name.removeprefix(INTERVAL_OF)]


@pytest.mark.requirement("X2")
@given(scenes())
@settings(max_examples=100)
def test_every_sync_can_be_told_and_ends_as_it_did(found):
    ends = (SyncSucceeded, SyncFailed, SyncCancelled, SyncInterrupted)
    for scene in found:
        own = [each for each in scene.written if each.subject == scene.subject]
        for begun in (each for each in own if isinstance(each.event, SyncStarted)):
            tale = Story(sync=begun.seq)
            for each in own:
                tale = story.evolve(tale, each)
            assert tale.started == begun
            after = [each for each in own if each.seq > begun.seq and isinstance(each.event, ends)]
            ended = [each for each in after if each.event.sync == begun.seq]
            assert [tale.end] == (ended or [None])
            told = sync_reasons.of_start(begun.event, scene.subject, tale.before)
            assert told, "nothing starts that nobody asked for"
            assert all(scene.at(each.event).seq < begun.seq for each in told)
            assert all(scene.at(each.event).subject == scene.subject for each in told)
