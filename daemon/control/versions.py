"""Which versions does a stream have, and what differs between two of them?"""

from functools import partial
from typing import Any, Literal

import msgspec
from msgspec import UNSET

from daemon.control import version_then
from daemon.control.data_messages import (
    DataChange,
    DataDiff,
    DataDiffQuery,
    DataVersions,
    DataVersionsQuery,
    FieldChange,
    VersionMark,
    VersionView,
)
from daemon.control.desk import Desk, Refused
from daemon.control.version_then import Asked, Then
from daemon.store import differences
from daemon.store.differences import Change, Changes
from daemon.store.versions import Kept, NotKept
from events.terms import Caller
from projections.versions import source

VERSIONS_MAX = 200
CHANGES_MAX = 1000


async def listing(desk: Desk, query: DataVersionsQuery, by: Caller) -> DataVersions:
    """The versions that are kept, the newest first."""
    asked = version_then.ask(desk, query.connection, query.stream, query.provider)
    limit = max(1, min(query.limit, VERSIONS_MAX))
    last = version_then.NUMBER_MAX if query.before is None else query.before - 1
    found = await version_then.listed(desk, asked, last, limit + 1)
    if not found and query.before is None:
        await version_then.resolve(desk, asked, None)  # which says why there is none
    shown = [await _view(desk, asked, each) for each in found[:limit]]
    more = len(found) > limit
    return DataVersions(
        seq=desk.journal.head.seq,
        connection=query.connection,
        stream=query.stream,
        now=desk.journal.clock.now(),
        versions=shown,
        before=found[limit - 1].version if more else None,
        oldest=None if more or not shown else await _oldest(desk, asked, found[-1].version),
    )


async def diff(desk: Desk, query: DataDiffQuery, by: Caller) -> DataDiff:
    """Some of what differs between two versions, or how much of each kind."""
    asked = version_then.ask(desk, query.connection, query.stream, query.provider)
    second = await version_then.resolve(desk, asked, query.to)
    here = msgspec.structs.replace(asked, provider=second.provider)
    if query.as_of is None:
        first = await version_then.before(desk, here, second)
    elif query.as_of == f"v{differences.NOTHING}":
        first = Then(provider=second.provider, version=differences.NOTHING)
    else:
        first = await version_then.resolve(desk, here, query.as_of)
    found = await _changes(desk, query, here, first, second)
    return DataDiff(
        seq=desk.journal.head.seq,
        connection=query.connection,
        stream=query.stream,
        provider=second.provider,
        as_of=_mark(first),
        to=_mark(second),
        added=found.added,
        changed=found.changed,
        removed=found.removed,
        changes=[_change(each) for each in found.changes],
        after=found.after,
    )


async def _changes(
    desk: Desk, query: DataDiffQuery, asked: Asked, first: Then, second: Then
) -> Changes:
    """Some that differ, or the last ones. Each look at the store is a short one."""
    after = query.after
    while True:
        question = partial(
            differences.between,
            subject=asked.subject,
            stream=asked.stream,
            provider=second.provider,
            first=first.version,
            second=second.version,
            after=after,
            limit=max(1, min(query.limit, CHANGES_MAX)),
            counted=query.summary,
        )
        try:
            found = await desk.storage.ask(question)
        except NotKept as missing:
            raise await version_then.gone(desk, asked, f"version {missing.version}") from None
        except ValueError:
            raise Refused(
                "invalid", "`after` is not what an answer named; begin without it"
            ) from None
        if found is None:
            raise version_then.unknown(desk, asked)
        if found.changes or query.summary or found.after is None:
            return found
        after = found.after


async def _view(desk: Desk, asked: Asked, kept: Kept) -> VersionView:
    came = await version_then.came_by(desk, asked, kept.version, desk.journal.head.seq)
    view = VersionView(
        version=kept.version,
        provider=kept.provider,
        rows=kept.rows,
        digest=kept.digest,
        marks=["current"] if kept.current else [],
    )
    if came is None:
        return view
    whence, of = source(came.opened, came.recorded.event, asked.stream)
    return msgspec.structs.replace(
        view,
        event=came.recorded.seq,
        at=came.recorded.at,
        added=came.changed.added,
        changed=came.changed.changed,
        removed=came.changed.removed,
        source=whence,
        of=of,
    )


async def _oldest(desk: Desk, asked: Asked, version: int) -> Literal["first", "pruned"]:
    first = await version_then.first_of(desk, asked)
    return "first" if first is None or first.changed.version >= version else "pruned"


def _mark(then: Then) -> VersionMark:
    return VersionMark(version=then.version, event=then.event, at=then.at)


def _change(change: Change) -> DataChange:
    before, after = change.before, change.after
    both = before is not None and after is not None
    return DataChange(
        change=change.kind,
        key=msgspec.json.decode(change.key),
        version=change.version,
        record=None if both else after if before is None else before,
        fields=_fields(before, after) if before is not None and after is not None else None,
    )


def _fields(before: dict[str, Any], after: dict[str, Any]) -> dict[str, FieldChange]:
    """Each field that differs, as JSON tells values apart: 1 is not 1.0, nor is it true."""
    return {
        name: FieldChange(before=before.get(name, UNSET), after=after.get(name, UNSET))
        for name in sorted(before.keys() | after.keys())
        if _text(before, name) != _text(after, name)
    }


def _text(record: dict[str, Any], name: str) -> bytes | None:
    return msgspec.json.encode(record[name], order="sorted") if name in record else None
