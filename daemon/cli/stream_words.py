"""What will one stream of a provider's file make rounds do, in words?"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import assert_never
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import msgspec
from msgspec import structs

from daemon import first_request, windows
from daemon.auth_file import NoAuth
from daemon.cli import guard_facts, times
from daemon.csv_file import Csv
from daemon.file_table import placeholders
from daemon.paging_file import (
    CursorPaging,
    LinkPaging,
    NextUrlPaging,
    NoPaging,
    OffsetPaging,
    PagePaging,
    Paging,
)
from daemon.provider_file import ProviderFile
from daemon.stream_file import WINDOW_NAMES, Cursor, Stream, Window
from events.terms import Mode

MODES = {
    Mode.FULL: "full: a record that is no longer in the answer is removed",
    Mode.WINDOW: "window: a record that is no longer in its day's answer is removed",
    Mode.INCREMENTAL: "incremental: a record that is not in the answer stays as it is",
}
SHORT = {
    "refuse": "a row with fewer fields is refused, as if the report were cut off",
    "pad": "what a row lacks at its end is null",
}
TIMES = {
    "date": "a date",
    "datetime": "a time in UTC",
    "local_datetime": "a time without an offset",
    "unix": "Unix seconds",
    "unix_ms": "Unix milliseconds",
    "unix_ns": "Unix nanoseconds",
}
PLAIN = re.compile(r"[\w.{}/:,-]*")  # what reads in a URL as it does by itself
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}


def facts(
    file: ProviderFile, name: str, stream: Stream, given: Mapping[str, str], now: datetime
) -> dict[str, str]:
    """What holds for one stream; `given` are a connection's settings, the rest stays open."""
    return {
        **_request(file, name, stream, given),
        **(_window(stream, stream.window, now) if stream.window else {}),
        **(_report(stream.csv) if stream.csv else {"records": _records(stream)}),
        "key": _key(stream.primary_key),
        **({} if stream.csv else {"paging": _paging(stream.paging)}),
        "mode": MODES[stream.mode],
        **(_cursor(stream.cursor) if stream.cursor else {}),
        **guard_facts.of(stream),
        **({"watched": ", ".join(stream.watch)} if stream.watch else {}),
        **({"timeout": f"{stream.timeout_s:g} s an answer"} if stream.timeout_s else {}),
    }


def _request(
    file: ProviderFile, name: str, stream: Stream, given: Mapping[str, str]
) -> dict[str, str]:
    """The first request, as it goes out, but for the credential."""
    open_ = structs.replace(file, auth=NoAuth())
    values = {**{each: f"{{{each}}}" for each in file.settings}, **given}
    request = first_request.build(open_, name, stream, None, values=values)
    url = request.url.replace("%7B", "{").replace("%7D", "}")
    if all(map(PLAIN.fullmatch, request.params.values())):
        query = f"?{urlencode(request.params, safe='{}/:,')}" if request.params else ""
        found = {"request": f"{request.method} {url}{query}"}
    else:
        params = ", ".join(f"{name}: {value}" for name, value in request.params.items())
        found = {"request": f"{request.method} {url}", "parameters": params}
    if stream.headers:
        found["headers"] = ", ".join(f"{key}: {value}" for key, value in stream.headers.items())
    if request.body is not None:
        found["body"] = request.body.decode()
    return found


def _key(fields: tuple[str, ...]) -> str:
    if len(fields) == 1:
        return f"{fields[0]} tells records apart"
    return f"{', '.join(fields[:-1])} and {fields[-1]} together tell records apart"


def _records(stream: Stream) -> str:
    if stream.records == "@":
        return "the whole answer is the list of records"
    return f"the list at {' '.join(stream.records.split())} in the answer"


def _window(stream: Stream, window: Window, now: datetime) -> dict[str, str]:
    """Which days are asked for, and what stands for the bounds of the one that it is now."""
    today = now.astimezone(ZoneInfo(window.timezone)).date()
    bounds = windows.bounds(window, today)
    used = (stream.placeholders() | placeholders(stream.body)) & WINDOW_NAMES
    shown = [f"{{{name}}} is {_bound(bounds[name])}" for name in sorted(used, key=_by_time)]
    last = "the day's last moment" if window.end == "inclusive" else "where the next day begins"
    end = f"; the end is {last}" if "end" in used else ""
    return {
        "days": (
            f"the last {times.count(window.days, 'day')}, today included, one fetch a day; "
            f"a day is from midnight to midnight in {window.timezone}"
        ),
        "today": ", ".join(shown) + end,
    }


def _by_time(name: str) -> int:
    return ("day", "start", "end").index(name)


def _bound(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _report(csv: Csv) -> dict[str, str]:
    """How a CSV report is read."""
    delimited = f"by {DELIMITERS[csv.delimiter]}" if csv.delimiter else "as is found in each report"
    encoded = csv.encoding or "as is found in each report, a byte order mark first"
    skipped = f"after {times.count(csv.skip_lines, 'line')}, " if csv.skip_lines else ""
    header = "a header, then a row a record" if csv.header else "a row a record, without a header"
    found = {
        "records": f"a CSV report: {skipped}{header}",
        "delimited": delimited,
        "encoded": encoded,
        "values": f"{_nulls(csv.nulls)}; the decimal mark is {csv.decimal!r}",
        "short rows": SHORT[csv.ragged],
    }
    if csv.columns:
        found["columns"] = ", ".join(csv.columns)
    if csv.rename:
        found["renamed"] = ", ".join(f"{was} to {is_}" for was, is_ in csv.rename.items())
    named = ", ".join(f"{column} {type_}" for column, type_ in csv.types.items())
    found["types"] = (f"{named}; others " if named else "") + "found in the values, only ever wider"
    return found


def _nulls(nulls: tuple[str, ...]) -> str:
    if not nulls:
        return "no value is null"
    return f"null is {' or '.join(f'{each!r}' if each else 'an empty field' for each in nulls)}"


def _paging(paging: Paging) -> str:
    match paging:
        case NoPaging():
            return "none: one request gets everything"
        case LinkPaging():
            return 'the Link header\'s rel="next" is the next page, until there is none'
        case NextUrlPaging(path=path):
            return f"{path} in the answer is the next page's URL, until there is none"
        case CursorPaging(path=path, param=param, place=place):
            return f"{path} in the answer is sent back as {param} ({place}), until there is none"
        case PagePaging(param=param, start=start, place=place):
            return f"{param} ({place}) counts pages from {start}, until one is {_last(paging)}"
        case OffsetPaging(param=param, place=place):
            return f"{param} ({place}) counts records, until a page is {_last(paging)}"
        case _:
            assert_never(paging)


def _last(paging: PagePaging | OffsetPaging) -> str:
    return "empty" if paging.last == "empty" else f"shorter than {paging.size:,}"


def _cursor(cursor: Cursor) -> dict[str, str]:
    first = "nothing" if cursor.initial is None else str(cursor.initial)
    written = f", as {TIMES[cursor.sent_as]}" if cursor.sent_as else ""
    back = ""
    if cursor.look_back_s is not None:
        earlier = times.exact(timedelta(seconds=cursor.look_back_s))
        back = f", {earlier} earlier than it was, for what arrives late"
    return {
        "cursor": (
            f"the greatest {cursor.field} seen is sent as {cursor.param} ({cursor.place}){written}"
            f"{back}; the first time {first}"
        )
    }
