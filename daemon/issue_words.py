"""What is said of an issue to people: why it is one, by which measure, and what to type?"""

from collections.abc import Callable
from datetime import datetime, timedelta

from daemon import duration
from events.issues import Drifted, DriftJudged, IssueEnd, IssueKind, IssueOpened, Threshold
from events.terms import FailureClass, Guard, NeedReason

CAUSES = {
    FailureClass.NETWORK: "the provider could not be reached",
    FailureClass.TIMEOUT: "the provider took too long",
    FailureClass.RATE_LIMITED: "the provider wants fewer calls",
    FailureClass.SERVER: "the provider failed",
    FailureClass.AUTH: "the provider refused the credential",
    FailureClass.NOT_FOUND: "nothing is there",
    FailureClass.INVALID: "the request was refused",
    FailureClass.MALFORMED: "the answer is not what the provider's file declares",
    FailureClass.EMPTY: "the answer was empty",
    FailureClass.RETIRED: "the provider switched it off for good",
    FailureClass.CANCELLED: "it was cancelled",
    FailureClass.INTERNAL: "rounds itself failed",
}
GUARDS = {
    Guard.EMPTY: "came with no records",
    Guard.SHRUNK: "came with far fewer records",
    Guard.SCHEMA: "came without fields that there were, or with other types in them",
    Guard.DUPLICATES: "came with records twice",
    Guard.STALE: "has been the same for longer than it may",
    Guard.INCOMPLETE: "is not whole",
}
NEEDS = {
    NeedReason.NEW: "it has never been authorised",
    NeedReason.REFUSED: "the provider does not renew its authorisation any more",
    NeedReason.EXPIRED: "its authorisation has ended",
    NeedReason.IN_DOUBT: "its token may have been used up, and nobody can tell",
    NeedReason.USED_UP: "its token was used up",
    NeedReason.LOST: "its token was lost",
}
ENDS = {
    IssueEnd.OVER: "it is over",
    IssueEnd.REMOVED: "it was removed",
    IssueEnd.PAUSED: "the connection was paused",
    IssueEnd.MOVED: "the connection was moved to another provider",
    IssueEnd.UNMONITORED: "the tenant does not consent to detailed monitoring",
}
SHOW = "rounds log show --connection {name}"
AUTHORISE = "rounds connection authorize {name}"
CREDENTIAL = "rounds connection add {name} --credential-stdin"
SOURCE = "rounds source show {name}"
COMMANDS = {
    IssueKind.STALE: "rounds explain {name}",
    IssueKind.GAP: "rounds sync {name} --failed-days --wait",
    IssueKind.FAILING: "rounds failures {name} --list",
    IssueKind.FLAPPING: SHOW,
    IssueKind.SLOW: "rounds connection show {name}",
    IssueKind.OVERDUE: "rounds queue",
    IssueKind.WRITES: "rounds outbox list {name}",
    IssueKind.GRANT: AUTHORISE,
    IssueKind.RETIRED: "rounds provider show {name}",
    IssueKind.CLOCK: "timedatectl status",
    IssueKind.REFUSED: "rounds data quarantine show {name} {stream}",
    IssueKind.DRIFTING: "rounds drift {name} --stream {stream}",
    IssueKind.QUEUED: SOURCE,
}


def sentence(what: IssueOpened) -> str:
    """What is wrong, in one sentence without a full stop."""
    return SENTENCES[what.kind](what)


def command(what: IssueOpened, name: str, *, oauth: bool = False) -> str:
    """What helps, as it is typed. `name` is the subject's, whose provider may speak OAuth."""
    helps = SOURCE if what.reported else COMMANDS[what.kind]
    if what.kind is IssueKind.FAILING and what.cause is FailureClass.AUTH:
        helps = AUTHORISE if oauth else CREDENTIAL
    return helps.format(name=name, stream=what.stream)


def judged(by: Threshold) -> str:
    """By which limit, and whose that is: `stale_after 18h, learnt from the interval in force`."""
    number = "" if by.number is None else f" {by.number:g}"
    span = "" if by.span is None else f" {'within ' if number else ''}{told(by.span)}"
    if by.name == "slow_factor":
        span = "" if by.span is None else f", which is {told(by.span)}"
    event = f", event {by.event}" if by.event else ""
    return f"{by.name}{number}{span} ({WHOSE.get(by.whose, f'set for the {by.whose}')}{event})"


WHOSE = {
    "learnt": "learnt from the interval in force",
    "fixed": "the same for all",
    "asked": "as asked",
    "configuration": "the fleet's configuration",
    "default": "the default",
}


def told(span: timedelta) -> str:
    """A span to the second, or to the hundredth of one where it is shorter than a minute."""
    if span < timedelta(minutes=1):
        return f"{span / timedelta(seconds=1):.3g} s"
    return duration.text(timedelta(seconds=round(span.total_seconds())))


def _stale(what: IssueOpened) -> str:
    span = what.threshold.span or timedelta()
    if what.reported:
        return f"it has not reported for longer than {told(span)}"
    if what.stream:
        return f"nothing has come of {what.stream} for longer than {told(span)}"
    why = f"; last {CAUSES[what.cause]}" if what.cause else ""
    return f"no sync has succeeded for longer than {told(span)}{why}"


def _gap(what: IssueOpened) -> str:
    days = "1 day is" if what.count == 1 else f"{what.count:,} days are"
    given_up = f", and asked for until {_day(what.until)}" if what.until else ""
    first = "it is" if what.count == 1 else "the first is"
    return f"{days} missing of {what.stream}, though later ones came: {first} {what.day}{given_up}"


def _failing(what: IssueOpened) -> str:
    if what.reported:
        return _reports_ill(what.count)
    why = f": {CAUSES[what.cause]}" if what.cause else ""
    if what.stream:
        return f"{_times(what.count, 'sync', 'syncs')} in a row brought nothing of it{why}"
    if what.measured is not None:
        return f"{what.measured:.0%} of its last syncs failed{why}"
    if not what.count:
        return "it failed; one more success in a row, and this is closed"
    return f"{_times(what.count, 'sync', 'syncs')} in a row failed{why}"


def _reports_ill(count: int) -> str:
    if not count:
        return "it told of trouble; one more report that is well, and this is closed"
    reports = "its last report says" if count == 1 else f"its last {count:,} reports say"
    return f"{reports} that it is unhealthy, or had errors"


def _flapping(what: IssueOpened) -> str:
    within = what.threshold.span or timedelta()
    return f"it went from up to down, or back, {what.count} times within {told(within)}"


def _slow(what: IssueOpened) -> str:
    took, usual = _milliseconds(what.measured), _milliseconds(what.usual)
    return f"its last syncs took {took}, where {usual} is usual"


def _writes(what: IssueOpened) -> str:
    waits = "1 write waits" if what.count == 1 else f"{what.count:,} writes wait, the first of them"
    why = f"; last {CAUSES[what.cause]}" if what.cause else ""
    return f"{waits} for longer than {told(what.threshold.span or timedelta())}{why}"


def _queued(what: IssueOpened) -> str:
    waits = f"{_times(what.count, 'thing waits', 'things wait')} with it to be sent"
    first = "" if what.count == 1 else ", the first of them"
    return f"{waits}{first} for longer than {told(what.threshold.span or timedelta())}"


def _grant(what: IssueOpened) -> str:
    if what.need is not None:
        return f"somebody must authorise it: {NEEDS[what.need]}"
    if what.until is None:
        return "nobody knows whether its token is still good"
    return f"its authorisation ends on {_day(what.until)}, and cannot be renewed without a person"


def _retired(what: IssueOpened) -> str:
    if what.until is not None:
        return f"the provider says that it will be switched off on {_day(what.until)}"
    if what.severity == "minor":
        return "the provider says that it should not be built upon any more"
    found = what.severity == "critical"
    return "the provider was switched off" if found else "its file says that it was switched off"


def _clock(what: IssueOpened) -> str:
    by = timedelta(seconds=what.measured or 0)
    way = "back" if by < timedelta() else "forward"
    often = "" if what.count == 1 else f", the furthest of {what.count} jumps within a day"
    return f"the host's clock jumped {way} by {told(abs(by))}{often}"


def _refused(what: IssueOpened) -> str:
    wrong = GUARDS[what.guard] if what.guard else "was not what it should be"
    if what.threshold.number == 1:
        return f"the answer for {what.stream} {wrong}: it is held until somebody looks"
    return f"the answer for {what.stream} {wrong}, {what.count} times in a row: it was refused"


def _drifting(what: IssueOpened) -> str:
    brought = _brought(what.how, what.measured or 0, what.usual)
    return f"{_row(what.count, hourly=what.hourly)} {what.stream} brought {brought}"


def drifted(what: DriftJudged) -> str:
    """What was found out about what a stream brings, in one sentence without a full stop."""
    if what.how is None:
        return f"what {what.stream} brings has not drifted any more"
    brought = _brought(what.how, what.actual, what.expected)
    return f"{_row(what.in_a_row, hourly=what.hourly)} {what.stream} brought {brought}"


def _row(count: int, *, hourly: bool) -> str:
    noun = "hour" if hourly else "day"
    return f"{_times(count, noun, f'{noun}s')} in a row"


def _brought(how: Drifted | None, actual: float, expected: float | None) -> str:
    if how is Drifted.DUPLICATED:
        return "more records twice than is usual"
    usual = "" if expected is None else f", where {expected:,.0f} are usual"
    if how is Drifted.MISSING:
        return f"nothing{usual}"
    words = "fewer" if expected is not None and actual < expected else "more"
    return f"{words} than usual: {actual:,.0f} in the last{usual}"


SENTENCES: dict[IssueKind, Callable[[IssueOpened], str]] = {
    IssueKind.STALE: _stale,
    IssueKind.GAP: _gap,
    IssueKind.FAILING: _failing,
    IssueKind.FLAPPING: _flapping,
    IssueKind.SLOW: _slow,
    IssueKind.OVERDUE: lambda _: "it is due, and has not started",
    IssueKind.WRITES: _writes,
    IssueKind.GRANT: _grant,
    IssueKind.RETIRED: _retired,
    IssueKind.CLOCK: _clock,
    IssueKind.REFUSED: _refused,
    IssueKind.DRIFTING: _drifting,
    IssueKind.QUEUED: _queued,
}


def _times(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def _milliseconds(number: float | None) -> str:
    return told(timedelta(milliseconds=number or 0))


def _day(at: datetime) -> str:
    return at.date().isoformat()
