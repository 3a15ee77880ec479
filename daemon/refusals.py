"""What does an answer outside 2xx come to: a loss, or another request at the same origin?

A redirect is followed by whoever counts calls, since each hop costs the provider one:

    GET ─► 302 ─► Moved: the request that goes on ─► its own place in the limits ─► …  ─► 2xx
             └──► CallLost: elsewhere, garbled, a circle, too many, or no GET; nothing is sent there
"""

from datetime import datetime
from urllib.parse import urlencode

from msgspec import structs

from daemon import announcement, failures, origin, rate_hint
from daemon.exchange import (
    READS,
    CallLost,
    Moved,
    Request,
    Response,
    Send,
    Trail,
    head_of,
)
from daemon.rate_file import Rate
from events.terms import FailureClass

HOPS_MAX = 5  # a canonical host, a version, a slash and a locale are four
REDIRECTS = frozenset({301, 302, 303, 307, 308})


def outcome(
    request: Request, answer: Response, *, rate: Rate, now: datetime, whole: bool = True
) -> CallLost:
    """Return what the answer comes to, Moved where a redirect may be followed.

    `answer` has as much of a body as the request keeps of a refusal, or of its head, which may not
    be the `whole`.
    """
    if answer.status in REDIRECTS:
        onward = _onward(request, answer)
        if isinstance(onward, Request):
            return Moved(answer, onward)
        cause, message = FailureClass.INVALID, onward
    else:
        cause, message = failures.by_status(answer.status)
    headers = answer.headers
    hints = failures.retry_after(headers, now), rate_hint.wait(headers, rate, now)
    hint = max((each for each in hints if each is not None), default=None)
    return CallLost(
        cause,
        message,
        status=answer.status,
        retry_after=hint if failures.heeds_hint(cause) else None,
        duration_ms=answer.duration_ms,
        refusal=answer.body if request.keeps_refusal else b"",
        head=head_of(answer, more=not whole) if request.keeps_head else None,
        headers=headers if request.keeps_refusal else announcement.kept(headers),
    )


async def followed(send: Send, request: Request) -> Response:
    """Send, and send on where redirects lead within the origin. Raises CallLost.

    It ends: the transport lets no chain be longer than HOPS_MAX.
    """
    while True:
        try:
            return await send(request)
        except Moved as moved:
            request = moved.onward


def _onward(request: Request, answer: Response) -> Request | str:
    """Return the request to go on with, or the sentence that says why there is none."""
    status, location = answer.status, answer.headers.get("location", "").strip()
    if request.method not in READS:
        return (
            f"the provider sent a {request.method} elsewhere ({status}), and only a GET goes on, "
            "lest something be done twice; nothing was sent there; check method, base_url and path "
            "in its file"
        )
    if not location:
        return (
            f"the provider sent us elsewhere ({status}) without saying where; check base_url and "
            "path in its file"
        )
    try:
        url = origin.at_home(request.url, location)
    except origin.NotAUrl:
        return (
            f"the provider sent us elsewhere ({status}), to what is not a URL; nothing was sent "
            "there; check base_url and path in its file"
        )
    except origin.Elsewhere:
        return (
            f"the provider sent us to another origin than base_url's ({status}), where its "
            "credential must not go; nothing was sent there; if it has moved, correct base_url in "
            "its file"
        )
    been = (*request.trail.urls, _whole(request))
    if url in been:
        return (
            f"the provider's redirects lead in a circle ({status}); check base_url and path in its "
            "file; a page that wants cookies or a login does that too"
        )
    if len(been) > HOPS_MAX:
        return (
            f"the provider redirected us {HOPS_MAX} times and wants to again ({status}); give the "
            "address at which it ends as base_url and path in its file"
        )
    spent_s = request.trail.spent_s + answer.duration_ms / 1000
    return structs.replace(request, url=url, params={}, trail=Trail(urls=been, spent_s=spent_s))


def _whole(request: Request) -> str:
    """Write the URL as it was asked for, without secrets; paging leaves a query in `url` itself."""
    if not request.params:
        return request.url
    joint = "&" if "?" in request.url else "?"
    return request.url + joint + urlencode(request.params)
