"""Whatever happened: nothing starts that must not, and every deadline lies within its bounds."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon import commands
from events import schema
from events.terms import Kind, ScheduleReason
from projections import breaker, policy
from projections.connection import next_start
from tests.laws.test_journal import aimed, connected, lives, opened, policies

ruled = st.tuples(policies, lives).map(
    lambda drawn: [(0, commands.SetPolicy(policy=drawn[0])), *drawn[1]]
)
"""A life under settings that were drawn before it began."""


def steps(life):
    """Each wish that had consequences: what was known before it, when, and what was recorded."""
    kept, _, clock = opened()
    for minutes, command in [(0, command) for command in connected] + life:
        clock.time += timedelta(minutes=minutes)
        before = {
            subject: (known, policy.of_connection(kept.world, subject))
            for subject, known in kept.world.connections.items()
        }
        providers = dict(kept.world.providers)
        recorded = kept.execute(aimed(command, kept.world))
        for each in recorded:
            if each.subject in before:
                known, rules = before[each.subject]
                yield kept.world, known, rules, providers.get(known.provider), each


def is_quiet(rules, at):
    """As the requirement has it: the local wall time lies in [start, end)."""
    wall = at.astimezone(ZoneInfo(rules.timezone)).time()
    start, end = rules.quiet_hours_start, rules.quiet_hours_end
    return start <= wall < end if start <= end else wall >= start or wall < end


def is_asked(known, event):
    """Whether a person wanted it: a retry by hand has its request."""
    return event.kind in {Kind.MANUAL, Kind.BACKFILL} or (
        event.kind is Kind.RETRY and event.request is not None
    )


@pytest.mark.requirement("A3")
@pytest.mark.requirement("A1")
@pytest.mark.requirement("E1")
@given(ruled)
@settings(max_examples=150)
def test_nothing_starts_in_quiet_hours_when_switched_off_or_behind_an_open_breaker(life):
    for _, known, rules, provider, each in steps(life):
        event = each.event
        if not isinstance(event, schema.SyncStarted):
            continue
        if not is_asked(known, event):
            assert rules.enabled
            assert not is_quiet(rules, each.at)
        assert event.quiet == is_quiet(rules, each.at)
        if event.forced:
            continue
        assert breaker.phase(known.breaker, each.at) is not breaker.Phase.OPEN
        if provider is not None:
            assert breaker.phase(provider.breaker, each.at) is not breaker.Phase.OPEN
            assert len(provider.running) < rules.provider_concurrency
            if breaker.phase(provider.breaker, each.at) is breaker.Phase.HALF_OPEN:
                assert not provider.running, "one probe at a time"


@pytest.mark.requirement("A4")
@pytest.mark.requirement("A8")
@pytest.mark.requirement("B4")
@given(ruled)
@settings(max_examples=150)
def test_every_deadline_lies_within_its_bounds(life):
    for world, known, rules, _, each in steps(life):
        match each.event:
            case schema.SyncScheduled(reason=ScheduleReason.INTERVAL, streams=streams) as event:
                assert event.due > each.at
                if not streams and not known.schedule.streams:
                    slot = known.schedule.due + known.schedule.spread
                    assert (event.due + event.spread - slot) % rules.interval == timedelta(0)
                    assert event.spread <= rules.spread * rules.interval
            case schema.SyncDeferred():
                after, left = next_start(world.connections[each.subject]), known.backfill
                past = left is not None and left.due <= each.at  # days of the past heed no hours
                later = after is None or after > each.at
                assert later or past, "a start that is put off comes later"
            case schema.RetryScheduled() as event:
                assert event.attempt == known.run.attempt + 1 <= rules.max_retry_attempts
                assert event.delay <= max(rules.retry_delay, rules.retry_delay_max)
                hint = event.hint or timedelta(0)
                assert each.at + hint <= event.due <= each.at + max(hint, event.delay)
                assert 1 <= event.priority <= 10
            case schema.BreakerOpened(until=until) if until is not None:
                assert timedelta(0) < until - each.at <= rules.breaker_open_max
            case _:
                pass
