"""Did a log keep every promise? It reads the log alone, as an auditor would.

Of grants it also asks the provider that gave them: what reached it, and what it still honoured.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta

from daemon.decide.doubt import TRIES_MAX
from daemon.windows import OWED_MAX
from events.envelope import Recorded
from events.schema import (
    AuthorisationNeeded,
    ConnectionAdded,
    ConnectionAuthorised,
    DaemonStarted,
    PolicySet,
    RecordsCaptured,
    RecordsRefused,
    RefreshFailed,
    RefreshIntended,
    SyncCancelled,
    SyncFailed,
    SyncInterrupted,
    SyncScheduled,
    SyncSkipped,
    SyncStarted,
    SyncSucceeded,
    TokenInDoubt,
    TokenRefreshed,
)
from events.terms import DoubtReason, Kind, NeedReason, ScheduleReason, SkipReason, StreamFailure
from tests.fakes.provider import IDLE, FakeAccounts, Grant, Pair

SOON = timedelta(hours=6)
"""Within this a doubt can be settled: a host is down for two hours at most, a provider for six."""


def complaints(events: Sequence[Recorded], *, concurrency: int) -> list[str]:
    """Everything that is wrong with this story, as sentences; none is the right answer."""
    return [
        *gaps(events),
        *endings(events, concurrency),
        *_due_times(events),
        *_generations(events),
        *owed(events)[0],
    ]


def gaps(events: Sequence[Recorded]) -> list[str]:
    wrong = [each.seq for number, each in enumerate(events, 1) if each.seq != number]
    return [f"event {wrong[0]} is out of its place"] if wrong else []


def endings(events: Sequence[Recorded], concurrency: int | None = None) -> list[str]:
    """Every sync ends once, before its connection starts another, and never too many at once."""
    found: list[str] = []
    open_: dict[int, int] = {}
    for each in events:
        match each.event:
            case SyncStarted():
                if each.subject in open_:
                    found.append(f"sync {each.seq} began while {open_[each.subject]} ran")
                open_[each.subject] = each.seq
                if concurrency is not None and len(open_) > concurrency:
                    found.append(f"at event {each.seq} more than {concurrency} ran")
            case SyncSucceeded(sync=sync) | SyncFailed(sync=sync) | SyncInterrupted(sync=sync):
                if open_.pop(each.subject, None) != sync:
                    found.append(f"event {each.seq} ends sync {sync}, which did not run")
            case SyncCancelled(sync=int(sync)):
                if open_.pop(each.subject, None) != sync:
                    found.append(f"event {each.seq} cancels sync {sync}, which did not run")
            case RecordsCaptured(version=version) | RecordsRefused(version=version):
                if open_.get(each.subject) != version:
                    found.append(f"event {each.seq} speaks for sync {version}, which did not run")
            case DaemonStarted() if open_:
                found.append(f"life {each.seq} began with {open_} still open")
            case _:
                pass
    return found + [f"sync {sync} of {subject} never ended" for subject, sync in open_.items()]


def _due_times(events: Sequence[Recorded]) -> list[str]:
    """Each slot is one interval after the last one; what lies between was skipped, counted.

    A due time lies `spread` before its slot.
    """
    found = []
    intervals: dict[int, timedelta] = {}
    slot = {}
    usual = timedelta()
    missed: Counter[int] = Counter()
    for each in events:
        match each.event:
            case PolicySet(interval=interval):
                usual = interval
            case ConnectionAdded(interval=interval):
                intervals[each.subject] = interval or usual
            case SyncSkipped(reason=SkipReason.MISSED, count=count):
                missed[each.subject] += count
            case SyncScheduled(due=due, spread=spread, reason=ScheduleReason.INTERVAL):
                steps = (due + spread - slot[each.subject]) / intervals[each.subject]
                if steps != 1 + missed.pop(each.subject, 0):
                    found.append(f"event {each.seq} skips due times without a word")
                slot[each.subject] = due + spread
            case SyncScheduled(due=due, spread=spread):
                slot[each.subject] = due + spread
            case _:
                pass
    return found


def _generations(events: Sequence[Recorded]) -> Iterator[str]:
    """Pairs of tokens count by one, and each that was refreshed was intended to be."""
    generation: Counter[int] = Counter()
    intended: set[int] = set()
    doubted: set[int] = set()
    for each in events:
        match each.event:
            case RefreshIntended(generation=of):
                if each.subject in intended:
                    yield f"event {each.seq} intends a refresh while one is open"
                if of != generation[each.subject]:
                    yield f"event {each.seq} refreshes pair {of}, which is not in force"
                intended.add(each.subject)
            case TokenRefreshed(generation=new) | ConnectionAuthorised(generation=new):
                if new != generation[each.subject] + 1:
                    yield f"event {each.seq} is pair {new} after {generation[each.subject]}"
                asked_for = each.subject in intended | doubted
                if isinstance(each.event, TokenRefreshed) and not asked_for:
                    yield f"event {each.seq} takes over a pair that nobody asked for"
                generation[each.subject] = new
                intended.discard(each.subject)
                doubted.discard(each.subject)
            case TokenInDoubt():
                intended.discard(each.subject)
                doubted.add(each.subject)
            case RefreshFailed() | AuthorisationNeeded():
                intended.discard(each.subject)
            case _:
                pass


Days = dict[tuple[int, str], set[date]]
"""By connection and stream."""


def owed(events: Sequence[Recorded]) -> tuple[list[str], Days]:
    """Which days failed and never came; and what is wrong with how they were asked for.

    A day that is owed is asked for by every turn of its stream until it comes, or is given up.
    """
    wrong: list[str] = []
    left: Days = defaultdict(set)
    came: Days = defaultdict(set)  # in the sync that runs
    lost: Days = defaultdict(set)  # beside what came in it
    refused: Days = defaultdict(set)  # which are not for retries
    begun: dict[int, SyncStarted] = {}
    for each in events:
        here = {key: days for key, days in came.items() if key[0] == each.subject}
        match each.event:
            case SyncStarted():
                begun[each.subject] = each.event
            case RecordsCaptured(stream=name, days=days) if days:
                came[each.subject, name].update(days)
                lost[each.subject, name].update(each.event.owed)
            case SyncSucceeded(failures=failures) | SyncFailed(failures=failures):
                named, failed, doubted = _failed(each.subject, failures)
                start = begun[each.subject]
                for key in here.keys() | named.keys():
                    due = left[key] - refused[key] if start.attempt else left[key]
                    forgotten = _asked_for(start, due) - came[key] - named[key]
                    if forgotten:
                        wrong.append(f"event {each.seq} has no word of {sorted(forgotten)}")
                    owing = left[key] - came[key] | lost[key]
                    left[key] = owing - named[key] | failed[key]
                    refused[key] = (refused[key] | doubted[key]) & left[key]
            case SyncInterrupted() | SyncCancelled(sync=int()):
                for key, days in here.items():
                    left[key] = (left[key] - days) | lost[key]
                    refused[key] &= left[key]
            case _:
                continue
        if not isinstance(each.event, RecordsCaptured):
            for key in here:
                del came[key]
                lost.pop(key, None)
    return wrong, {key: days for key, days in left.items() if days}


def _failed(subject: int, failures: Sequence[StreamFailure]) -> tuple[Days, Days, Days]:
    """The days that a sync names as failed, those that are owed, and those for a while alone."""
    named: Days = defaultdict(set)
    failed: Days = defaultdict(set)
    refused: Days = defaultdict(set)
    for failure in failures:
        if failure.day is not None:
            named[subject, failure.stream].add(failure.day)
            if failure.owed:
                failed[subject, failure.stream].add(failure.day)
            if failure.owed_until:
                refused[subject, failure.stream].add(failure.day)
    return named, failed, refused


def _asked_for(begun: SyncStarted, left: set[date]) -> set[date]:
    """Which of the days that are owed a sync must ask for."""
    if begun.kind is Kind.BACKFILL:
        return set()
    alone = begun.options is not None and begun.options.failed_days
    return left if alone else set(sorted(left)[-OWED_MAX:])


# What only the provider knows.


def complaints_of_grants(
    events: Sequence[Recorded], accounts: FakeAccounts, names: Mapping[int, str]
) -> list[str]:
    """What is wrong with how a provider's tokens were used; `names` are its accounts."""
    return [*_uses(accounts), *_needs(events, accounts, names)]


def _uses(accounts: FakeAccounts) -> Iterator[str]:
    """No refresh token is sent twice, except as the way out of doubt allows."""
    sent: defaultdict[str, list[str]] = defaultdict(list)
    for each in accounts.ledger:
        sent[each.token].append(each.outcome)
        if each.at > accounts.disowned.get(each.token, each.at):
            yield f"{each.token} was sent though the provider had said that it was over"
    for token, outcomes in sent.items():
        told = f"{token} was sent with {outcomes}, where the way out is {accounts.way}"
        if {"renewed", "refused"} & {*outcomes[:-1]}:
            yield f"{told}: it had been answered"
        silent = [each in {"unprocessed", "unheard"} for each in outcomes]
        if accounts.way == "ask" and any(silent[:-1]):
            yield f"{told}: a person was to be asked"


def _needs(
    events: Sequence[Recorded], accounts: FakeAccounts, names: Mapping[int, str]
) -> Iterator[str]:
    """A person is asked only where the provider no longer honours what arrived.

    Or where nobody could know, and the provider's file allows no more tries: silence is not one,
    but a try that we died in is, a few times.
    """
    doubts: defaultdict[int, list[DoubtReason]] = defaultdict(list)
    for each in events:
        match each.event:
            case TokenRefreshed() | ConnectionAuthorised():
                doubts[each.subject].clear()
            case TokenInDoubt(reason=why):
                doubts[each.subject].append(why)
            case AuthorisationNeeded(reason=reason) if reason is not NeedReason.NEW:
                grant = accounts.grant(names[each.subject], each.at)
                if grant is None or _honoured(grant, each.at) is None:
                    continue
                before = doubts[each.subject]
                tried_and_died = before[1:].count(DoubtReason.DIED) >= TRIES_MAX
                if not (before and (accounts.way == "ask" or tried_and_died)):
                    yield f"event {each.seq} asks a person for what is good ({reason}, {before})"
            case _:
                pass


def neglected(
    events: Sequence[Recorded], accounts: FakeAccounts, names: Mapping[int, str]
) -> list[str]:
    """Doubts that there was a way out of, which was not taken before it closed."""
    found = []
    for number, each in enumerate(events):
        if not isinstance(each.event, TokenInDoubt) or accounts.way == "ask":
            continue
        grant = accounts.grant(names[each.subject], each.at)
        pair = _honoured(grant, each.at) if grant else None
        settled = [
            later.at
            for later in events[number + 1 :]
            if later.subject == each.subject and isinstance(later.event, _SETTLING)
        ]
        closes = pair and (pair.good_until or pair.at + IDLE)
        if closes and closes - each.at > SOON and (not settled or settled[0] > closes):
            found.append(f"event {each.seq} leaves a doubt that nobody settles before {closes}")
    return found


_SETTLING = (RefreshIntended, TokenRefreshed, ConnectionAuthorised, AuthorisationNeeded)


def _honoured(grant: Grant, at: datetime) -> Pair | None:
    """The newest pair that arrived, if its refresh token would have been taken then."""
    heard = [pair for pair in grant.pairs if pair.heard and pair.at <= at]
    if not heard or (grant.died_at is not None and grant.died_at <= at):
        return None
    pair = heard[-1]
    over = pair.good_until is not None and pair.good_until <= at
    idle = grant.pairs[-1].at <= at and at - grant.pairs[-1].at > IDLE
    return None if over or idle else pair
