"""What will a provider's file make rounds do, in words?"""

from datetime import timedelta
from typing import assert_never
from urllib.parse import urlencode

from msgspec import structs

from daemon import first_request
from daemon.auth_file import ApiKey, Auth, Basic, NoAuth, OAuth2
from daemon.cli import times
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
from daemon.stream_file import Stream
from events.terms import Mode, OnEmpty

MODES = {
    Mode.FULL: "full: a record that is no longer in the answer is removed",
    Mode.WINDOW: "window: day by day; a record that is no longer in its day's answer is removed",
    Mode.INCREMENTAL: "incremental: a record that is not in the answer stays as it is",
}
NOTHING_NEW = "an answer without records says that nothing is new"
EMPTIES = {
    OnEmpty.ROLLBACK: "an answer without records is refused if there were some before",
    OnEmpty.ACCEPT: "an answer without records is accepted: there are none any more",
}


def facts(file: ProviderFile) -> dict[str, str]:
    """What holds for the whole provider."""
    limits = file.limits
    stream = times.exact(timedelta(seconds=limits.sync_timeout_s))
    return {
        "provider": file.name + (f" ({file.title})" if file.title else ""),
        "address": file.base_url,
        "credential": _auth(file.auth),
        "limits": (
            f"{limits.timeout_s:g} s and {times.size(limits.body_bytes_max)} an answer; "
            f"{times.count(limits.pages_max, 'page')} and {stream} a stream"
        ),
    }


def stream_facts(file: ProviderFile, name: str, stream: Stream) -> dict[str, str]:
    """What holds for one stream."""
    return {
        **_request(file, name, stream),
        "records": _records(stream),
        "key": " and ".join(stream.primary_key) + " tells records apart",
        "paging": _paging(stream.paging),
        "mode": MODES[stream.mode],
        **_cursor(stream),
        "empty": NOTHING_NEW if stream.mode is Mode.INCREMENTAL else EMPTIES[stream.empty],
    }


def _auth(auth: Auth) -> str:
    match auth:
        case NoAuth():
            return "none is needed"
        case ApiKey(header=None, query=query):
            return f"a key, sent as the query parameter {query}"
        case ApiKey(header=header, prefix=prefix):
            after = f', after "{prefix}"' if prefix else ""
            return f"a key, sent in the header {header}{after}"
        case Basic():
            return "user:password, sent as HTTP Basic"
        case OAuth2(grant="client_credentials"):
            return "OAuth 2.0: the application's own id and secret get a token"
        case OAuth2():
            return "OAuth 2.0: a person authorises it, `rounds connection authorize`"
        case _:
            assert_never(auth)


def _request(file: ProviderFile, name: str, stream: Stream) -> dict[str, str]:
    """The first request, as it goes out, but for the credential."""
    open_ = structs.replace(file, auth=NoAuth())
    request = first_request.build(open_, name, stream, None, values=_named(file))
    query = f"?{urlencode(request.params)}" if request.params else ""
    found = {"request": f"{request.method} {request.url}{query}"}
    if stream.headers:
        found["headers"] = ", ".join(f"{key}: {value}" for key, value in stream.headers.items())
    if request.body is not None:
        found["body"] = request.body.decode()
    return found


def _named(file: ProviderFile) -> dict[str, str | int]:
    """Let each placeholder stand for itself."""
    return {name: f"{{{name}}}" for name in file.settings}


def _records(stream: Stream) -> str:
    if stream.records == "@":
        return "the whole answer is the list of records"
    return f"the list at {stream.records} in the answer"


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


def _cursor(stream: Stream) -> dict[str, str]:
    cursor = stream.cursor
    if cursor is None:
        return {}
    first = "nothing" if cursor.initial is None else str(cursor.initial)
    return {
        "cursor": (
            f"the greatest {cursor.field} seen is sent as {cursor.param} ({cursor.place}); "
            f"the first time {first}"
        )
    }
