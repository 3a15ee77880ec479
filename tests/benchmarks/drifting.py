"""How much of what goes wrong does drift find on real series, and how much of what it says is so?

The tables that `vega_datasets` carries along, as streams that bring so many records a day or an
hour; where a table has a line a month, a line stands for a day. Into a copy of each a seeded
generator puts one incident at a time. An alarm of its kind in it, or on the period after it, finds
it; any alarm before it is false, and so is one later than two weeks after it, by when levels have
found back. `threshold` and `percent` are chosen on the daily series of TUNED, as those of GRID that
find most without an alarm on them as they are. The others had no say in that, but wind and
precipitation were in view when it was settled what is measured and what is irregular; the rest was
not looked at before. Beside the alarms stand the issues that the daemon's decisions open by them:
an incident of a single period opens none, so those are left out there.
"""

import csv
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from daemon.decide.drifting import OPEN_AFTER
from projections import drift
from projections.arrivals import Point, Series, Step
from projections.baseline import ENOUGH, LEVEL, WINDOW
from projections.drift import ALARMS, Rule, Verdict, Word
from tests.benchmarks import drift_issues
from tests.benchmarks.figure import Figure

SEED = 20261129
TRIALS = 12  # of each kind, on each series
TUNED = ("max temperature", "min temperature", "Seattle by day", "Seattle by hour")
GRID = [
    Rule(threshold=threshold, percent=percent)
    for threshold in (3.5, 4.0, 5.0, 6.0, 7.0, 8.0)
    for percent in (25.0, 30.0, 40.0, 50.0)
]
FIRST = datetime(2020, 1, 6, tzinfo=UTC)
STEPS = {Step.DAY: timedelta(days=1), Step.HOUR: timedelta(hours=1)}
CALM = 14  # periods after an incident, in which levels find back


class Incident(Struct, frozen=True, kw_only=True):
    """What was put in, from one period up to another, and what may be said of it."""

    kind: str
    first: int
    last: int
    words: frozenset[Word]


class Tally(Struct, kw_only=True):
    """So many of the incidents were found; so many of the alarms were false."""

    incidents: int = 0
    found: int = 0
    alarms: int = 0
    false: int = 0

    @property
    def recall(self) -> float:
        return self.found / self.incidents if self.incidents else 1.0

    @property
    def precision(self) -> float:
        return 1 - self.false / self.alarms if self.alarms else 1.0


KINDS = ("gap", "dip", "shift down", "shift up", "duplicates", "doubled")
LOWS = frozenset({Word.LOW, Word.SHIFTED, Word.MISSING})
HIGHS = frozenset({Word.HIGH, Word.SHIFTED})


# -- the series -----------------------------------------------------------------------------------


def tables() -> dict[str, Series]:
    """By name. Temperatures in tenths of degrees Fahrenheit: nothing of them is below zero."""
    weather = _rows("seattle-weather.csv")
    days = [datetime.strptime(each["date"], "%Y/%m/%d").replace(tzinfo=UTC) for each in weather]

    def column(name: str, factor: float, plus: float = 0) -> Series:
        counts = [round(float(each[name]) * factor + plus) for each in weather]
        return _series(Step.DAY, dict(zip(days, counts, strict=True)))

    found = {
        "max temperature": column("temp_max", 18, 320),
        "min temperature": column("temp_min", 18, 320),
        "wind": column("wind", 10),
        "precipitation": column("precipitation", 10),
    }
    for name, file, form in (
        ("Seattle", "seattle-temps.csv", "%Y/%m/%d %H:%M"),
        ("San Francisco", "sf-temps.csv", "%Y/%m/%d %H:%M:%S"),
    ):
        found |= _by_hour_and_day(name, _rows(file), form)
    jobs = _rows("us-employment.csv")
    for name in jobs[0]:
        if name not in {"month", "nonfarm_change"}:
            line = {FIRST + timedelta(days=n): round(float(e[name])) for n, e in enumerate(jobs)}
            found[f"jobs: {name}"] = _series(Step.DAY, line)
    return found


def _rows(name: str) -> list[dict[str, str]]:
    spec = find_spec("vega_datasets")  # found, not imported: importing it takes pandas along
    assert spec is not None, "a test dependency"
    assert spec.origin is not None, "it has files"
    with (Path(spec.origin).parent / "_data" / name).open() as file:
        return [*csv.DictReader(file)]


def _by_hour_and_day(name: str, rows: list[dict[str, str]], form: str) -> dict[str, Series]:
    hours, days = {}, defaultdict(int)
    for each in rows:
        at = datetime.strptime(each["date"], form).replace(tzinfo=UTC)
        hours[at] = round(float(each["temp"]) * 10)
        days[at.replace(hour=0)] += hours[at]
    return {
        f"{name} by hour": _series(Step.HOUR, hours),
        f"{name} by day": _series(Step.DAY, days),
    }


def _series(step: Step, counts: Mapping[datetime, int]) -> Series:
    points = tuple(Point(at=at, new=n, fetched=n, syncs=1) for at, n in sorted(counts.items()))
    return Series(step=step, points=points)


# -- what goes wrong ------------------------------------------------------------------------------


def incidents(name: str, series: Series, trials: int) -> Iterator[tuple[Series, Incident]]:
    """Stretches of the series, each with one incident that lies where enough came before it."""
    step, dice = series.step, random.Random(f"{SEED} {name}")
    known = LEVEL[step] + WINDOW[step]
    least = LEVEL[step] + ENOUGH[step]
    for kind in KINDS:
        for _ in range(trials):
            length = dice.randint(1, 3) if not kind.startswith("shift") else 10
            at = dice.randrange(least, len(series.points) - length - CALM)
            start, end = max(0, at - known), at + length + CALM
            points = list(series.points[start:end])
            first = at - start
            factor = dice.uniform(0.2, 0.5) if kind != "shift up" else dice.uniform(2.0, 3.0)
            keyed = kind == "duplicates"
            for index in range(first, first + length):
                points[index] = _wrong(kind, points[index], factor, keyed=keyed)
            words = {"shift up": HIGHS, "doubled": HIGHS, "duplicates": {Word.DUPLICATED}}
            yield (
                replace(series, points=tuple(points)),
                Incident(
                    kind=kind,
                    first=first,
                    last=first + length - 1,
                    words=frozenset(words.get(kind, LOWS)),
                ),
            )


def _wrong(kind: str, point: Point, factor: float, *, keyed: bool) -> Point:
    """What it is in an incident. What comes twice under one key is added once."""
    if keyed:
        return replace(point, fetched=point.fetched * 2, duplicates=point.fetched)
    new = {"gap": 0, "doubled": point.new * 2}.get(kind, round(point.new * factor))
    return replace(point, new=new, fetched=new)


def tally(
    name: str, series: Series, rule: Rule, trials: int, issues: dict[str, Tally] | None = None
) -> dict[str, Tally]:
    """By kind; the issues that come of those that last for long enough, into `issues`."""
    found: dict[str, Tally] = defaultdict(Tally)
    for made, incident in incidents(name, series, trials):
        verdicts = drift.verdicts(made, rule, len(made.points) - incident.first + CALM)
        offset = len(made.points) - len(verdicts)
        _count(found[incident.kind], incident, verdicts, offset)
        if issues is not None and incident.last - incident.first >= OPEN_AFTER - 1:
            at = [offset + index for index in drift_issues.opened(verdicts, series.step)]
            _count_issues(issues.setdefault(incident.kind, Tally()), incident, at)
    return found


def _count_issues(into: Tally, incident: Incident, at: list[int]) -> None:
    """One that opens while it lasts, or in the period after it, finds it."""
    into.incidents += 1
    into.found += any(incident.first <= each <= incident.last + 1 for each in at)
    into.alarms += len(at)
    into.false += sum(not incident.first <= each <= incident.last + CALM for each in at)


def _count(into: Tally, incident: Incident, verdicts: list[Verdict], offset: int) -> None:
    at = [index + offset for index, each in enumerate(verdicts) if each.word in ALARMS]
    right = [
        index + offset
        for index, each in enumerate(verdicts)
        if each.word in incident.words and incident.first <= index + offset <= incident.last + 1
    ]
    into.incidents += 1
    into.found += bool(right)
    into.alarms += len(at)
    into.false += sum(not incident.first <= each <= incident.last + CALM for each in at)


def untouched(series: Series, rule: Rule) -> int:
    """How many alarms there are where nothing was put in."""
    return sum(each.word in ALARMS for each in drift.verdicts(series, rule))


# -- what comes of it -----------------------------------------------------------------------------


def choose(found: Mapping[str, Series], trials: int) -> Rule:
    """The rule of GRID that finds most in these, of those that let them be as they are."""
    quiet = [rule for rule in GRID if not any(untouched(each, rule) for each in found.values())]
    assert quiet, "one of them alarms at nothing"

    def recall(rule: Rule) -> float:
        tallies = [tally(name, each, rule, trials) for name, each in found.items()]
        return sum(t.found for by in tallies for t in by.values())

    return max(quiet, key=recall)


def figures(trials: int = TRIALS, *, hours: bool = True) -> Iterator[Figure]:
    every = {n: each for n, each in tables().items() if hours or each.step is Step.DAY}
    tuned = {name: each for name, each in every.items() if name in TUNED}
    rule = choose({n: each for n, each in tuned.items() if each.step is Step.DAY}, trials)
    yield _figure("threshold chosen", rule.threshold, Rule().threshold, "spreads")
    yield _figure("percent chosen", rule.percent, Rule().percent, "%")
    jobs = {name: each for name, each in every.items() if name.startswith("jobs")}
    others = {name: each for name, each in every.items() if name not in {*TUNED, *jobs}}
    for word, part in (("tuned", tuned), ("held out", others), ("held out, jobs", jobs)):
        sum_: dict[str, Tally] = defaultdict(Tally)
        issues: dict[str, Tally] = {}
        alarms = opened = periods = 0
        for name, each in part.items():
            verdicts = drift.verdicts(each, Rule())
            alarms += sum(each.word in ALARMS for each in verdicts)
            opened += len(drift_issues.opened(verdicts, each.step))
            periods += len(each.points)
            for kind, one in tally(name, each, Rule(), trials, issues).items():
                add(sum_[kind], one)
        yield _figure(f"{word}: alarms on {periods:,} untouched periods", alarms, 0, "alarms")
        yield _figure(f"{word}: issues on {periods:,} untouched periods", opened, 0, "issues")
        yield from _told(f"{word}: {{}}, {{}} put in", sum_)
        yield from _told(f"{word}: issues of {{}}, {{}} that last", issues)


def _told(words: str, found: Mapping[str, Tally]) -> Iterator[Figure]:
    for kind, one in found.items():
        of = words.format(kind, one.incidents)
        yield _figure(f"{of}, recall", one.recall, 1, "part")
        yield _figure(f"{of}, precision", one.precision, 1, "part")


def add(into: Tally, one: Tally) -> None:
    into.incidents += one.incidents
    into.found += one.found
    into.alarms += one.alarms
    into.false += one.false


def _figure(figure: str, value: float, limit: float, unit: str) -> Figure:
    ratio = round(value / limit, 3) if limit else value
    return Figure(figure=figure, value=round(value, 3), limit=limit, ratio=ratio, unit=unit)
