"""How are a tenant's sources, at a glance?"""

from datetime import datetime

from daemon.cli import held_words, screen, source_facts, times
from daemon.cli.health import COLOURS, say_reasons
from daemon.control.status_messages import SyncHealthStatus, TenantSource

WELL = ("healthy", "unknown")
"""Of these nothing more is to be said: the table does."""

WIDE = 110  # columns of a terminal: with fewer, two more of the table would leave names no room
NEXT = 10  # columns of those: `quiet hours until 13:28` takes three lines, and names keep theirs


def show(found: SyncHealthStatus) -> None:
    """In one line, why, each source in a table, and the sentences of those that are not well."""
    screen.line(f"{found.tenant}: {found.health}, {_score(found)}", COLOURS.get(found.health))
    say_reasons(found.reasons)
    if found.sources:
        screen.line()
        screen.show(_table(found.sources, found.now))
    if found.reported:
        screen.line()
        screen.show(source_facts.table(found.reported, found.now))
    ill = _ill(found.sources)
    if ill:
        screen.line()
        screen.show(screen.pairs(*((source, "; ".join(why)) for source, why in ill.items())))


def _ill(sources: list[TenantSource]) -> dict[str, list[str]]:
    """Why some are less than well; a stream does not say again what its connection says."""
    whole = {each.connection: each.why for each in sources if each.stream is None}
    found = {
        each.source: [
            why for why in each.why if each.stream is None or why not in whole[each.connection]
        ]
        for each in sources
        if each.status not in WELL
    }
    return {source: why for source, why in found.items() if why}


def _score(found: SyncHealthStatus) -> str:
    if not found.sources:
        return "no score: it has no connections"
    if found.score is None:
        return "no score yet: no sync has ended of a connection that is not paused"
    if found.counted == 1:
        return f"score {found.score}"
    return f"score {found.score} (the mean of {found.counted:,}; the lowest is {found.lowest})"


def _table(sources: list[TenantSource], now: datetime) -> screen.Part:
    wide = screen.width() >= WIDE
    table = screen.table(
        *("source", "score", "health", "items", "last success"),
        *(["freshness", "last failure"] if wide else []),
        *("in a row", "next"),
        right=("score", "items", "in a row"),
        folds=("source", "next"),
        most={} if wide else {"next": NEXT},
    )
    for each in sources:
        name = each.source if each.stream is None else f"  {each.stream}"
        failed = times.relative(each.last_failure, now) if each.last_failure else ""
        table.add_row(
            name,
            "" if each.score is None else str(each.score),
            each.status,
            f"{each.items:,}",
            times.relative(each.last_success, now) if each.last_success else "never",
            *([each.freshness, failed] if wide else []),
            str(each.consecutive_failures or ""),
            _next(each, now) if each.stream is None else "",
            style=COLOURS.get(each.status, "dim") if each.status != "healthy" else "",
        )
    return table


def _next(source: TenantSource, now: datetime) -> str:
    if source.state == "running":
        return "running"
    if source.held_by is not None:
        return held_words.short(source.held_by, source.held_until, now)
    if source.next_due is None:
        return ""
    return "due" if source.next_due <= now else times.relative(source.next_due, now)
