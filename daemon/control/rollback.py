"""How do people take a connection back to what it was, and see before what that changes?"""

from collections.abc import Callable
from datetime import date
from functools import partial
from typing import TypeAlias

from msgspec.structs import replace

from daemon.control import refetching, rollback_goal, state_preview, whose
from daemon.control.act import SEEN_LATER, room
from daemon.control.desk import Desk, Refused
from daemon.control.rollback_goal import Goal
from daemon.control.rollback_messages import (
    ChangeView,
    Preview,
    PreviewWish,
    RollbackAnswer,
    RollbackTo,
    RollbackWish,
    StreamBack,
    StreamPreview,
    Targets,
    TargetsQuery,
)
from daemon.decide import restoring as choices
from daemon.restoring import Back, Wish, check_streams
from daemon.restoring_words import NotBack, failed, not_kept
from daemon.store import differences, restoring
from daemon.store.versions import NotKept
from events.terms import Caller, RollbackScope
from projections.connection import Connection
from projections.streams import Stream, is_kept

EXAMPLES_MAX = 100
COUNTED = 1  # of what is only counted nothing is shown
Between: TypeAlias = Callable[..., differences.Changes | None]
"""The difference of two versions of one stream; some of it, or all of it counted."""

KEEPS_COMING = (
    "its next turn fetches anew: where the provider still errs, type `rounds pause {name}` until "
    "it is well again"
)


PAUSED = "it is paused: nothing is fetched before `rounds resume {name}`"


async def rollback(desk: Desk, wish: RollbackWish, by: Caller) -> RollbackAnswer:
    """Answered when it is on disk, or nothing has changed."""
    subject, _ = desk.find(wish.connection)
    goal = await rollback_goal.find(desk, wish, subject)
    await room(desk)
    scope = _scope(goal, wish)
    try:
        back = await desk.restorer.go_back(
            Wish(
                subject=subject,
                to=goal.to,
                scope=scope,
                streams=tuple(wish.streams) or goal.streams,
                waits=wish.wait,
                by=by,
            )
        )
    except NotBack as refused:
        raise _refused(wish.connection, refused) from None
    streams = [
        StreamBack(
            stream=each.stream,
            of=each.of,
            added=each.added,
            changed=each.changed,
            removed=each.removed,
            rows=each.rows,
        )
        for each in back.streams
    ]
    return RollbackAnswer(
        seq=desk.journal.head.seq,
        connection=wish.connection,
        to=goal.to,
        event=back.event,
        version=back.started if streams else 0,
        streams=streams,
        message=_words(desk, subject, goal.to, scope, back),
    )


async def targets(desk: Desk, query: TargetsQuery, by: Caller) -> Targets:
    goal = await rollback_goal.find(desk, RollbackTo(to=query.to), None)
    found = await whose.chosen(desk, query.tenant, query.provider)
    names = [desk.vault.name(subject) for subject, _ in found]
    return Targets(seq=desk.journal.head.seq, to=goal.to, at=goal.at, connections=names)


async def preview(desk: Desk, wish: PreviewWish, by: Caller) -> Preview:
    """What differs is counted in the data store, some rows at a time."""
    subject, known = desk.find(wish.connection)
    goal = await rollback_goal.find(desk, wish, subject)
    try:
        was = await desk.restorer.was(subject, goal.to)
        found = Preview(
            seq=desk.journal.head.seq,
            now=desk.journal.clock.now(),
            connection=wish.connection,
            to=goal.to,
            at=goal.at,
            syncing=known.run is not None,
            within=was.run.sync if was.run else was.restoring,
        )
        if _scope(goal, wish) is RollbackScope.STATE:
            return replace(found, state=state_preview.of(desk, subject, was))
        wanted = tuple(wish.streams) or goal.streams
        check_streams(wanted, known)
        differs = choices.differing(known, was, wanted)
        streams = [
            await _stream(desk, subject, known, name, then, examples=wish.examples)
            for name, then in differs.items()
        ]
    except NotBack as refused:
        raise _refused(wish.connection, refused) from None
    return replace(found, streams=streams, ends_held=choices.ends_held(known, differs))


def _scope(goal: Goal, wish: RollbackWish | PreviewWish) -> RollbackScope:
    """Raises Refused where some streams of the state are asked for: it goes back as a whole."""
    scope = goal.scope or wish.scope
    if scope is RollbackScope.STATE and wish.streams:
        raise Refused("invalid", "the state goes back as a whole: leave `streams` out")
    return scope


async def _stream(
    desk: Desk,
    subject: int,
    known: Connection,
    name: str,
    then: Stream,
    *,
    examples: int,
) -> StreamPreview:
    """Raises NotBack."""
    now = known.streams[name]
    if not is_kept(now, then.version):
        raise not_kept(name, then.version, now)
    provider = desk.journal.world.providers[known.provider].name
    of = partial(differences.between, subject=subject, stream=name, provider=provider)
    of = partial(of, first=now.version, second=then.version)
    head = partial(restoring.head, subject=subject, stream=name, provider=provider)
    try:
        added, changed, removed, days = await _counted(desk, of)
        shown = await _examples(desk, of, min(examples, EXAMPLES_MAX))
        before = await desk.storage.ask(partial(head, version=now.version))
        after = await desk.storage.ask(partial(head, version=then.version))
    except NotKept as gone:
        refused = failed(gone)
        assert refused is not None, "it has its sentence"
        raise refused from None
    return StreamPreview(
        stream=name,
        before=now.version,
        of=then.version,
        added=added,
        changed=changed,
        removed=removed,
        rows_before=now.rows,
        rows_after=then.rows,
        captured_at=then.captured_at,
        cursor_before=before.cursor,
        cursor_after=after.cursor,
        fetches=refetching.words(desk, subject, name, then, head=after, days=days),
        examples=shown,
    )


async def _counted(desk: Desk, of: Between) -> tuple[int, int, int, set[date]]:
    """How many records differ, and in which days they lie."""
    added = changed = removed = 0
    days: set[date] = set()
    after: str | None = None
    while True:
        found = await desk.storage.ask(partial(of, after=after, limit=COUNTED, counted=True))
        if found is None:
            return 0, 0, 0, set()
        added, changed = added + found.added, changed + found.changed
        removed, after = removed + found.removed, found.after
        days |= {date.fromisoformat(each) for each in found.days}
        if after is None:
            return added, changed, removed, days


async def _examples(desk: Desk, of: Between, most: int) -> list[ChangeView]:
    shown: list[ChangeView] = []
    after: str | None = None
    while len(shown) < most:
        found = await desk.storage.ask(partial(of, after=after, limit=most - len(shown)))
        shown += [
            ChangeView(kind=each.kind, key=each.key, before=each.before, after=each.after)
            for each in (found.changes if found else ())
        ]
        if found is None or found.after is None:
            break
        after = found.after
    return shown


def _words(desk: Desk, subject: int, to: int, scope: RollbackScope, back: Back) -> str:
    if not back.event:
        return f"is as it was at event {to}: nothing differs, and nothing was recorded"
    undo = f"--undo {back.event} takes that back"
    if scope is RollbackScope.STATE:
        return f"does as it did at event {to}; {undo}"
    late = "" if back.visible else f"; {SEEN_LATER}"
    coming = PAUSED if desk.journal.world.connections[subject].paused else KEEPS_COMING
    name = desk.vault.name(subject)
    return f"went back to event {to}{late}; {coming.format(name=name)}; {undo}"


def _refused(name: str, why: NotBack) -> Refused:
    return Refused(why.code, f"{name} {why.why}")
