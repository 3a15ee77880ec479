"""Has what a connection's streams bring drifted from what they usually bring, and would it have?

Each period is judged in a turn of its own, so that nobody else waits.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import trio
from msgspec import Struct
from msgspec.structs import replace

from daemon import came
from daemon.came import Place
from daemon.control import value_drift, whose
from daemon.control.desk import Desk, Refused
from daemon.control.drift_messages import (
    DataDrift,
    DriftAnswer,
    DriftBacktest,
    DriftQuery,
    OfSource,
    SourceDrift,
    StreamAlarms,
    StreamDrift,
)
from daemon.decide import condition
from daemon.past import PastUnavailable
from daemon.shape import Shape
from daemon.store import shapes
from events.terms import Caller
from projections import arrivals, baseline, consent, freshness, policy
from projections import drift as drifts
from projections.arrivals import Came, Capture, Series, Step
from projections.connection import Connection
from projections.drift import ALARMS, RECENT, Rule, Verdict, Word
from projections.streams import NEW

HOURS_JUDGED_MAX = 1000  # of a backtest: six weeks, at some 5 ms each
RESHAPED_MAX = 20  # that are told, the newest of them
A_MONTH = timedelta(days=30)
NO_CONSENT = (
    "{tenant} does not consent to detailed monitoring, so nobody judges what its streams bring; "
    "if it does now: rounds consent grant {tenant}"
)


class _Scene(Struct, frozen=True, kw_only=True):
    """Whose drift is asked for, and what came."""

    name: str
    subject: int
    known: Connection
    seq: int
    now: datetime
    since: datetime
    zone: str
    rule: Rule
    rules: Mapping[str, Rule]
    streams: list[str]
    came: Came


async def drift(desk: Desk, wish: DriftQuery, by: Caller) -> DriftAnswer:
    """The last whole period of each stream, and how fresh it is."""
    subject, _ = desk.find(wish.connection)
    scene = await _scene(desk, wish, subject)
    found = [await _stream(scene, each) for each in scene.streams]
    shaped = [replace(each, shape=await _shape(desk, scene, each.stream)) for each in found]
    since = await _begin(desk, scene.since)
    told = await value_drift.of_last(desk, subject, shaped, since, scene.rule)
    return DriftAnswer(**_head(scene), streams=told)


async def drift_backtest(desk: Desk, wish: DriftQuery, by: Caller) -> DriftBacktest:
    """Every period that there was, judged by what lay before it: what would have alarmed."""
    subject, _ = desk.find(wish.connection)
    scene = await _scene(desk, wish, subject)
    found = [await _alarms(scene, each) for each in scene.streams]
    since = await _begin(desk, scene.since)
    told = await value_drift.of_each(desk, subject, found, since, scene.rule)
    return DriftBacktest(**_head(scene), streams=told)


async def calculate_data_drift(desk: Desk, wish: OfSource, by: Caller) -> DataDrift:
    """Under the document's name: percent off the expected, of a source of a tenant."""
    (subject, _), stream = await _of_source(desk, wish)
    name = desk.vault.name(subject)
    scene = await _scene(desk, DriftQuery(connection=name, stream=stream), subject)
    found = [await _stream(scene, each) for each in scene.streams]
    return DataDrift(
        seq=scene.seq,
        now=scene.now,
        tenant=wish.tenant,
        source=wish.source,
        connection=name,
        drifts=[_told(each) for each in found],
    )


async def _came(desk: Desk, subject: int, since: datetime) -> Came:
    """Raises Refused where that is too much, or cannot be said now."""
    reading = desk.reading if desk.live else None
    place = Place(journal=desk.journal, past=desk.past, reading=reading)
    try:
        return await came.came(place, subject, since)
    except came.TooMany as many:
        raise Refused("invalid", str(many)) from None
    except PastUnavailable as unavailable:
        raise Refused("busy", str(unavailable)) from None


async def _of_source(desk: Desk, wish: OfSource) -> tuple[whose.Known, str | None]:
    """Its connection, and the stream where one is named. Raises Refused."""
    try:
        return await whose.one(desk, wish.tenant, wish.source), None
    except Refused as refused:
        provider, _, stream = wish.source.rpartition("/")
        if refused.code != "not-found" or not provider:
            raise
    return await whose.one(desk, wish.tenant, provider), stream


async def _scene(desk: Desk, wish: DriftQuery, subject: int) -> _Scene:
    world, now = desk.journal.world, desk.journal.clock.now()
    _check_consent(desk, subject)
    known, rules = world.connections[subject], policy.of_connection(world, subject)
    there = [*condition.names(known, world.providers[known.provider])]
    if wish.stream is not None and wish.stream not in there:
        raise Refused("not-found", _no_stream(wish.connection, wish.stream, there))
    since = now - timedelta(days=wish.days)
    return _Scene(
        name=wish.connection,
        subject=subject,
        known=known,
        seq=world.seq,
        now=now,
        since=since,
        zone=rules.timezone,
        rule=_asked(wish, Rule(threshold=rules.drift_threshold, percent=rules.drift_percent)),
        rules={each: _asked(wish, policy.drift_rule(world, subject, each)) for each in there},
        streams=[wish.stream] if wish.stream is not None else there,
        came=await _came(desk, subject, since),
    )


def _asked(wish: DriftQuery, rule: Rule) -> Rule:
    """What was named with the question goes before all settings."""
    return Rule(
        threshold=rule.threshold if wish.threshold is None else wish.threshold,
        percent=rule.percent if wish.percent is None else wish.percent,
    )


def _check_consent(desk: Desk, subject: int) -> None:
    """How much comes when is a detail. Raises Refused."""
    world = desk.journal.world
    if not consent.of_connection(world, subject):
        tenant = desk.vault.name(world.connections[subject].tenant)
        raise Refused("not-allowed", NO_CONSENT.format(tenant=tenant))


def _no_stream(connection: str, stream: str, there: Sequence[str]) -> str:
    return f"{connection} has no stream {stream}; it has: {', '.join(there) or 'none'}"


def _head(scene: _Scene) -> dict[str, Any]:
    return {
        "seq": scene.seq,
        "now": scene.now,
        "connection": scene.name,
        "zone": scene.zone,
        "since": scene.since,
        "threshold": scene.rule.threshold,
        "percent": scene.rule.percent,
    }


def _series(scene: _Scene, stream: str) -> tuple[Series, list[Capture]]:
    captures = [each for each in scene.came.captures if each.stream == stream]
    step = arrivals.step_of(captures, scene.now)
    return arrivals.series(captures, scene.came.pauses, step, scene.zone, scene.now), captures


async def _stream(scene: _Scene, stream: str) -> StreamDrift:
    series, captures = _series(scene, stream)
    rule = scene.rules[stream]
    judged = await _judged(series, rule, RECENT)
    return StreamDrift(
        stream=stream,
        step=series.step,
        periods=len(series.points),
        verdict=judged[-1] if judged else None,
        freshness=freshness.of(captures, scene.now, rule),
        brought_at=max((each.at for each in captures if each.new), default=None),
        reshaped=[each for each in scene.came.reshaped if each.stream == stream][-RESHAPED_MAX:],
        threshold=rule.threshold,
        percent=rule.percent,
    )


async def _shape(desk: Desk, scene: _Scene, stream: str) -> Shape | None:
    """How its fields have changed since then, as far as versions are kept."""
    at = scene.known.streams.get(stream, NEW)
    question = partial(
        shapes.shape,
        subject=scene.subject,
        stream=stream,
        provider=desk.vault.name(scene.known.provider),
        since=await _begin(desk, scene.since),
        to=at.version,
    )
    return await desk.storage.ask(question) if at.version else None


async def _begin(desk: Desk, since: datetime) -> int:
    """The number of the last event before that."""
    try:
        return await came.begin(desk.past, since)
    except PastUnavailable as unavailable:
        raise Refused("busy", str(unavailable)) from None


async def _alarms(scene: _Scene, stream: str) -> StreamAlarms:
    series, _ = _series(scene, stream)
    most = HOURS_JUDGED_MAX if series.step is Step.HOUR else len(series.points)
    rule = scene.rules[stream]
    found = await _judged(series, rule, most)
    alarms = [each for each in found if each.word in ALARMS]
    judged = sum(bool(each.baseline) and each.word is not Word.IRREGULAR for each in found)
    runs = sum(each.in_a_row == 1 for each in alarms)
    length = judged * (arrivals.AN_HOUR if series.step is Step.HOUR else arrivals.A_DAY)
    return StreamAlarms(
        stream=stream,
        step=series.step,
        periods=len(series.points),
        judged=judged,
        alarms=alarms,
        runs=runs,
        a_month=runs * (A_MONTH / length) if judged else None,
        threshold=rule.threshold,
        percent=rule.percent,
    )


async def _judged(series: Series, rule: Rule, last: int) -> list[Verdict]:
    """The last ones of `drift.verdicts`, each in a turn of its own."""
    prepared, length = baseline.prepare(series), len(series.points)
    found: list[Verdict] = []
    for index in range(max(0, length - last), length):
        drifts.follow(found, drifts.judge(prepared, index, rule))
        await trio.lowlevel.checkpoint()
    return found


def _told(of: StreamDrift) -> SourceDrift:
    verdict = of.verdict
    return SourceDrift(
        stream=of.stream,
        period=of.step,
        at=verdict.at if verdict else None,
        drift_percentage=verdict.percent if verdict else None,
        expected=verdict.expected if verdict else None,
        actual=verdict.actual if verdict else None,
        verdict=verdict.word if verdict else Word.NOT_ENOUGH,
        since=verdict.since if verdict else None,
        late=of.freshness.late if of.freshness else False,
    )
