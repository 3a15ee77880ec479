"""Which request gets the next page, after this answer?"""

import re
from typing import Any

import msgspec
from msgspec import structs

from daemon import origin, selector
from daemon.exchange import Request, Response, lost, malformed
from daemon.file_table import Place
from daemon.paging_file import (
    CursorPaging,
    LinkPaging,
    NextUrlPaging,
    NoPaging,
    OffsetPaging,
    PagePaging,
    Paging,
)
from events.terms import FailureClass

QUOTED = r'"(?:\\.|[^"\\])*"'


def opening(paging: Paging, request: Request) -> Request:
    """Return the first page's request."""
    match paging:
        case PagePaging():
            request = put(request, paging.place, paging.param, paging.start)
            if paging.size_param is not None:
                request = put(request, paging.place, paging.size_param, paging.size)
        case OffsetPaging():
            request = put(request, paging.place, paging.param, 0)
            request = put(request, paging.place, paging.limit_param, paging.size)
        case _:
            pass
    return request


def following(
    paging: Paging,
    request: Request,
    response: Response,
    document: Any,
    *,
    found: int,
    pages: int,
    records: int,
) -> Request | None:
    """Return the request after this one, None after the last.

    `found` is how many records this page held, `pages` and `records` how many there were with it.
    Raises CallLost where the answer names a next page that cannot be, or elsewhere.
    """
    match paging:
        case NoPaging():
            return None
        case LinkPaging():
            return _at(request, response, next_link(response.headers.get("link", "")))
        case NextUrlPaging(path=path):
            return _at(request, response, _named(response, document, path))
        case CursorPaging(path=path):
            token = _named(response, document, path)
            return None if token is None else put(request, paging.place, paging.param, token)
        case PagePaging():
            if _is_last(paging, found):
                return None
            return put(request, paging.place, paging.param, paging.start + pages)
        case OffsetPaging():
            if _is_last(paging, found):
                return None
            return put(request, paging.place, paging.param, records)


def _is_last(paging: PagePaging | OffsetPaging, found: int) -> bool:
    return found == 0 or (paging.last == "short" and found < (paging.size or 0))


def put(request: Request, place: Place, param: str, value: Any) -> Request:
    """Return the request with a parameter set, as text in the query or as JSON in the body.

    In the body a dot leads into an object: `variables.after`.
    """
    if place == "query":
        return structs.replace(request, params={**request.params, param: text(value)})
    body = msgspec.json.decode(request.body or b"{}")
    return structs.replace(request, body=msgspec.json.encode(_with(body, param.split("."), value)))


def _with(body: Any, path: list[str], value: Any) -> dict[str, Any]:
    here = body if isinstance(body, dict) else {}
    first, *rest = path
    return {**here, first: _with(here.get(first), rest, value) if rest else value}


def text(value: Any) -> str:
    """Write a scalar as a query does: strings bare, the others as JSON."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def next_link(header: str) -> str | None:
    """Return the target of `rel="next"` in a Link header. RFC 8288, section 3."""
    for target, attributes in re.findall(rf"<([^<>]*)>((?:[^,\"<]|{QUOTED})*)", header):
        for name, value in re.findall(rf";\s*([\w*-]+)\s*=\s*({QUOTED}|[^\s;,\"]*)", attributes):
            if name.lower() == "rel":
                if "next" in value.strip('"').lower().split():
                    return str(target)
                break  # only the first rel of a link counts
    return None


def _named(response: Response, document: Any, path: str) -> str | int | float | None:
    """Return what the body names as next: a URL or a token; None where it names nothing."""
    try:
        value = selector.select(path, document)
    except selector.BadExpression:
        raise malformed(response, "the expression for the next page does not apply") from None
    if value is None or value is False or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise malformed(
            response, f'"{path}" in the answer is neither text nor number; check paging.path'
        )
    if len(str(value)) > origin.URL_MAX:
        raise malformed(
            response, f'"{path}" in the answer is longer than {origin.URL_MAX} characters'
        )
    return value


def _at(request: Request, response: Response, target: str | float | None) -> Request | None:
    """Return the request for a URL that the provider named, if it lies at the same origin."""
    if not target:
        return None
    try:
        url = origin.at_home(request.url, _text(target))
    except origin.NotAUrl:
        loss = malformed(response, "the next page's URL in the answer is not a URL")
    except origin.Elsewhere:
        loss = lost(
            response,
            FailureClass.INVALID,
            "the next page is said to be at another host than base_url's; nothing was sent there",
        )
    else:
        return structs.replace(request, url=url, params={})
    raise loss


def _text(target: str | float) -> str:
    if not isinstance(target, str):
        raise origin.NotAUrl
    return target
