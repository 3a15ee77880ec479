"""How is everything, at a glance?"""

import shlex
from datetime import datetime
from pathlib import Path

import click

from daemon.cli import (
    asof,
    client,
    ending_words,
    held_words,
    outbox,
    rows,
    screen,
    times,
    when,
)
from daemon.cli.arguments import as_json, examples
from daemon.cli.whose import query, whose
from daemon.control.messages import Connections, Queue, QueueItem, Status

SHOWN = 20  # connections on the status screen: it is to be seen without scrolling


@click.command(
    epilog=examples(
        "rounds status",
        "rounds status acme",
        "rounds status --json | jq .failing",
        "rounds status --at '2026-11-20 14:00'",
    )
)
@click.argument("tenant", required=False)
@when.at
@as_json
@click.pass_obj
def status(socket: Path | None, tenant: str | None, at: str | None, as_json: bool) -> None:
    """Show how the daemon and its connections are, or how a TENANT's sources are.

    A tenant's score is the mean of its connections' scores; each of them counts once, but for the
    paused and those that have ended no sync. With --at, as they were: after that event, or at that
    time. Whether the disk was full is not known then.
    """
    daemon, then = client.reach(socket), asof.query(at)
    if tenant is not None:
        told = daemon.get("get-sync-health-status", tenant=tenant, **then)
        if as_json:
            screen.document(told)
            return
        _sources(told, at)
        return
    answer = daemon.get("status", **then)
    if as_json:
        screen.document(answer)
        return
    now = client.read(answer, Status)
    asof.say(at, now.seq, now.now)
    screen.show(*_summary(now))
    for sentence in now.trouble:
        screen.line(sentence, "red")
    for provider, end in now.retiring.items():
        screen.line(ending_words.notice(provider, end, now.now.date()), "yellow")
    if now.connections:
        found = client.read(daemon.get("connections", first=SHOWN, **then), Connections)
        shown = found.connections
        screen.line()
        screen.show(rows.connections(shown, now.now))
        _mention(found.of - len(shown), at)
        rows.say_troubles(shown)


def _sources(told: bytes, at: str | None) -> None:
    from daemon.cli import tenant_status  # late: `status` alone needs neither
    from daemon.control.status_messages import SyncHealthStatus

    sources = client.read(told, SyncHealthStatus)
    asof.say(at, sources.seq, sources.now)
    tenant_status.show(sources)


@click.command(
    epilog=examples(
        "rounds queue", "rounds queue acme", "rounds queue acme --health", "rounds queue --at -2h"
    )
)
@whose
@click.option("--health", is_flag=True, help="How much waits, since when, and what keeps it.")
@when.at
@as_json
@click.pass_obj
def queue(
    socket: Path | None, whose: str | None, at: str | None, *, health: bool, as_json: bool
) -> None:
    """Show what runs, what is due and what comes next.

    With --at, what did so then; how many records had come by then is not known.
    """
    daemon, wish = client.reach(socket), {**query(whose), **asof.query(at)}
    answer = daemon.get("get-queue-health-metrics" if health else "queue", **wish)
    if as_json:
        screen.document(answer)
        return
    if health:
        _figures(answer, at)
        return
    found = client.read(answer, Queue)
    now = found.now
    asof.say(at, found.seq, now)
    if not found.items:
        screen.line("nothing runs, and nothing will: there are no connections that may start")
        return
    held = any(item.held_by for item in found.items)
    table = screen.table(
        "connection",
        "status",
        "kind",
        "priority",
        "start",
        "records",
        *(["held back by"] if held else []),
        right=("priority", "records"),
        folds=("connection", "held back by"),
    )
    for item in found.items:
        records = f"{item.records:,}" if item.sync and item.records is not None else ""
        start = "running" if item.sync else _start(item, now)
        kept = [held_words.short(item.held_by, item.held_until, now)] if held else []
        what = (item.connection, item.status, item.kind, str(item.priority))
        table.add_row(*what, start, records, *kept)
    screen.show(table)
    running = sum(item.sync is not None for item in found.items)
    screen.line()
    screen.line(f"{running} of at most {found.concurrency} run at once")


def _summary(now: Status) -> list[screen.Part]:
    counts = [
        f"{number} {word}"
        for number, word in (
            (now.running, "running"),
            (now.due, "due"),
            (now.held, "held back"),
            (now.paused, "paused"),
            (now.failing, "failing"),
            (now.unauthorised, "to be authorised"),
        )
        if number
    ]
    start = now.next_start
    soon = f"{times.relative(start, now.now)} ({times.clock(start, now.now)})" if start else "none"
    return [
        screen.pairs(
            ("rounds", _process(now)),
            ("connections", ", ".join([f"{now.connections:,}", *counts])),
            ("syncs", f"{now.succeeded:,} succeeded, {now.failed:,} failed"),
            ("next start", soon),
            *([("outbox", outbox.summary(now.writes))] if now.writes else []),
        )
    ]


def _process(now: Status) -> str:
    if now.stopped_at is not None:
        return f"{now.version}, stopped {times.relative(now.stopped_at, now.now)}"
    of = "" if now.pid is None else f", process {now.pid}"
    return f"{now.version}, {_uptime(now)}{of}"


def _uptime(now: Status) -> str:
    return f"up {times.exact(now.now - now.started_at, 2)}" if now.started_at else "starting"


def _mention(more: int, at: str | None) -> None:
    if more:
        listed = "rounds connection list" + (f" --at {shlex.quote(at)}" if at else "")
        screen.line(f"and {more:,} more; `{listed}` shows all")


def _start(item: QueueItem, now: datetime) -> str:
    if item.next_start is None:
        return ""
    return "due" if item.next_start <= now else times.relative(item.next_start, now)


def _figures(told: bytes, at: str | None) -> None:
    from daemon.cli import queue_health
    from daemon.control.queue_messages import QueueHealth

    figures = client.read(told, QueueHealth)
    asof.say(at, figures.seq, figures.now)
    queue_health.show(figures)
