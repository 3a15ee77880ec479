"""Up to where have a stream's records been seen?"""

from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from daemon import selector
from daemon.decide import cursors
from daemon.exchange import Response, malformed
from daemon.stream_file import Cursor


class Watermark(Struct, kw_only=True):
    """The cursor so far, as JSON text so that its type survives; None at the beginning.

    So many records were dated so far `ahead` of `now` that it did not follow them; without a `now`
    it follows all.
    """

    declared: Cursor
    cursor: str | None
    now: datetime | None
    ahead: int = 0


def rise(mark: Watermark, records: list[dict[str, Any]], response: Response) -> None:
    """Let it rise over some records.

    It never goes back, except to another type than it had: then the file was changed, and what
    records say counts. Raises CallLost where a record has no value, or values are not all text
    or all numbers.
    """
    values = [_value(record, mark.declared.field, response) for record in records]
    if len({isinstance(value, str) for value in values}) > 1:
        raise malformed(response, "records mix text and numbers in the field of the cursor")
    newest = max(_believed(mark, values), default=None)
    if newest is None:
        return
    if mark.cursor is not None:
        before = msgspec.json.decode(mark.cursor)
        if isinstance(before, str) == isinstance(newest, str):
            newest = max(before, newest)
    mark.cursor = msgspec.json.encode(newest).decode()


def _believed(mark: Watermark, values: list[Any]) -> list[Any]:
    """Those that are not ahead; most often the greatest one says that none is."""
    if mark.now is None or not values or not _is_ahead(mark, max(values), mark.now):
        return values
    believed = [value for value in values if not _is_ahead(mark, value, mark.now)]
    mark.ahead += len(values) - len(believed)
    return believed


def _is_ahead(mark: Watermark, value: Any, now: datetime) -> bool:
    return cursors.is_ahead(value, mark.declared.format, now)


def _value(record: dict[str, Any], field: str, response: Response) -> Any:
    try:
        value = selector.select(field, record)
    except selector.BadExpression:
        value = None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise malformed(
            response, f'a record has no text or number at "{field}", which the cursor follows'
        )
    return value
