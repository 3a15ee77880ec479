"""Which interval would find what is new sooner, or with fewer calls, than the one in force?

Each way to sync is tried on the arrivals that were seen. When exactly one came is not known, so its
delay is the mean over all times at which it may have come, by how usual each of them is.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from daemon.decide import adaptive, quiet, rotation
from events.limits import LimitPolicy, Scope
from events.policy import PolicySet
from projections import policy, rhythm, usual
from projections.rhythm import Arrival, Rhythm
from projections.usual import Placed, Rates, Stretch
from projections.world import World

A_DAY, NO_TIME = timedelta(days=1), timedelta(0)
INTERVALS = {
    "15m": timedelta(minutes=15),
    "30m": timedelta(minutes=30),
    "hourly": timedelta(hours=1),
    "2h": timedelta(hours=2),
    "3h": timedelta(hours=3),
    "every_6_hours": timedelta(hours=6),
    "12h": timedelta(hours=12),
    "daily": A_DAY,
    "weekly": timedelta(days=7),
}
"""Those that are tried, as people write them."""

ADAPTIVE = "adaptive"
ARRIVALS_ENOUGH = 5  # fewer may be chance, until four weeks have shown no more
LONG_ENOUGH = timedelta(days=28)
BETTER = 0.8  # of the delay, or of the syncs: less of a gain is not worth a word
NO_WORSE = 1.02  # times the other one
WORTH = 0.25  # of syncs times delay, which intervals alone cannot change: it knows when to look
LATER = 1.0  # hours: so much later is not much, where that saves most of the syncs
LOOKS_MAX = 2000  # that are tried of the adaptive way: more than its least interval has in weeks


class Word(StrEnum):
    """What there is to say."""

    OWN_INTERVALS = "own-intervals"
    NOT_ENOUGH = "not-enough"
    NOTHING_BETTER = "nothing-better"
    BETTER = "better"


class Way(Struct, frozen=True, kw_only=True):
    """One way to sync, by its `name`, and what it comes to; without arrivals there is no delay.

    `beyond` says that it needs more calls than the provider allows this connection.
    """

    name: str
    syncs_a_day: float
    calls_a_day: float
    delay: timedelta | None = None
    beyond: bool = False


class Advice(Struct, frozen=True, kw_only=True):
    """What holds `now`, all that was tried, and what is `better`, with the evidence.

    So many `looks` since then found something in `arrivals` of them. Where that is not enough,
    `looks_left` and `arrivals_left` say how many are missing, and not before `known_at` it will be.
    `comes` is when something new is next expected; None where nothing ever came, or too seldom.
    """

    word: Word
    since: datetime | None = None
    looks: int = 0
    arrivals: int = 0
    looks_left: int = 0
    arrivals_left: int = 0
    known_at: datetime | None = None
    now: Way | None = None
    better: Way | None = None
    ways: tuple[Way, ...] = ()
    comes: Stretch | None = None


class Question(Struct, frozen=True, kw_only=True):
    """All that is to be known of a connection to answer, which takes its time, apart from it."""

    told: Advice
    rhythm: Rhythm
    rules: PolicySet
    due: datetime
    now: datetime
    allowed: float | None
    is_answered: bool


def advise(world: World, subject: int, now: datetime) -> Advice:
    """Nothing is decided by it, and nothing changes."""
    return answer(ask(world, subject, now))


def ask(world: World, subject: int, now: datetime) -> Question:
    """At once."""
    known = world.connections[subject]
    of, seen = known.rhythm, rhythm.arrivals(known.rhythm)
    told = _evidence(of, seen)
    own = rotation.own_intervals(world, subject)
    told = replace(told, word=Word.OWN_INTERVALS) if own else told
    return Question(
        told=told,
        rhythm=of,
        rules=policy.of_connection(world, subject),
        due=known.schedule.due or now,
        now=now,
        allowed=_allowed(world, subject),
        is_answered=bool(own) or not _is_enough(of, told),
    )


def answer(question: Question) -> Advice:
    """Some 40 ms of work, wherever that is done."""
    told, of, now = question.told, question.rhythm, question.now
    if question.is_answered:
        return told
    assert of.since is not None, "there is enough to tell from"
    assert of.looked is not None, "there is enough to tell from"
    seen = rhythm.arrivals(of)
    rates = usual.rates(seen, of.looked)
    scene = _Scene(
        rules=question.rules,
        rates=rates,
        seen=seen,
        placed=[usual.placed(each, rates) for each in seen],
        since=told.since or of.since,
        looked=of.looked,
        looks=told.looks,
        due=question.due,
        now=now,
        calls=of.calls,
        allowed=question.allowed,
    )
    today, ways = _today(scene), tuple(_ways(scene))
    better = _better(today, ways)
    word = Word.BETTER if better else Word.NOTHING_BETTER
    comes = usual.comes(rates, now)
    return replace(told, word=word, now=today, ways=ways, better=better, comes=comes)


class _Scene(Struct, frozen=True, kw_only=True):
    """What ways are tried on: what came, in how many looks, and what holds there."""

    rules: PolicySet
    rates: Rates
    seen: Sequence[Arrival]
    placed: Sequence[Placed]
    since: datetime
    looked: datetime
    looks: int
    due: datetime
    now: datetime
    calls: int
    allowed: float | None


def _evidence(of: Rhythm, seen: Sequence[Arrival]) -> Advice:
    """How much is known, and how much is missing."""
    since = of.since
    long = since is not None and of.looked is not None and of.looked - since >= LONG_ENOUGH
    return Advice(
        word=Word.NOT_ENOUGH,
        since=seen[0].after if seen else since,
        looks=sum(each.looks for each in seen) + of.empty if seen else of.looks,
        arrivals=len(seen),
        looks_left=max(0, adaptive.ENOUGH_LOOKS - of.looks),
        arrivals_left=0 if long else max(0, ARRIVALS_ENOUGH - len(seen)),
        known_at=since + adaptive.ENOUGH_TIME if since else None,
    )


def _is_enough(of: Rhythm, told: Advice) -> bool:
    """Whether anything can be said, from what is known."""
    if of.since is None or of.looked is None or told.looks_left or told.arrivals_left:
        return False
    return of.looked >= (told.known_at or of.looked)


def _allowed(world: World, subject: int) -> float | None:
    """How many calls a day its provider allows this connection: its share of what all share."""
    at = world.providers[world.connections[subject].provider]
    return min((_a_day(each, at.connections) for each in at.limits), default=None)


def _a_day(limit: LimitPolicy, connections: int) -> float:
    many = limit.calls * (A_DAY / limit.span.per)
    return many / max(1, connections) if limit.scope is Scope.APPLICATION else many


def _today(scene: _Scene) -> Way:
    """What holds now; what is adaptive is not tried but counted."""
    if not scene.rules.adaptive:
        return _fixed(scene, "now", scene.rules.interval)
    came = [_mean(each) for each in scene.placed]
    delays = [each.found - at for each, at in zip(scene.seen, came, strict=True)]
    return _way(scene, "now", scene.looks / (_length(scene) / A_DAY), delays)


def _ways(scene: _Scene) -> Sequence[Way]:
    same = None if scene.rules.adaptive else scene.rules.interval
    found = [
        _fixed(scene, name, interval) for name, interval in INTERVALS.items() if interval != same
    ]
    return [*found, _adaptive(scene)] if scene.seen and not scene.rules.adaptive else found


def _fixed(scene: _Scene, name: str, interval: timedelta) -> Way:
    """Its turns lie where they would: the next one stays, if it is no further off than that."""
    due = min(scene.due, scene.now + interval)
    quiet_ = scene.rules.quiet_hours_start != scene.rules.quiet_hours_end

    def waits(at: datetime) -> timedelta:
        slot = (due - at) % interval
        return _begins(scene, at + slot) - at if quiet_ else slot

    delays = [sum((part * waits(at) for at, part in of), NO_TIME) for of in scene.placed]
    return _way(scene, name, A_DAY / interval, delays)


def _adaptive(scene: _Scene) -> Way:
    """As it would have gone, had it known then what is known now."""
    rules = replace(scene.rules, adaptive=True)
    came = [_mean(each) for each in scene.placed]
    now, found, looks, at = scene.since, scene.since, 0, 0
    delays = list[timedelta]()
    while at < len(came) and looks < LOOKS_MAX:
        looks += 1
        new = [now - each for each in came[at:] if each <= now]
        delays += new
        at, found = at + len(new), now if new else found
        plan = adaptive.planned(scene.rates, found, looks, rules, now)
        now = _begins(scene, plan.due)
    return _way(scene, ADAPTIVE, looks / (max(now - scene.since, A_DAY) / A_DAY), delays)


def _way(scene: _Scene, name: str, syncs: float, delays: Sequence[timedelta]) -> Way:
    calls = syncs * scene.calls
    return Way(
        name=name,
        syncs_a_day=syncs,
        calls_a_day=calls,
        delay=sum(delays, NO_TIME) / len(delays) if delays else None,
        beyond=scene.allowed is not None and calls > scene.allowed,
    )


def _better(today: Way, ways: Sequence[Way]) -> Way | None:
    """Clearly better in one, and no, or not much, worse in the other; the most of both."""
    found = [each for each in ways if not each.beyond and _is_better(each, today)]
    return min(found, key=lambda each: each.syncs_a_day * _hours(each), default=None)


def _is_better(way: Way, today: Way) -> bool:
    syncs, before = way.syncs_a_day, today.syncs_a_day
    delay, was = _hours(way), _hours(today)
    sooner = delay <= BETTER * was and syncs <= NO_WORSE * before
    fewer = syncs <= BETTER * before and delay <= NO_WORSE * was
    worth = syncs * delay <= WORTH * before * was and delay <= was + LATER
    return fewer or (way.delay is not None and (sooner or worth))


def _hours(way: Way) -> float:
    """Where nothing came, all wait alike."""
    return 1.0 if way.delay is None else way.delay / timedelta(hours=1)


def _begins(scene: _Scene, at: datetime) -> datetime:
    """Not inside quiet hours."""
    return quiet.ends(scene.rules, at) or at


def _mean(of: Placed) -> datetime:
    """When it came, as far as one can say."""
    last = of[0][0]
    return last - sum((part * (last - at) for at, part in of), NO_TIME)


def _length(scene: _Scene) -> timedelta:
    return max(scene.looked - scene.since, A_DAY)
