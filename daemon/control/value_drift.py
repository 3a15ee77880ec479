"""What is said of the values of the fields that a provider's file says to watch?

They were measured as versions came (`daemon/store/measures.py`): no record is read. As of then it
is of the versions of then, and of the fields that are watched now.
"""

from collections.abc import Sequence
from functools import partial

import trio
from msgspec.structs import replace

from daemon.control.desk import Desk
from daemon.control.drift_messages import FieldAlarms, StreamAlarms, StreamDrift
from daemon.store import measures
from projections import value_drift
from projections.drift import Rule
from projections.streams import NEW
from projections.value_drift import RECENT, FieldVerdict, Written
from projections.value_figures import ValueWord


async def of_last(
    desk: Desk, subject: int, streams: Sequence[StreamDrift], since: int, rule: Rule
) -> list[StreamDrift]:
    """With what is said of their watched fields as of the last version, by those since then.

    `since` is an event.
    """
    return [
        replace(each, fields=await _last(desk, subject, each.stream, since, rule))
        for each in streams
    ]


async def of_each(
    desk: Desk, subject: int, streams: Sequence[StreamAlarms], since: int, rule: Rule
) -> list[StreamAlarms]:
    """With what would have alarmed at every version since that event, by what lay before it."""
    return [
        replace(each, fields=await _alarms(desk, subject, each.stream, since, rule))
        for each in streams
    ]


async def _last(
    desk: Desk, subject: int, stream: str, since: int, rule: Rule
) -> list[FieldVerdict]:
    found = []
    for field, written in await _watched(desk, subject, stream, since):
        judged = await _judged(field, written, rule, RECENT)
        found.append(judged[-1] if judged else value_drift.unknown(field))
    return found


async def _alarms(
    desk: Desk, subject: int, stream: str, since: int, rule: Rule
) -> list[FieldAlarms]:
    found = []
    for field, written in await _watched(desk, subject, stream, since):
        judged = await _judged(field, written, rule, measures.VERSIONS_MAX)
        shifted = [each for each in judged if each.word is ValueWord.SHIFTED]
        found.append(
            FieldAlarms(
                field=field,
                versions=len(judged),
                judged=sum(each.word is not ValueWord.NOT_ENOUGH for each in judged),
                alarms=shifted,
                runs=sum(each.since == each.version for each in shifted),
            )
        )
    return found


async def _watched(desk: Desk, subject: int, stream: str, since: int) -> list[tuple[str, Written]]:
    """Each field that is watched, and what versions wrote there."""
    known = desk.journal.world.connections[subject]
    provider = desk.providers.get(known.provider)
    declared = provider.file.streams.get(stream) if provider else None
    if declared is None or not declared.watch:
        return []
    question = partial(
        measures.kept,
        subject=subject,
        stream=stream,
        provider=desk.vault.name(known.provider),
        since=since,
        to=known.streams.get(stream, NEW).version,
    )
    lineage = value_drift.lineage(await desk.storage.ask(question))
    return [(each, value_drift.written(lineage, each)) for each in declared.watch]


async def _judged(field: str, written: Written, rule: Rule, most: int) -> list[FieldVerdict]:
    """Of the last versions, so many at most, each in a turn of its own."""
    found: list[FieldVerdict] = []
    for index in range(max(0, len(written) - most), len(written)):
        value_drift.follow(found, value_drift.judge(field, written, index, rule))
        await trio.lowlevel.checkpoint()
    return found
