"""How did a sync end, and when is the next one due?"""

from datetime import datetime, timedelta

from daemon.commands import Crash, Finish, Interrupt, NoteCall
from daemon.decide import breaker, doubt, owing, passes, retirement, retry, vain
from daemon.decide.decisions import Decisions
from daemon.decide.rotation import next_due
from events.schema import (
    ActorCrashed,
    Event,
    PolicySet,
    SyncCancelled,
    SyncFailed,
    SyncInterrupted,
    SyncScheduled,
    SyncSucceeded,
)
from events.terms import (
    FailureClass,
    InterruptReason,
    Kind,
    ScheduleReason,
    StreamFailure,
)
from projections.run import Run
from projections.world import World

CRASH_MESSAGE = (
    "rounds itself failed while it worked for this connection; see its log, and report it"
)


def runs(world: World, subject: int, sync: int) -> bool:
    """Whether this very sync still runs; what a cancelled one has yet to say is ignored."""
    known = world.connections.get(subject)
    return known is not None and known.run is not None and known.run.sync == sync


def note_call(command: NoteCall, world: World, now: datetime) -> Decisions:
    subject, call = command.subject, command.call
    if not runs(world, subject, call.sync):
        return []
    return [(subject, call), *breaker.note_call(subject, call.cause, call.sync, world, now)]


def finish(command: Finish, world: World, now: datetime) -> Decisions:
    """One good stream makes a success, and so does having nothing to do; failures are named.

    Where all streams waited for others, nothing was tried: it neither succeeded nor failed.
    """
    subject = command.subject
    if not runs(world, subject, command.sync):
        return []
    known = world.connections[subject]
    failures = tuple(owing.judged(each, known.streams, now) for each in command.failures)
    run = known.run
    assert run is not None, "it was just seen running"
    ending: Event
    followed: Decisions = []
    if command.waiting and not command.captured and not command.failures:
        ending = SyncCancelled(sync=command.sync, pass_=part_of(run))
    elif command.captured or not command.failures:
        ending = SyncSucceeded(
            sync=command.sync,
            duration_ms=command.duration_ms,
            records=command.records,
            failures=failures,
            calls=command.calls,
            waiting=command.waiting,
            days=run.days,
            refreshes=run.refreshes,
            pass_=part_of(run),
        )
        followed = breaker.note_success(subject, run.sync, world, now)
    else:
        first = failures[0]
        ending = SyncFailed(
            sync=command.sync,
            duration_ms=command.duration_ms,
            cause=first.cause,
            message=first.message,
            failures=failures,
            calls=command.calls,
            waiting=command.waiting,
            refreshes=run.refreshes,
            pass_=part_of(run),
        )
        followed = _blamed(subject, run, failures, world, now)
    stands = stands_for_due(run)
    next_ = next_due(subject, world, now, command.waiting, ending) if stands else []
    again = retry.after(command, run, world, now)
    summed = passes.slot_ended(subject, ending, world, now) if part_of(run) is None else []
    return [(subject, ending), *followed, *_heeded(command, world, now, next_), *again, *summed]


def part_of(run: Run) -> int | None:
    """The pass that a run is part of, because somebody asked for many."""
    return run.asked.pass_ if run.asked and run.request is not None else None


def _blamed(
    subject: int, run: Run, failures: tuple[StreamFailure, ...], world: World, now: datetime
) -> Decisions:
    """What a failed sync does to breakers. Where one latches, the fallback is synced (A10).

    The provider's end is told of then.
    """
    if not stands_for_due(run) or not breaker.is_retired(subject, run, failures, world):
        return breaker.note_failure(subject, failures, run.sync, world, now)
    latched = breaker.latch(subject, world)
    if not latched:
        return []
    return [*latched, *retry.failover(subject, run, world), *retirement.found(subject, world)]


def interrupt(command: Interrupt, world: World) -> Decisions:
    known = world.connections.get(command.subject)
    if known is None or known.run is None or known.run.sync != command.sync:
        return []
    return interrupted(command.subject, known.run, command.reason, world)


def interrupted(subject: int, run: Run, reason: InterruptReason, world: World) -> Decisions:
    """Close a run; what it served, a request or a retry, stands again, if there is no later one.

    A request that nothing can come of any more does not: it is skipped.
    """
    known = world.connections[subject]
    served = run.asked if run.request is not None and not known.schedule.request else None
    in_vain = retry.refusal(known, world, forced=served.forced) if served else None
    stands = served.seq if served and not in_vain else None
    event = SyncInterrupted(
        sync=run.sync,
        reason=reason,
        request=stands,
        options=run.options if stands else None,
        retry=run.attempt if run.attempt and not known.schedule.retry else None,
        pass_=None if served else part_of(run),
    )
    if served is None or in_vain is None:
        return [(subject, event)]
    return [(subject, event), (subject, vain.skip(served, in_vain))]


def stands_for_due(run: Run) -> bool:
    """Whether this run did what a scheduled one would have done; parts of the past do not."""
    return run.kind is not Kind.BACKFILL and not (run.options and run.options.failed_days)


def crash(command: Crash, world: World, now: datetime) -> Decisions:
    """Close what ran as failed, and rest for a time that doubles with each crash in a row."""
    subject, known = command.subject, world.connections.get(command.subject)
    if known is None:
        return []
    until = now + _rest(world.fleet.policy, known.crashes)
    crashed = ActorCrashed(error=command.error, crashes=known.crashes + 1, until=until)
    in_doubt = doubt.left(subject, known, world, now)
    if known.run is None:
        return [*in_doubt, (subject, crashed)]
    failed = SyncFailed(
        sync=known.run.sync,
        duration_ms=max(0, (now - known.run.started) // timedelta(milliseconds=1)),
        cause=FailureClass.INTERNAL,
        message=CRASH_MESSAGE,
        pass_=part_of(known.run),
    )
    next_ = next_due(subject, world, now) if stands_for_due(known.run) else []
    return [*in_doubt, (subject, failed), *next_, (subject, crashed)]


def _rest(policy: PolicySet, crashes: int) -> timedelta:
    """Compared before it is multiplied: a long delay, often doubled, is beyond any timedelta."""
    doubled: int = 2 ** min(crashes, 30)
    if policy.crash_delay >= policy.crash_delay_max / doubled:
        return policy.crash_delay_max
    return policy.crash_delay * doubled


def _heeded(command: Finish, world: World, now: datetime, next_: Decisions) -> Decisions:
    """A provider that asked to be left alone for a time is: its hint is never shortened."""
    hint, plan = retry.asked_to_wait(command), world.connections[command.subject].schedule
    planned = [event for _, event in next_ if isinstance(event, SyncScheduled)]
    due, streams = (planned[0].due, planned[0].streams) if planned else (plan.due, plan.streams)
    if hint is None or due is None or due >= now + hint:
        return next_
    until = now + hint
    asked = SyncScheduled(
        due=until,
        reason=ScheduleReason.ASKED_TO_WAIT,
        streams={name: max(at, until) for name, at in streams.items()},
    )
    return [*next_, (command.subject, asked)]
