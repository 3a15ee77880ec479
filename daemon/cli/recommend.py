"""How often would connections best be synced?"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import click

from daemon.cli import asof, client, recommend_words, screen, times, when
from daemon.cli.arguments import as_json, examples
from daemon.cli.whose import query, whose
from daemon.control.recommend_messages import Recommendation, Recommendations


@click.command(
    epilog=examples("rounds recommend", "rounds recommend acme/weather", "rounds recommend acme")
)
@whose
@when.at
@as_json
@click.pass_obj
def recommend(socket: Path | None, whose: str | None, at: str | None, as_json: bool) -> None:
    """Say which interval would find new data sooner, or with fewer calls, and what to type.

    That is tried on when something new really came, as far as syncs have seen: a sync that finds
    something knows that it came since the one before. Nothing changes by it. Of one connection all
    intervals that were tried are shown, and at which hours something new usually comes.
    """
    answer = client.reach(socket).get("recommend", **query(whose), **asof.query(at))
    if as_json:
        screen.document(answer)
        return
    found = client.read(answer, Recommendations)
    asof.say(at, found.seq, found.now)
    if not found.recommendations:
        screen.line("there are no connections yet; `rounds connection add` adds one")
        return
    show(found)


def show(found: Recommendations) -> None:
    """A line a connection, all that was tried where it is one alone, and what to type."""
    told = [each for each in found.recommendations if each.word != "not-enough"]
    lacking = [each for each in found.recommendations if each.word == "not-enough"]
    if told:
        screen.show(_table(told, found.now))
    if told and lacking:
        screen.line()
    if lacking:
        screen.line(recommend_words.LACKING)
        screen.show(_missing(lacking, found.now))
    if found.left_out:
        screen.line(f"and {found.left_out:,} connections more; name a tenant to see its own")
    if len(found.recommendations) == 1 and found.recommendations[0].ways:
        _show_one(found.recommendations[0], found.now)
    if commands := [each.command for each in found.recommendations if each.command]:
        screen.line()
        for each in commands:
            screen.line(f"    {each}")


def _show_one(of: Recommendation, now: datetime) -> None:
    screen.line()
    if of.new_by is not None:
        next_ = times.clock(of.usual_since or of.new_by, now)
        screen.line(f"new data comes {recommend_words.comes(of)}, the next {next_}")
        screen.line()
    screen.show(_ways(of))


def _table(found: Sequence[Recommendation], now: datetime) -> screen.Part:
    table = screen.table(
        "connection",
        "syncs a day",
        "found after",
        "evidence",
        "recommended",
        right=("syncs a day",),
        folds=("connection", "evidence", "recommended"),
    )
    for each in found:
        table.add_row(*_row(each, now), style="" if each.better else "dim")
    return table


def _row(of: Recommendation, now: datetime) -> tuple[str, ...]:
    syncs = recommend_words.number(of.now.syncs_a_day) if of.now else ""
    delay = recommend_words.delay(of.now) if of.now else ""
    evidence = recommend_words.evidence(of, now)
    if comes := recommend_words.comes(of):
        evidence = f"{evidence}, {comes}"
    return of.connection, syncs, delay, evidence, recommend_words.advice(of)


def _missing(found: Sequence[Recommendation], now: datetime) -> screen.Part:
    table = screen.table(
        "connection",
        "looks",
        "arrivals",
        "not before",
        "evidence",
        right=("looks", "arrivals"),
        folds=("connection", "evidence"),
    )
    for each in found:
        missing = recommend_words.missing(each, now)
        table.add_row(each.connection, *missing, recommend_words.evidence(each, now))
    return table


def _ways(of: Recommendation) -> screen.Part:
    right = ("syncs a day", "calls a day")
    table = screen.table("tried", *right, "found after", "", right=right)
    for each in (*([of.now] if of.now else []), *of.ways):
        beyond = "more calls than its provider allows" if each.beyond else ""
        style = "bold" if each == of.better else ""
        table.add_row(each.name, *recommend_words.way(each), beyond, style=style)
    return table
