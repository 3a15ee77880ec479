"""What does one benchmark report?"""

import gc
import statistics
import time
from collections.abc import Callable

import msgspec

Turn = Callable[[], float]
"""Do the work once: things done per second."""

Times = Callable[[], list[float]]
"""Do the work once: how many seconds each thing took."""


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """A rate or a time of ours, the limit measured beside it, and ours as a part of it."""

    figure: str
    value: float
    limit: float
    ratio: float
    unit: str

    def line(self) -> str:
        return msgspec.json.encode(self).decode() + "\n"


def compare(figure: str, unit: str, ours: Turn, limits: list[Turn], turns: int) -> Figure:
    """Let ours and every limit take turns; the best limit counts."""
    rates: list[list[float]] = [[] for _ in (ours, *limits)]
    for _ in range(turns):
        for turn, measured in zip((ours, *limits), rates, strict=True):
            gc.collect()
            measured.append(turn())
    value, *rest = (statistics.median(measured) for measured in rates)
    limit = max(rest)
    return Figure(
        figure=figure,
        value=round(value),
        limit=round(limit),
        ratio=round(value / limit, 3),
        unit=unit,
    )


def compare_p99(figure: str, ours: Times, limit: Times, turns: int) -> Figure:
    """Let both take turns: in milliseconds, what one in a hundred takes longer than."""
    found: list[tuple[float, float]] = []
    for _ in range(turns):
        gc.collect()
        found.append((_p99_ms(ours()), _p99_ms(limit())))
    value, beside = (statistics.median(each) for each in zip(*found, strict=True))
    return Figure(
        figure=figure,
        value=round(value, 3),
        limit=round(beside, 3),
        ratio=round(value / beside, 3),
        unit="ms",
    )


def _p99_ms(times: list[float]) -> float:
    return statistics.quantiles(times, n=100, method="inclusive")[-1] * 1000


def rate(count: int, work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return count / (time.perf_counter() - begun)


def cpu_rate(count: int, work: Callable[[], object]) -> float:
    """Of what neither waits nor writes: in the processor's time, so that neighbours count less."""
    begun = time.process_time()
    work()
    return count / (time.process_time() - begun)
