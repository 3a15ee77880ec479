"""How long does reading what came to a busy connection take, from the read model and from its log?

Its log has a sync every six hours, a year long, with others'; asked for are ten weeks of it.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from daemon.read_model import traces as kept
from daemon.read_model.facts import Facts
from daemon.read_model.file import Position, ReadModel
from daemon.read_model.traces import Asked
from events.reading import Reader
from projections import arrivals, drifted, traces
from projections.arrivals import Came
from projections.drift import Rule
from tests.benchmarks import long_log
from tests.benchmarks.figure import Figure
from tests.benchmarks.history import history

EVENTS = 60_000
CONNECTIONS = 4
T = TypeVar("T")
READ = timedelta(days=70)
TURNS = 20
PAGE_EVENTS = 250
BAR_S = 0.1  # of judging a connection: ten a second are judged at most


def figures(events: int = EVENTS) -> Iterator[Figure]:
    written = history(CONNECTIONS, events)
    with tempfile.TemporaryDirectory(prefix="came-") as name:
        state = Path(name)
        long_log.write(state, iter(written))
        log, model = Reader(state / "log"), ReadModel(state / "read", "one")
        facts = Facts({})
        for each in written:
            facts.fold(each)
        position = Position(seq=written[-1].seq, at=written[-1].at)
        model.write(position, facts.take(), facts.members)
        until = written[-1].at
        after = next(each.seq for each in written if each.at >= until - READ)
        asked = Asked(
            connection=2, after=after, last=written[-1].seq, since=until - READ, until=until
        )
        by_model, ours = _timed(lambda: kept.came(asked, model.connection))
        by_log, theirs = _timed(lambda: _logged(log, asked))
        assert by_model == by_log, "both say the same"
        assert by_model is not None, "it reaches that far"
        yield _figure("what came in ten weeks, by the read model, against the log", ours, theirs)
        names = {each.stream for each in by_model.captures}
        _, judging = _timed(
            lambda: [drifted.judged(by_model, each, "UTC", until, Rule()) for each in names]
        )
        yield _figure("reading and judging a connection of 3 streams", ours + judging, BAR_S)
        model.close()
        log.close()


def _logged(log: Reader, asked: Asked) -> Came:
    gathering, after = arrivals.Gathering(asked.since), asked.after
    while page := log.read(after, subject=asked.connection, limit=PAGE_EVENTS):
        for recorded in page:
            if (found := traces.trace(recorded)) is not None:
                gathering.add(found)
        after = page[-1].seq
    return gathering.came(asked.until)


def _timed(call: Callable[[], T]) -> tuple[T, float]:
    found, times = call(), list[float]()
    for _ in range(TURNS):
        begun = time.perf_counter()
        call()
        times.append(time.perf_counter() - begun)
    return found, statistics.median(times)


def _figure(figure: str, value: float, limit: float) -> Figure:
    return Figure(
        figure=figure,
        value=round(value * 1000, 3),
        limit=round(limit * 1000, 3),
        ratio=round(value / limit, 3),
        unit="ms",
    )
