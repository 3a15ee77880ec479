"""Up to where have a stream's records been seen?"""

from typing import Any

import msgspec

from daemon import selector
from daemon.exchange import Response, malformed


def after(
    cursor: str | None, records: list[dict[str, Any]], field: str, response: Response
) -> str | None:
    """Return the cursor after these records, JSON text so that its type survives.

    It never goes back, except to another type than it had: then the file was changed, and what
    records say counts. Raises CallLost where a record has no value, or values are not all text
    or all numbers.
    """
    if not records:
        return cursor
    values = [_value(record, field, response) for record in records]
    newest = _greatest(values, response)
    if cursor is not None:
        before = msgspec.json.decode(cursor)
        if isinstance(before, str) == isinstance(newest, str):
            newest = max(before, newest)
    return msgspec.json.encode(newest).decode()


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


def _greatest(values: list[Any], response: Response) -> Any:
    if len({isinstance(value, str) for value in values}) > 1:
        raise malformed(response, "records mix text and numbers in the field of the cursor")
    return max(values)
