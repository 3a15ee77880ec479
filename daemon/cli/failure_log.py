"""How do failures look one by one, and what a provider said when one happened?"""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from daemon.cli import client, screen, times
from daemon.cli.ending import Ended, Exit
from daemon.control.failure_log_messages import (
    LISTED_MAX,
    ExcerptView,
    FailureAnswer,
    FailureLog,
    FailureView,
)

WIDE = 140  # columns of a terminal: with fewer, what is said stands below, of the newest alone


def listed(
    socket: Path | None, wish: dict[str, str | int | None], limit: int, *, as_json: bool
) -> None:
    """Show so many of them, the newest first."""
    daemon = client.reach(socket)
    found: list[FailureView] = []
    before: str | None = None
    while True:
        wanted = min(limit - len(found), LISTED_MAX)
        answer = daemon.get("failure-log", **wish, limit=wanted, before=before)
        page = client.read(answer, FailureLog)
        found += page.failures
        if page.next is None or len(found) >= limit:
            break
        if page.next == before:
            raise Ended(Exit.FAILED, "the daemon does not go on; restart roundsd")
        before = page.next
    if as_json:
        for each in found:
            screen.document(msgspec.json.encode(each))
        return
    span = times.count(page.days, "day")
    if not found:
        screen.line(f"{page.of}: no such failure in the last {span}")
        return
    several, wide = page.of not in {each.connection for each in found}, screen.width() >= WIDE
    table = screen.table(
        *("event", "when", *(["connection"] if several else [])),
        *("request", "class", "attempt", "took", *(["what"] if wide else [])),
        right=("event", "took"),
        folds=("connection", "request", "what"),
    )
    for each in found:
        whose = [each.connection] if several else []
        when = times.relative(each.at, page.now)
        what = [each.message] if wide else []
        table.add_row(str(each.event), when, *whose, *_cells(each), *what)
    screen.show(table)
    if not wide and (told := next((each for each in found if each.message), None)):
        screen.line()
        screen.line(f"event {told.event}: {told.message}")
    if page.next is not None:
        screen.line(f"there are more: --limit {2 * limit}, or --days, --stream, --cause")
    if said := [each for each in found if each.excerpt]:
        screen.line(
            f"what the provider said: rounds failures {said[0].connection} --event {said[0].event}"
        )


def shown(socket: Path | None, connection: str, event: int, *, as_json: bool) -> None:
    """Show one failure, and what the provider said, to those who may see that."""
    answer = client.reach(socket).get("failure", connection=connection, event=event)
    if as_json:
        screen.document(answer)
        return
    found = client.read(answer, FailureAnswer)
    screen.show(screen.pairs(*_facts(found.failures, found)))
    for each in found.excerpts:
        _say(each)
    if found.missing is not None:
        screen.line()
        screen.line(found.missing)


def _facts(failures: Sequence[FailureView], found: FailureAnswer) -> list[tuple[str, str]]:
    first = failures[0]
    facts = [
        ("failure", f"event {first.event}, {times.relative(first.at, found.now)}"),
        ("of", f"{first.connection}{_of_sync(first)}"),
    ]
    for each in failures:
        message = f": {each.message}" if each.message else ""
        facts.append((_where(each) or each.request, f"{_class(each)}{message}"))
    took = _took(first)
    return [*facts, *([("took", took)] if took else [])]


def _of_sync(failure: FailureView) -> str:
    if failure.sync is None:
        return ""
    attempt = f", retry {failure.attempt}" if failure.attempt else ""
    return f", sync {failure.sync}" + (f" ({failure.kind}{attempt})" if failure.kind else "")


def _cells(failure: FailureView) -> list[str]:
    """Request, class, attempt, and how long it took."""
    return [
        f"sync {_where(failure)}".strip() if failure.request == "sync" else failure.request,
        _class(failure),
        f"retry {failure.attempt}" if failure.attempt else failure.kind or "",
        _took(failure),
    ]


def _class(failure: FailureView) -> str:
    return failure.cause + ("" if failure.status is None else f" ({failure.status})")


def _where(failure: FailureView) -> str:
    day = "" if failure.day is None else failure.day.isoformat()
    return f"{failure.stream} {day}".strip()


def _took(failure: FailureView) -> str:
    return "" if failure.duration_ms is None else times.milliseconds(failure.duration_ms)


def _say(excerpt: ExcerptView) -> None:
    """The provider's words are shown as such, line by line; none of them moves the cursor."""
    screen.line()
    kind = f", {excerpt.content_type}" if excerpt.content_type else ""
    screen.line(
        f"event {excerpt.event}, {excerpt.request}: the provider said ({excerpt.status}{kind}):",
        "cyan",
    )
    for each in excerpt.text.split("\n") if excerpt.text else ():
        screen.line("  " + each.replace("\t", "    "))
    if excerpt.more:
        screen.line("  … and more")
    elif not excerpt.text:
        screen.line("  nothing: the answer had no body")
