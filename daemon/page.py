"""Which records does one JSON answer hold, and what else is in it?

A small one is decoded whole. A large one lies in a file and is read in a worker thread, some of
its records at a time, so that it may be larger than memory.
"""

import hashlib
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, BinaryIO, TypeAlias

import trio
from msgspec import Struct

from daemon import json_answer, json_place, selector, watermark
from daemon.exchange import Response, malformed
from daemon.json_stream import PART_BYTES_MAX, Reading, TooLarge
from daemon.stream_file import Stream
from daemon.watermark import Watermark

NO_CONTENT = 204
NO_JSON = (
    "the provider's answer is not whole, well-formed JSON; if it stays so, check path and params in"
    " its file, or tell the provider"
)
WEB_PAGE = "the provider answered with a web page instead of JSON; check base_url and path"
NOT_APPLICABLE = "the records expression does not apply to the answer; check records in its file"
NO_TOTAL = 'the provider\'s answer has no number of records at "{path}"; check total in its file'
TOO_LARGE = (
    f"one record of the provider's answer, or what is no record, is larger than {PART_BYTES_MAX}"
    " bytes; ask for less, with params in its file"
)

Sink: TypeAlias = Callable[[list[dict[str, Any]]], Awaitable[None]]
"""Takes some records; it is called where there are any."""


class Page(Struct, frozen=True, kw_only=True):
    """What was taken of one answer. `document` may lack the records; `digest` is the body's.

    It says that there are so many records, on all pages together, `declared`.
    """

    document: Any
    records: int
    digest: bytes
    declared: int | None = None


async def take(stream: Stream, response: Response, mark: Watermark | None, sink: Sink) -> Page:
    """Take the answer's records into `sink`. Raises CallLost; what the sink took is partial then.

    `mark` rises over them. The answer's file is closed.
    """
    if response.file is not None:
        with response.file as file:
            return await _streamed(stream, response, file, mark, sink)
    document = _document(response)
    records = _records(stream, response, document)
    _rise(mark, records, response)
    if records:
        await sink(records)
    digest = hashlib.sha256(response.body).digest()
    return Page(
        document=document,
        records=len(records),
        digest=digest,
        declared=_declared(stream, response, document),
    )


async def _streamed(
    stream: Stream, response: Response, file: BinaryIO, mark: Watermark | None, sink: Sink
) -> Page:
    place = json_place.of(stream.records)
    assert place is not None, "a JSON answer lies in a file only where its records can be read so"
    if json_answer.is_page(file.read(json_answer.HEAD_BYTES), content_type(response)):
        raise malformed(response, WEB_PAGE)
    reading = Reading(file, place.keys, content_type(response))
    batches, count, wrong = reading.batches(), 0, ""
    try:
        while batch := await trio.to_thread.run_sync(_following, batches):
            chosen = await _chosen(place.each, batch)
            records = _checked(stream, response, chosen)
            _rise(mark, records, response)
            count += len(records)
            if records:
                await sink(records)
    except json_answer.NotJson:
        wrong = NO_JSON
    except TooLarge:
        wrong = TOO_LARGE
    except selector.BadExpression:
        wrong = NOT_APPLICABLE
    if wrong:
        raise malformed(response, wrong)
    _records(stream, response, reading.rest)  # the list is there, if with nothing in it
    digest = await trio.to_thread.run_sync(_digest, file)
    declared = _declared(stream, response, reading.rest)
    return Page(document=reading.rest, records=count, digest=digest, declared=declared)


def _declared(stream: Stream, response: Response, document: Any) -> int | None:
    """How many records there are, as the answer says; None where it does not. Raises CallLost."""
    if stream.total is None:
        return None
    try:
        found = selector.select(stream.total, document)
    except selector.BadExpression:
        found = ""
    if found is None:
        return None
    if isinstance(found, str) and found.isascii() and found.isdecimal() and len(found) <= 15:
        found = int(found)
    if not isinstance(found, int) or isinstance(found, bool) or found < 0:
        raise malformed(response, NO_TOTAL.format(path=stream.total))
    return found


async def _chosen(each: str | None, batch: list[Any]) -> list[Any]:
    """What the expression for each entry makes of some. Raises BadExpression."""
    if each is None:
        return batch
    chosen = await trio.to_thread.run_sync(selector.select, each, batch)
    assert isinstance(chosen, list), "it flattens or filters a list"
    return chosen


def _digest(file: Any) -> bytes:
    file.seek(0)
    return hashlib.file_digest(file, "sha256").digest()


def _following(batches: Iterator[list[Any]]) -> list[Any]:
    return next(batches, [])


def _rise(mark: Watermark | None, records: list[dict[str, Any]], response: Response) -> None:
    if mark is not None:
        watermark.rise(mark, records, response)


def _document(response: Response) -> Any:
    """Return the body's JSON. Raises CallLost."""
    if response.status == NO_CONTENT:
        return []
    if json_answer.is_page(response.body[: json_answer.HEAD_BYTES], content_type(response)):
        raise malformed(response, WEB_PAGE)
    try:
        return json_answer.decode(response.body, content_type(response))
    except json_answer.NotJson:
        loss = malformed(response, NO_JSON)
    raise loss


def content_type(response: Response) -> str:
    return response.headers.get("content-type", "")


def _records(stream: Stream, response: Response, document: Any) -> list[dict[str, Any]]:
    """Return the page's records, each with its primary key. Raises CallLost."""
    try:
        found = selector.select(stream.records, document)
    except selector.BadExpression:
        raise malformed(response, NOT_APPLICABLE) from None
    if not isinstance(found, list):
        raise malformed(
            response,
            f'the provider\'s answer has no list at "{stream.records}"; check records in its file',
        )
    return _checked(stream, response, found)


def _checked(stream: Stream, response: Response, found: list[Any]) -> list[dict[str, Any]]:
    for record in found:
        if not isinstance(record, dict):
            raise malformed(
                response,
                f'the list at "{stream.records}" holds entries that are no objects;'
                " check records in its file",
            )
        check_key(stream, record, response)
    return found


def check_key(stream: Stream, record: dict[str, Any], response: Response) -> None:
    """Raise CallLost for a record without a whole primary key."""
    for field in stream.primary_key:
        if not isinstance(record.get(field), str | int | float):
            raise malformed(
                response,
                f'a record has no text or number at "{field}", which its primary_key needs',
            )
