"""How long does a tenant with a million events wait for an answer, and what would others take?

A real daemon is asked over its socket, on a connection that is kept; a copy of its log is asked
the same by `GROUP BY`, and PostgreSQL holds document D's tables with the same events. All take
turns in one run, and with them a question that nobody answers: a round trip and nothing else.
"""

import contextlib
import itertools
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

from daemon.clock import SystemClock
from daemon.control.operations import OPERATIONS
from events.codec import to_microseconds
from tests.benchmarks import group_by, long_log, postgres
from tests.benchmarks.figure import Figure
from tests.benchmarks.kept import Kept
from tests.benchmarks.organisation import Organisation, organisation

EVENTS = 1_000_000
DAYS_PAST = 365.0
DAYS = 30
HOURS = 24
REQUESTS = 1_000
TURNS = 5
TURN_S = 8.0  # a turn of somebody who is slow ends early, but not before LEAST
LEAST = 4
SETTLE_S = 0.1
START_S = 900.0  # ten millions are folded before it is ready
OURS, TRIP = "rounds", "a round trip"
NOBODYS = "nothing"  # no operation's name
BARS_MS = {"status": 5.0, "status of a tenant": 5.0, "history of 30 days": 20.0}
"""What the p99 at the socket has to stay under."""

Ask = Callable[[], object]


class Question(NamedTuple):
    """Something that is asked: of a daemon by operation, and of others, if they can be asked it."""

    name: str
    operation: str
    query: Mapping[str, str | int]
    others: str = ""


def questions(tenant: str, connections: Sequence[str]) -> list[Question]:
    """Those that this version's daemon can be asked; of one connection, the first is asked for."""
    of = {"tenant": tenant}
    source = connections[0].partition("/")[2]
    found = [
        Question("status", "status", {}),
        Question("queue", "queue", {}),
        Question("health of a tenant", "analyze-sync-health", of, "status"),
        Question("status of a tenant", "get-sync-health-status", of, "status"),
        Question(
            f"history of {DAYS} days", "get-sync-health-history", {**of, "days": DAYS}, "history"
        ),
        Question(
            "issues of a tenant", "detect-sync-issues", {**of, "threshold_hours": HOURS}, "issues"
        ),
        Question("drift", "calculate-data-drift", {**of, "source": source}, "drift"),
        Question("queue of a tenant", "get-queue-health-metrics", of, "queue"),
    ]
    known = {each.name for each in OPERATIONS}
    return [each for each in found if each.operation in known]


class Row(NamedTuple):
    """One line of the table: milliseconds at p50 and p99, of each who was asked."""

    question: str
    times: Mapping[str, tuple[float, float]]


def figures(
    events: int = EVENTS, tenants: int = 1, days: float = DAYS_PAST, requests: int = REQUESTS
) -> Iterator[Figure]:
    """Every question's p50 and p99 against a round trip, and its median against the others'."""
    with organisation(events, days, tenants) as org, contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="asked-")))
        others = _others(org, directory, stack)
        org.made.start(START_S)
        daemon = stack.enter_context(contextlib.closing(Kept(org.made.home.socket)))
        rows = []
        asked_for = questions(org.tenants[0], [*org.subjects])
        settle(daemon, asked_for)
        for question in asked_for:
            asked = {
                OURS: partial(_answered, daemon, question),
                TRIP: partial(daemon.ask, NOBODYS, {}),
                **others.get(question.others, {}),
            }
            rows.append(_timed(question.name, asked, requests))
        sys.stderr.write(table(rows))
        yield from _figures(rows)


def settle(daemon: Kept, asked: Iterable[Question]) -> None:
    """Wait until every question is answered: the read model may have to be made anew first."""
    over = time.monotonic() + START_S
    for question in asked:
        while daemon.ask(question.operation, question.query)[0] == HTTPStatus.CONFLICT:
            assert time.monotonic() < over, f"{question.name} is not answered"
            time.sleep(SETTLE_S)


def _others(
    org: Organisation, directory: Path, stack: contextlib.ExitStack
) -> dict[str, dict[str, Ask]]:
    """Who else is asked what: by question, then by name. The log is still as it was written."""
    state, now = org.made.home.state, to_microseconds(SystemClock().now())
    tenant = next(each.tenant for each in org.past.cast.accounts)
    source = next(iter(org.subjects.values()))
    lite = group_by.index(state / "log", directory / "copy")
    stack.callback(lite.close)
    assert not group_by.unindexed(lite), group_by.unindexed(lite)
    found: dict[str, dict[str, Ask]] = {
        "status": {"GROUP BY": partial(group_by.status, lite, tenant)},
        "history": {"GROUP BY": partial(group_by.history, lite, tenant, now, DAYS)},
        "issues": {"GROUP BY": partial(group_by.issues, lite, tenant, now, HOURS)},
        "drift": {"GROUP BY": partial(group_by.drift, lite, tenant, source, now)},
        "queue": {"GROUP BY": partial(group_by.queue, lite, tenant)},
    }
    if why_not := postgres.why_not():
        sys.stderr.write(f"{why_not}\n")
        return found
    big = stack.enter_context(postgres.server())
    postgres.fill(big, long_log.read(state))
    assert not postgres.unindexed(big, tenant, now), postgres.unindexed(big, tenant, now)
    found["status"]["PostgreSQL"] = partial(postgres.status, big, tenant)
    found["history"]["PostgreSQL"] = partial(postgres.history, big, tenant, now, DAYS)
    found["issues"]["PostgreSQL"] = partial(postgres.issues, big, tenant, now, HOURS)
    found["drift"]["PostgreSQL"] = partial(postgres.drift, big, tenant, source, now)
    found["queue"]["PostgreSQL"] = partial(postgres.queue, big, tenant)
    return found


def _answered(daemon: Kept, question: Question) -> None:
    status, answer = daemon.ask(question.operation, question.query)
    assert status == HTTPStatus.OK, answer


def _timed(name: str, asked: Mapping[str, Ask], requests: int) -> Row:
    """All of them take turns."""
    times: dict[str, list[float]] = {each: [] for each in asked}
    for ask in asked.values():
        ask()  # what is worked out once, and kept, is not what is measured
    for _ in range(TURNS):
        for each, ask in asked.items():
            times[each] += _turn(ask, requests // TURNS)
    return Row(name, {each: _p50_p99(found) for each, found in times.items()})


def _turn(ask: Ask, requests: int) -> list[float]:
    over, found = time.perf_counter() + TURN_S, list[float]()
    for count in itertools.count(1):
        begun = time.perf_counter()
        ask()
        ended = time.perf_counter()
        found.append(ended - begun)
        if count >= requests or (ended > over and count >= LEAST):
            return found
    raise AssertionError("counting never ends")


def _p50_p99(times: list[float]) -> tuple[float, float]:
    cut = statistics.quantiles(times, n=100, method="inclusive")
    return cut[49] * 1000, cut[98] * 1000


def _figures(rows: list[Row]) -> Iterator[Figure]:
    for row in rows:
        ours, trip = row.times[OURS], row.times[TRIP]
        for place, part in enumerate(("p50", "p99")):
            figure = f"{row.question}: {part} at the socket, against a round trip"
            yield _figure(figure, ours[place], trip[place])
        for other in ("GROUP BY", "PostgreSQL"):
            if other in row.times:
                figure = f"{row.question}: p50 at the socket, against {other}"
                yield _figure(figure, ours[0], row.times[other][0])
        if (bar := BARS_MS.get(row.question)) is not None:
            yield _figure(f"{row.question}: p99 at the socket, against its bar", ours[1], bar)


def _figure(figure: str, value: float, limit: float) -> Figure:
    return Figure(
        figure=figure,
        value=round(value, 3),
        limit=round(limit, 3),
        ratio=round(value / limit, 3),
        unit="ms",
    )


def table(rows: list[Row]) -> str:
    """For people: p50 / p99 in milliseconds, and how many times ours the others' p50 is."""
    who = list(dict.fromkeys(each for row in rows for each in row.times))
    others = [each for each in who if each not in (OURS, TRIP)]
    lines = [["question", *who, *(f"{each}, times" for each in others)]]
    for row in rows:
        cells = [_cell(row.times.get(each)) for each in who]
        ratios = [_ratio(row.times.get(each), row.times[OURS]) for each in others]
        lines.append([row.question, *cells, *ratios])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        + "\n"
        for line in lines
    )


def _cell(times: tuple[float, float] | None) -> str:
    return f"{times[0]:.2f} / {times[1]:.2f}" if times else ""


def _ratio(times: tuple[float, float] | None, ours: tuple[float, float]) -> str:
    return f"{times[0] / ours[0]:.2f}" if times else ""
