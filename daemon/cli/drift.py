"""Does a connection bring what it usually brings, and would it have alarmed?"""

from collections.abc import Iterable
from pathlib import Path

import click

from daemon.cli import arguments, asof, client, drift_words, screen, value_words, when
from daemon.cli.arguments import as_json, examples
from daemon.control.drift_messages import (
    DAYS,
    DAYS_MAX,
    DriftAnswer,
    DriftBacktest,
    StreamAlarms,
    StreamDrift,
)
from projections.drift import ALARMS, Word

SHOWN = 50  # alarms of a stream, the last ones: who has more needs another threshold first


@click.command(
    epilog=examples(
        "rounds drift acme/weather",
        "rounds drift acme/weather --stream days --json",
        "rounds drift acme/weather --at '2026-11-20 14:00'",
        "rounds drift acme/weather --days 400 --backtest --threshold 5",
    )
)
@arguments.connection
@click.option("--stream", metavar="NAME", help="Only this stream.")
@click.option(
    "--days",
    type=click.IntRange(1, DAYS_MAX),
    default=DAYS,
    show_default=True,
    help="How far back to look for what is usual.",
)
@when.at
@click.option(
    "--threshold",
    type=click.FloatRange(1, 100),
    metavar="N",
    help="How many spreads off is too far, in place of the setting drift_threshold.",
)
@click.option(
    "--percent",
    type=click.FloatRange(0, 1000),
    metavar="N",
    help="How many percent off is too far, in place of the setting drift_percent.",
)
@click.option("--backtest", is_flag=True, help="What would have alarmed in these days, and when.")
@as_json
@click.pass_obj
def drift(
    socket: Path | None,
    *,
    connection: str,
    stream: str | None,
    days: int,
    at: str | None,
    threshold: float | None,
    percent: float | None,
    backtest: bool,
    as_json: bool,
) -> None:
    """Say how far what CONNECTION brings is off what it usually brings.

    For each stream: how many new records were expected in the last whole day (or hour, where it is
    synced hourly), how many came, and since when that is so; whether its newest data is older than
    usual at this hour of the week; and whether the fields that its provider's file says to watch
    have the values that they usually have, or what it takes until that can be told. The terms of a
    verdict stand below it (of a steady one, with --stream). Too far off is more than
    drift_threshold spreads and more than drift_percent percent (`rounds policy set CONNECTION
    drift_percent=25`).
    """
    daemon = client.reach(socket)
    answer = daemon.get(
        "drift-backtest" if backtest else "drift",
        connection=connection,
        stream=stream,
        days=days,
        threshold=_typed(threshold),
        percent=_typed(percent),
        **asof.query(at),
    )
    if as_json:
        screen.document(answer)
        return
    if backtest:
        would = client.read(answer, DriftBacktest)
        asof.say(at, would.seq, would.now)
        show_backtest(would)
    else:
        found = client.read(answer, DriftAnswer)
        asof.say(at, found.seq, found.now)
        show(found, all_terms=stream is not None)


def show(found: DriftAnswer, *, all_terms: bool = False) -> None:
    """A line a stream, and below it the terms of what is not as usual, or of each."""
    screen.show(_table(found))
    for each in found.streams:
        if all_terms or not _is_usual(each):
            _say(each, drift_words.why(each, all_terms=all_terms))
        else:
            _say(each, value_words.lacking(each.fields))


def _is_usual(of: StreamDrift) -> bool:
    late = of.freshness is not None and of.freshness.late
    steady = of.verdict is None or of.verdict.word is Word.STEADY
    reshaped = of.reshaped or (of.shape and of.shape.shifts)
    return steady and not late and not reshaped and not value_words.is_any_shifted(of.fields)


def show_backtest(found: DriftBacktest) -> None:
    """What would have alarmed, a line each."""
    screen.line(
        f"with drift_threshold={found.threshold:g} drift_percent={found.percent:g}, "
        f"since {drift_words.day(found.since, found.zone)}:"
    )
    for each in found.streams:
        screen.line()
        screen.line(drift_words.sum_up(each) + drift_words.own_rule(each, found))
        if each.alarms:
            screen.show(_alarms(each, found.zone))
        if len(each.alarms) > SHOWN:
            screen.line(f"the last {SHOWN} of {len(each.alarms):,}; all of them: --json")
        for line in value_words.sum_up(each.fields):
            screen.line(line)


def _typed(number: float | None) -> str | None:
    return None if number is None else f"{number:g}"


def _table(found: DriftAnswer) -> screen.Part:
    table = screen.table(
        "stream", "period", "expected", "actual", "off", "verdict", "since", "newest data",
        right=("expected", "actual", "off"), folds=("stream", "newest data"),
    )  # fmt: skip
    for each in found.streams:
        verdict = each.verdict
        table.add_row(
            screen.printable(each.stream),
            drift_words.period(verdict, each.step, found.zone) if verdict else "",
            drift_words.expected(verdict) if verdict else "",
            f"{verdict.actual:,}" if verdict else "",
            drift_words.off(verdict) if verdict else "",
            drift_words.word(verdict) if verdict else drift_words.unjudged(each),
            drift_words.since(verdict, each.step, found.zone, whole=False) if verdict else "",
            drift_words.age(each.freshness, found.now) if each.freshness else "",
            style=_style(each),
        )
    return table


def _style(of: StreamDrift) -> str:
    late = of.freshness is not None and of.freshness.late
    alarms = of.verdict is not None and of.verdict.word in ALARMS
    if late or alarms or value_words.is_any_shifted(of.fields):
        return "red"
    return "yellow" if of.reshaped or (of.shape is not None and of.shape.shifts) else ""


def _say(of: StreamDrift, lines: Iterable[str]) -> None:
    """Below its name, if there are any."""
    rows = [("" if number else of.stream, line) for number, line in enumerate(lines)]
    if rows:
        screen.line()
        screen.show(screen.pairs(*rows))


def _alarms(of: StreamAlarms, zone: str) -> screen.Part:
    table = screen.table(
        "period", "expected", "actual", "off", "spreads", "verdict", "since",
        right=("expected", "actual", "off", "spreads"),
    )  # fmt: skip
    for each in of.alarms[-SHOWN:]:
        table.add_row(
            drift_words.period(each, of.step, zone),
            drift_words.expected(each),
            f"{each.actual:,}",
            drift_words.off(each),
            "" if each.score is None else f"{each.score:+.1f}",
            drift_words.word(each),
            drift_words.since(each, of.step, zone),
        )
    return table
