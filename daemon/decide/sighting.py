"""What does somebody see who looks at one subject for what is wrong, and until when is it so?"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from events.issues import IssueKind, IssueOpened, Severity
from events.policy import PolicySet
from events.schema import FLEET
from projections import issues, policy, signs
from projections.connection import Connection
from projections.issues import Issue, Key
from projections.provider import Provider
from projections.signs import Mark, Signs
from projections.world import World

CENTURY = timedelta(days=36_525)  # nobody waits for longer, and a sum with it is a date
SETTLING = timedelta(minutes=15)  # what was late while we were away gets that long to catch up

ADDED = "what is known of a connection begins when it is added"

GRAVITY = (Severity.MINOR, Severity.MAJOR, Severity.CRITICAL)
"""Ever graver."""

Steps: TypeAlias = tuple[int, ...]
"""How many times its threshold something must be for each severity, from minor on."""


class View(Struct, frozen=True, kw_only=True):
    """A connection as it is looked at `now`; `open` are the issues that it has already.

    `asked` is a threshold for what is stale that was named with the question, and goes before all
    settings. Since `alive` we live: before that nobody could have done anything about it. None
    where that excuses nothing.
    """

    world: World
    subject: int
    now: datetime
    known: Connection
    at: Provider
    signs: Signs
    rules: PolicySet
    open: Mapping[Key, Issue]
    asked: timedelta | None
    alive: datetime | None

    @property
    def settles(self) -> datetime | None:
        """Until when what is late may still be caught up; None where that is over."""
        return settles(self.alive, self.now)

    def has(self, kind: IssueKind, stream: str = "") -> bool:
        return (kind, stream) in self.open


class Verdict(Struct, frozen=True, kw_only=True):
    """What is wrong, and when time alone may change that; None: never."""

    found: tuple[IssueOpened, ...] = ()
    again: datetime | None = None


FINE = Verdict()


def view(
    world: World, subject: int, now: datetime, asked: timedelta | None, *, fresh: bool
) -> View:
    """A `fresh` look knows nothing of issues that are open, and gives no grace."""
    known = world.connections[subject]
    return View(
        world=world,
        subject=subject,
        now=now,
        known=known,
        at=world.providers[known.provider],
        signs=world.signs.get(subject, signs.NOTHING),
        rules=policy.of_connection(world, subject),
        open={} if fresh else there(world, subject),
        asked=asked,
        alive=alive(world, fresh=fresh),
    )


def settles(alive: datetime | None, now: datetime) -> datetime | None:
    """Until when what is late is not told in a life that began then; None where that is over."""
    until = None if alive is None else later(alive, SETTLING)
    return until if until and now < until else None


def alive(world: World, *, fresh: bool) -> datetime | None:
    """Since when we live; a `fresh` look gives no grace for that."""
    started = world.signs.get(FLEET, signs.NOTHING).started
    return None if fresh or started is None else started.at


def there(world: World, subject: int) -> dict[Key, Issue]:
    """The issues of a subject that are open."""
    known = world.issues.get(subject)
    return {issues.key(each): each for each in known.open} if known else {}


def joined(verdicts: Iterable[Verdict]) -> Verdict:
    """All that is wrong, until the first of it may change."""
    found: list[IssueOpened] = []
    again: datetime | None = None
    for each in verdicts:
        found += each.found
        again = sooner(again, each.again)
    return Verdict(found=tuple(found), again=again)


def grade(
    now: datetime, since: datetime, span: timedelta, steps: Steps
) -> tuple[Severity | None, datetime | None]:
    """How bad it is that something lasts since then, and when that will be worse.

    Of a clock that stepped back, it has only begun.
    """
    found: Severity | None = None
    for severity, times in zip(GRAVITY, steps, strict=False):
        due = since + min(span, CENTURY) * times
        if now < due:
            return found, due
        found = severity
    return found, None


def later(at: datetime, span: timedelta) -> datetime:
    return at + min(span, CENTURY)


def earlier(at: datetime, span: timedelta) -> datetime:
    return at - min(span, CENTURY)


def sooner(one: datetime | None, other: datetime | None) -> datetime | None:
    """The first of the two that there is."""
    return min((each for each in (one, other) if each is not None), default=None)


def at_least(found: IssueOpened, before: Severity) -> IssueOpened:
    """The same, and as grave as it was before."""
    return replace(found, severity=max(found.severity, before, key=GRAVITY.index))


def numbers(*marks: Mark | int | None) -> tuple[int, ...]:
    """The events that show it, in order."""
    found = {each.seq if isinstance(each, Mark) else each for each in marks if each}
    return tuple(sorted(found))
