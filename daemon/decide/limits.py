"""May a call leave for its provider, and what do the provider's answers mean for the next ones?"""

from datetime import datetime, timedelta

from daemon.commands.limits import NoteAnswer, NoteSteps, Recount, TakeAllowance
from daemon.decide.accounts import CALLERS_SPAN, Account, accounts, asked, opens_in
from daemon.decide.decisions import Decisions
from events.gateway import CallerAllowanceTaken
from events.limits import (
    AdaptReason,
    AllowanceRecounted,
    AllowanceTaken,
    HoldReason,
    LimitAdapted,
    LimitHeld,
    LimitPolicy,
    Scope,
    Span,
    StepsSummed,
)
from events.schema import FLEET, Event
from events.terms import FailureClass
from projections import allowance, window
from projections.allowance import PERCENT_MAX
from projections.window import Moment
from projections.world import World

BLOCK_MAX = 64  # calls in a block, each a commit that calls wait for: a crash wastes no more
BLOCK_SHARE = 10  # a block is at most a tenth of the smallest limit that it counts in
HOLD_MAX = timedelta(days=31)  # the longest hint that is believed: see daemon/rate_hint.py
UNHINTED = timedelta(seconds=30)  # a refusal that does not say for how long
PERCENT_MIN = 10  # less would never show that the provider has recovered
PERCENT_STEP = 10  # how much more is used after each healthy stretch
HEALTHY_STRETCH = timedelta(minutes=5)  # so half a limit is whole again after 25
TROUBLE_REST = timedelta(seconds=30)  # calls that were under way together tell one thing

TROUBLE = {
    FailureClass.RATE_LIMITED: AdaptReason.RATE_LIMITED,
    FailureClass.SERVER: AdaptReason.SERVER,
    FailureClass.TIMEOUT: AdaptReason.SLOW,
}
"""What shows that a provider is asked for too much (requirement E10)."""


def opens_at(
    world: World, subject: int, now: datetime, *, reads: bool, ahead: timedelta = timedelta()
) -> datetime | None:
    """When the connection's next call may leave; None where one may now."""
    moment = Moment(wall=now, ahead=ahead)
    waits = [opens_in(each, moment) for each in accounts(world, subject, reads=reads)]
    longest = max(waits, default=timedelta())
    return now + longest if longest else None


def held_until(world: World, subject: int, now: datetime) -> datetime | None:
    """Until when the provider asked that no call of the connection leaves; None where one may."""
    known, moment = world.connections[subject], Moment(wall=now, ahead=world.fleet.ahead)
    both = (world.providers[known.provider].allowance, known.allowance)
    longest = max(allowance.held_for(each, moment) for each in both)
    return now + longest if longest else None


def take(command: TakeAllowance, world: World, now: datetime) -> Decisions:
    """Take a block of each account that is asked, or of none: nothing leaves on half of them."""
    moment = Moment(wall=now, ahead=command.ahead)
    taken: Decisions = []
    for account in asked(
        world, command.subject, moment, reads=command.reads, program=command.program
    ):
        if command.forced:
            taken += [(account.subject, _taken(account, 1, moment))] if account.policies else []
            continue
        if allowance.held_for(account.allowance, moment):
            return []
        wanted = _wanted(command, account)
        if not wanted or not account.policies:
            continue
        if opens_in(account, moment):
            return []
        calls = min(wanted, _block(account), room(account, moment))
        taken.append((account.subject, _taken(account, calls, moment)))
    return taken


def _wanted(command: TakeAllowance, account: Account) -> int:
    if account.called is not None:
        return command.callers
    return command.application if account.scope is Scope.APPLICATION else command.own


def _taken(account: Account, calls: int, moment: Moment) -> AllowanceTaken | CallerAllowanceTaken:
    spans = _spans(account.policies)
    until = moment.wall + min(window.left(each, moment) for each in spans)
    if account.called is not None:
        return CallerAllowanceTaken(
            provider=account.called.provider,
            endpoint=account.called.endpoint,
            kind=account.called.kind,
            calls=calls,
            span=spans[0],
            until=until,
            ahead=moment.ahead,
        )
    return AllowanceTaken(calls=calls, spans=spans, until=until, ahead=moment.ahead)


def recount(command: Recount, world: World, now: datetime) -> Decisions:
    """What a step of the clock put further off than it may be is drawn near, once."""
    moment = Moment(wall=now, ahead=command.ahead)
    recounted: Decisions = []
    for account in accounts(world, command.subject, reads=True):
        spans = _spans(account.policies)
        windows = [allowance.counted(account.allowance, each, moment) for each in spans]
        if any(window.is_ahead(each, moment) for each in windows):
            again = AllowanceRecounted(spans=spans, ahead=command.ahead)
            recounted.append((account.subject, again))
        if allowance.held_for(account.allowance, moment) > HOLD_MAX:
            held = LimitHeld(
                until=now + HOLD_MAX, reason=HoldReason.CLOCK_STEPPED, ahead=command.ahead
            )
            recounted.append((account.subject, held))
    return [*recounted, *_programs_recounted(command, world, moment)]


def _programs_recounted(command: Recount, world: World, moment: Moment) -> Decisions:
    known = world.connections.get(command.subject)
    counted = world.tenants[known.tenant].callers if known else ()
    if known is None or not any(window.is_ahead(each.window, moment) for each in counted):
        return []
    again = AllowanceRecounted(spans=(CALLERS_SPAN,), ahead=command.ahead)
    return [(known.tenant, again)]


def note_steps(command: NoteSteps, world: World) -> Decisions:
    if command.ahead == world.fleet.ahead:
        return []
    return [(FLEET, StepsSummed(ahead=command.ahead))]


def are_whole(world: World, subject: int) -> bool:
    """Whether all of each limit is used: then a good answer that asks nothing changes nothing."""
    known = world.connections[subject]
    both = (known.allowance, world.providers[known.provider].allowance)
    return all(each.percent == PERCENT_MAX for each in both)


def note_answer(command: NoteAnswer, world: World, now: datetime) -> Decisions:
    """Obey what the provider asks for, and use less of its limit, or more again."""
    account = _answerable(world, command.subject)
    if account is None:
        return []
    held = _held(command, account, now)
    adapted = _lowered(command, account, now) or _raised(command, account, now)
    events: tuple[Event, ...] = (*held, *adapted)
    return [(account.subject, each) for each in events]


def _spans(policies: tuple[LimitPolicy, ...]) -> tuple[Span, ...]:
    """Each once, also where a file limits the same span twice."""
    return tuple(dict.fromkeys(each.span for each in policies))


def _block(account: Account) -> int:
    """The most that a block may hold."""
    smallest = min(allowance.limit(account.allowance, each) for each in account.policies)
    return max(1, min(BLOCK_MAX, smallest // BLOCK_SHARE))


def room(account: Account, moment: Moment) -> int:
    """How many calls fit in every window now."""
    return min(
        allowance.limit(account.allowance, each)
        - window.count(allowance.counted(account.allowance, each.span, moment), moment)
        for each in account.policies
    )


def _answerable(world: World, subject: int) -> Account | None:
    """Whose limit an answer speaks of: the provider's where connections share any, to be safe."""
    for account in accounts(world, subject, reads=True):
        if account.scope is Scope.CONNECTION or account.policies:
            return account
    return None


def _held(command: NoteAnswer, account: Account, now: datetime) -> tuple[LimitHeld, ...]:
    """A hint is never shortened: one that ends before another, still in force, changes nothing."""
    if command.retry_after:
        length, reason = min(command.retry_after, HOLD_MAX), HoldReason.HINT
    elif command.cause is FailureClass.RATE_LIMITED:
        length = min([UNHINTED, *(each.span.per for each in account.policies)])
        reason = HoldReason.REFUSED
    else:
        return ()
    moment = Moment(wall=now, ahead=command.ahead)
    if length <= allowance.held_for(account.allowance, moment):
        return ()
    return (LimitHeld(until=now + length, reason=reason, ahead=command.ahead),)


def _lowered(command: NoteAnswer, account: Account, now: datetime) -> tuple[LimitAdapted, ...]:
    """Half as much, once for all that went wrong together; recorded at the least as well."""
    reason = AdaptReason.SLOW if command.slow else None
    if command.cause is not None:
        reason = TROUBLE.get(command.cause)
    if reason is None or not account.policies:
        return ()
    if not _is_past(account.allowance.lowered_at, TROUBLE_REST, now):
        return ()
    percent = max(PERCENT_MIN, account.allowance.percent // 2)
    return (LimitAdapted(percent=percent, reason=reason),)


def _raised(command: NoteAnswer, account: Account, now: datetime) -> tuple[LimitAdapted, ...]:
    good = command.cause is None and not command.slow
    if not good or account.allowance.percent == PERCENT_MAX:
        return ()
    if not _is_past(account.allowance.adapted_at, HEALTHY_STRETCH, now):
        return ()
    percent = min(PERCENT_MAX, account.allowance.percent + PERCENT_STEP)
    return (LimitAdapted(percent=percent, reason=AdaptReason.HEALTHY),)


def _is_past(at: datetime | None, length: timedelta, now: datetime) -> bool:
    """Whether so long has passed; of a time far off in either direction, the clock has stepped."""
    return at is None or abs(now - at) >= length
