"""How are all records of one CSV report fetched?

The report comes into a nameless file, is read through once for its form and types, and a second
time for its records, both in a worker thread: it may be larger than memory.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, BinaryIO

import trio
from msgspec import structs

from daemon import csv_report, first_request, page, rest
from daemon.csv_file import Csv
from daemon.csv_report import BadCsv, Survey
from daemon.exchange import Response, Send, malformed
from daemon.first_request import NOTHING
from daemon.page import Sink
from daemon.placeholders import Values
from daemon.provider_file import ProviderFile
from daemon.rest import Fetched
from daemon.secret import Secret
from daemon.stream_file import Stream


async def fetch(
    provider: ProviderFile,
    stream_name: str,
    credential: Secret | None,
    send: Send,
    sink: Sink,
    *,
    types: Mapping[str, str] = NOTHING,  # type: ignore[assignment]  # both are empty
    values: Values = NOTHING,
) -> Fetched:
    """Fetch the report into `sink`. Raises CallLost; what the sink took by then is partial.

    `types` are those that earlier reports had, so that no column's type flips between runs.
    """
    stream = provider.streams[stream_name]
    request = first_request.build(provider, stream_name, stream, credential, values=values)
    with rest.within(provider.limits.sync_timeout_s):
        response = await send(request)
        if response.file is None:
            return Fetched(pages=1, records=0, cursor=None, types=types)
        with response.file as file:
            survey, count = await _read(stream, response, file, types, sink)
        return Fetched(pages=1, records=count, cursor=None, types=survey.types)
    raise AssertionError("time is up with a CallLost")


async def _read(
    stream: Stream, response: Response, file: BinaryIO, types: Mapping[str, str], sink: Sink
) -> tuple[Survey, int]:
    assert stream.csv is not None, "a report is CSV"
    bad: BadCsv
    count = 0
    try:
        csv = _with_typed_key(stream.csv, stream.primary_key)
        empty = response.status == page.NO_CONTENT  # whatever it calls what it does not send
        kind = "" if empty else page.content_type(response)
        survey = await trio.to_thread.run_sync(csv_report.survey, file, csv, types, kind)
        batches = csv_report.records(file, csv, survey)
        while batch := await trio.to_thread.run_sync(partial(_following, batches)):
            for record in batch:
                page.check_key(stream, record, response)
            count += len(batch)
            await sink(batch)
    except BadCsv as error:
        bad = error
    else:
        return survey, count
    raise malformed(response, str(bad))


def _following(batches: Iterator[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    return next(batches, [])


def _with_typed_key(csv: Csv, primary_key: tuple[str, ...]) -> Csv:
    """Let key columns be text where the file does not say otherwise.

    A key whose type is found out could widen one day, 7 to "7": then every record would be
    removed, and come back as another one.
    """
    return structs.replace(csv, types={**dict.fromkeys(primary_key, "text"), **csv.types})
