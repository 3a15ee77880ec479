"""How healthy is everything, and each connection?"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import click
import msgspec

from daemon.cli import asof, client, screen, times, when
from daemon.cli.arguments import as_json, examples
from daemon.cli.connection_facts import streams
from daemon.cli.whose import query, whose
from daemon.control.rotation_messages import (
    ConnectionHealth,
    HealthAnalysis,
    ReasonView,
    SystemHealth,
)

SHOWN = 50  # connections, the worst first: who has more of them looks for trouble, not for all
COLOURS = {"healthy": "green", "degraded": "yellow", "unhealthy": "red"}
GRAVEST = ("unhealthy", "degraded", "unknown", "healthy")


@click.command(
    epilog=examples(
        "rounds health",
        "rounds health acme",
        "rounds health acme/weather",
        "rounds health --json | jq -r .system.health",
        "rounds health acme --at '2026-11-20 14:00'",
    )
)
@whose
@when.at
@as_json
@click.pass_obj
def health(socket: Path | None, whose: str | None, at: str | None, as_json: bool) -> None:
    """Say in one word how everything is, why, and what helps.

    Everything is all there is, or what a tenant has, or one connection and its streams. With --at,
    how it was then; whether the disk was full is not known.
    """
    daemon, wish = client.reach(socket), {**query(whose), **asof.query(at)}
    answer = daemon.get("get-sync-system-health", **wish)
    shown = {} if as_json else {"first": SHOWN}
    analysis = daemon.get("analyze-sync-health", **wish, **shown)
    if as_json:
        both = {"system": msgspec.Raw(answer), "analysis": msgspec.Raw(analysis)}
        screen.document(msgspec.json.encode(both))
        return
    system, found = client.read(answer, SystemHealth), client.read(analysis, HealthAnalysis)
    asof.say(at, system.seq, system.now)
    rows = sorted(found.connections, key=lambda each: GRAVEST.index(each.condition))
    if whose is not None and "/" in whose and len(rows) == 1:
        one = rows[0]
        screen.line(f"{one.connection}: {_said(one)}", COLOURS.get(one.condition))
    else:
        screen.line(_word(system), COLOURS.get(system.health))
    say_reasons(system.reasons)
    if rows:
        screen.line()
        screen.show(_connections(rows, system.now))
    if found.of > len(rows):
        screen.line(f"and {found.of - len(rows):,} more; name a tenant, or take --json")
    if whose is not None and "/" in whose:
        for each in rows:
            _show_streams(each, system.now, named=len(rows) > 1)


def _show_streams(of: ConnectionHealth, now: datetime, *, named: bool) -> None:
    """Its streams, and what its score is made of; under its name, where there are several."""
    facts = [("score", _score(of))]
    facts += [(each.stream, each.message) for each in of.streams if each.message]
    screen.line()
    if named:
        screen.line(f"{of.connection}: {_said(of)}", COLOURS.get(of.condition))
    screen.show(screen.pairs(*facts))
    if of.streams:
        screen.line()
        screen.show(streams(of.streams, now))


def _said(of: ConnectionHealth) -> str:
    return f"{of.condition} ({of.overall})" if of.total_syncs else of.condition


def _word(system: SystemHealth) -> str:
    counts = [
        f"{number:,} {word}"
        for number, word in (
            (system.unhealthy, "unhealthy"),
            (system.degraded, "degraded"),
            (system.healthy, "healthy"),
            (system.unknown, "unknown"),
        )
        if number
    ]
    of = f"connections: {', '.join(counts)}" if counts else "there are no connections yet"
    if system.sources:
        of = f"{of}; sources: {system.sources:,}"
    return f"{system.health} ({of})"


def say_reasons(reasons: Sequence[ReasonView]) -> None:
    """Each with whom it concerns first, and what to type below it."""
    for each in reasons:
        left = each.count - len(each.names)
        more = f" and {left:,} more" if left > 0 else ""
        names = f": {', '.join(each.names)}{more}" if each.names else ""
        screen.line()
        screen.line(f"{each.sentence}{names}")
        screen.line(f"    {each.command}", "cyan")


def _connections(found: Sequence[ConnectionHealth], now: datetime) -> screen.Part:
    table = screen.table(
        "connection",
        "score",
        "health",
        "uptime",
        "syncs",
        "in a row",
        "last success",
        "average",
        right=("score", "uptime", "syncs", "in a row", "average"),
        folds=("connection",),
    )
    for each in found:
        average, success = each.avg_sync_duration_ms, each.last_success_at
        table.add_row(
            each.connection,
            "" if each.health_score is None else str(each.health_score),
            each.condition,
            "" if each.uptime_percentage is None else f"{each.uptime_percentage:g} %",
            f"{each.successful_syncs:,}/{each.total_syncs:,}" if each.total_syncs else "",
            str(each.consecutive_failures or ""),
            times.relative(success, now) if success else "never",
            "" if average is None else times.milliseconds(average),
            style="" if each.condition == "healthy" else COLOURS.get(each.condition, "dim"),
        )
    return table


def _score(of: ConnectionHealth) -> str:
    if of.health_score is None or of.success_rate is None:
        return "none yet: no sync has ended"
    parts = [f"{of.success_rate:.4g} % of its syncs succeeded"]
    if of.failure_penalty:
        in_a_row = times.count(of.consecutive_failures, "failure")
        parts.append(f"less {of.failure_penalty} for {in_a_row} in a row")
    if of.stale_penalty:
        since = "in 7 days" if of.last_success_at else "yet"
        parts.append(f"less {of.stale_penalty} for no success {since}")
    return f"{of.health_score}: {', '.join(parts)}"
