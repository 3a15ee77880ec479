"""What is shown of one connection: its account, its syncs, its streams, what it owes?"""

from collections.abc import Sequence
from datetime import datetime

from daemon import retirement_words
from daemon.cli import ending_words, outbox, rows, screen, times
from daemon.cli.policy_words import OPENED
from daemon.control.account_messages import BackfillView, GrantView
from daemon.control.messages import ConnectionView, RunView, StreamView
from daemon.control.policy_messages import BreakerView
from events.breakers import BreakerReason

Facts = list[tuple[str, str]]
COLOURS = {"degraded": "yellow", "unhealthy": "red"}


def facts(view: ConnectionView, now: datetime) -> Facts:
    """Everything about a connection, as names with what they stand for."""
    found = [
        ("connection", view.connection),
        ("provider", view.provider),
        *(ending_words.facts(view.retirement, now, view.connection) if view.retirement else []),
        ("state", view.state),
        *(_account(view, view.grant, now) if view.grant else []),
        ("health", f"{view.condition} ({view.overall})" if view.total else view.condition),
        ("score", "none yet" if view.score is None else f"{view.score} of 100"),
        ("syncs", f"{view.successful:,} of {view.total:,} succeeded"),
        *_failures(view),
        ("last result", rows.last(view, now)),
        *_times(view, now),
    ]
    if view.average_duration_ms is not None:
        found.append(("usual duration", times.milliseconds(view.average_duration_ms)))
    declared = "in the configuration" if view.declared else "by `rounds connection add`"
    every = times.every(view.interval, view.stream_intervals)
    found += [("interval", every), ("declared", declared), *_start(view, now)]
    if run := view.running:
        found.append(("running", f"sync {run.sync} ({run.kind}){_far(run)}"))
    if view.writes:
        found.append(("outbox", f"{outbox.summary(view.writes)} {view.connection}"))
    return [*found, *_held(view), *_past(view, now), *_former(view)]


def _held(view: ConnectionView) -> Facts:
    """What somebody has yet to accept or drop."""
    return [
        (
            f"{each.stream} held back",
            f"version {each.held}; rounds data quarantine show {view.connection} {each.stream}",
        )
        for each in view.streams
        if each.held is not None
    ]


def _former(view: ConnectionView) -> Facts:
    """What there is of the providers that it was moved away from."""
    return [
        (
            f"from {provider}",
            ", ".join(f"{each.stream} ({times.count(each.rows, 'row')})" for each in there)
            + f"; rounds data show {view.connection} {there[0].stream} --provider {provider}",
        )
        for provider, there in view.former.items()
    ]


def streams(found: Sequence[StreamView], now: datetime) -> screen.Part:
    table = screen.table(
        "stream",
        "rows",
        "version",
        "health",
        "captured",
        "failed",
        "in a row",
        "checked",
        right=("rows", "version", "in a row"),
        folds=("stream",),
    )
    for each in found:
        table.add_row(
            each.stream,
            f"{each.rows:,}",
            str(each.version or "none"),
            each.condition,
            *(_ago(at, now) for at in (each.captured_at, each.last_failure)),
            str(each.consecutive_failures or ""),
            _ago(each.last_check, now),
            style=COLOURS.get(each.condition, ""),
        )
    return table


def _ago(at: datetime | None, now: datetime) -> str:
    return times.relative(at, now) if at else "never"


def _start(view: ConnectionView, now: datetime) -> Facts:
    """When it can start next, and what keeps it, with the breakers that are not closed."""
    found = []
    if view.next_start is not None:
        when = f"{rows.start(view, now)} ({times.local(view.next_start)})"
        found.append(("next start", when))
    elif view.running is None:
        found.append(("next start", "none as things are"))
    if held := rows.held(view, now):
        found.append(("held back by", held))
    for each in view.breakers:
        name = "breaker" if each.place == "connection" else "provider's breaker"
        found.append((name, breaker(each, now)))
    return found


def breaker(of: BreakerView, now: datetime) -> str:
    """Until when it is open and why, and what to do about it."""
    whose = of.name if of.place == "connection" else f"--provider {of.name}"
    why = f" ({OPENED[BreakerReason(of.reason)]})" if of.reason else ""
    if of.state == "half-open":
        return f"half-open{why}: the next sync or call finds out whether it closes"
    if of.until is None:
        close = f"rounds breaker close {whose}"
        if of.reason == BreakerReason.RETIRED and of.successor:
            relink = retirement_words.way_on(of.name, of.successor)
            return (
                f"open until somebody closes it{why}; its successor is {of.successor}; type: "
                f"{relink}; or, if it is back: {close}"
            )
        return f"open until somebody closes it{why}; type: {close}"
    return f"open until {times.second(of.until, now)}{why}"


def _account(view: ConnectionView, grant: GrantView, now: datetime) -> Facts:
    found = [("account", _phase(grant.phase))]
    if why := rows.waits(view):
        found = [("account", why), ("type", f"rounds connection authorize {view.connection}")]
    if grant.authorised_at is not None:
        found.append(("authorised", _when(grant.authorised_at, now)))
    if grant.generation and grant.expires_at is not None:
        until = "good until" if grant.expires_at > now else "was good until"
        of = f"number {grant.generation:,}, {until} {_when(grant.expires_at, now)}"
        found.append(("token", of))
    if grant.refreshed_at is not None:
        often = times.count(grant.refreshes, "time")
        found.append(("refreshed", f"{often}, last {_when(grant.refreshed_at, now)}"))
    if grant.renew_by is not None and grant.phase == "in-doubt":
        found.append(("looked into", _when(grant.renew_by, now)))
    elif grant.renew_by is not None:
        idle = f"by {_when(grant.renew_by, now)} at the latest, lest it die of idleness"
        found.append(("next refresh", idle))
    return found


def _phase(phase: str) -> str:
    match phase:
        case "needed":  # and a sync that began before is about to find out
            return "to be authorised by a person"
        case "refreshing":
            return "authorised; a new token is being asked for"
        case "in-doubt":
            return (
                "in doubt: a new token was asked for, and the answer was lost; which one is good "
                "is found out soon, or by the next sync"
            )
        case _:
            return "authorised"


def _far(run: RunView) -> str:
    if run.pages is None or run.records is None:
        return f", since {times.local(run.started)}"
    far = f"{times.count(run.pages, 'page')}, {times.count(run.records, 'record')}"
    return f", {run.stream}: {far}"


def _times(view: ConnectionView, now: datetime) -> Facts:
    """When it was well last, and when not, and how much of the time."""
    found = [
        (name, _when(at, now))
        for name, at in (("last success", view.last_success), ("last failure", view.last_failure))
        if at is not None
    ]
    if view.uptime_percentage is not None:
        found.append(("uptime", f"{view.uptime_percentage:g} % of the time since its first sync"))
    return found


def _failures(view: ConnectionView) -> Facts:
    if not view.consecutive_failures:
        return []
    return [("failures in a row", f"{view.consecutive_failures:,}")]


def _past(view: ConnectionView, now: datetime) -> Facts:
    """Days that failed and are still owed, and what is left of a backfill."""
    found = [(f"{each.stream} owes", _owed(each)) for each in view.streams if each.failed_days]
    if found:
        found.append(("type", f"rounds sync {view.connection} --failed-days"))
    if view.backfill is not None:
        found.append(("backfill", _backfill(view.backfill, now)))
    return found


def _owed(stream: StreamView) -> str:
    days = times.spans(stream.failed_days)
    return f"{days} ({_days(len(stream.failed_days))}); the next sync asks again"


def _backfill(left: BackfillView, now: datetime) -> str:
    days = (left.last - left.first).days + 1
    whole = (left.asked - left.first).days + 1 if left.asked else None
    far = f"{whole - days:,} of {_days(whole)} done" if whole else f"{_days(days)} left"
    due = "now" if left.due <= now else times.relative(left.due, now)
    rest = f"{left.first} to {left.last}" if days > 1 else str(left.first)
    return f"{far}, {left.batch} a sync, newest first; left {rest}; goes on {due}"


def _days(number: int) -> str:
    return times.count(number, "day")


def _when(at: datetime, now: datetime) -> str:
    return f"{times.clock(at, now)} ({times.relative(at, now)})"
