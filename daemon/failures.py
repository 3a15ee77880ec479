"""What does an HTTP status or header say about whose turn it is?"""

import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from daemon import http_date, retirement_words
from daemon.addresses import Forbidden
from events.terms import FailureClass

RETRY_AFTER_MAX = timedelta(days=31)  # a monthly quota is the longest that providers count by
TIMESTAMP_FROM = 1_000_000_000  # no wait is that many seconds: it is a moment in Unix time

_BY_STATUS: dict[int, tuple[FailureClass, str]] = {
    304: (
        FailureClass.INVALID,
        (
            "the provider says that nothing has changed (304), which was not the question;"
            " take If-None-Match and If-Modified-Since out of headers in its file"
        ),
    ),
    401: (
        FailureClass.AUTH,
        "the provider refused our credential (401); set a new one with `rounds connection add`",
    ),
    403: (
        FailureClass.AUTH,
        (
            "the provider does not allow this with our credential (403); set one that may,"
            " with `rounds connection add`"
        ),
    ),
    404: (
        FailureClass.NOT_FOUND,
        "the provider knows nothing at this path (404); check base_url and path in its file",
    ),
    408: (
        FailureClass.TIMEOUT,
        "the provider gave up waiting for our request (408); its next sync tries again",
    ),
    410: (FailureClass.RETIRED, retirement_words.gone(None)),
    429: (
        FailureClass.RATE_LIMITED,
        "the provider wants fewer requests (429); its next sync tries again",
    ),
}

_HINTED = (FailureClass.RATE_LIMITED, FailureClass.SERVER, FailureClass.TIMEOUT)
PRIVATE = (
    "nothing was sent: {host} is at an address of this host or its network; if that is meant, "
    "name it in private_hosts of the provider's file"
)


def by_status(status: int) -> tuple[FailureClass, str]:
    """Return what a status outside 2xx means, and the sentence for it."""
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status >= 500:
        return FailureClass.SERVER, f"the provider failed ({status}); its next sync tries again"
    if 300 <= status < 400:
        return (
            FailureClass.INVALID,
            (
                f"the provider offers something else instead of an answer ({status}), which cannot"
                " be followed; check base_url and path in its file"
            ),
        )
    return (
        FailureClass.INVALID,
        f"the provider refused the request ({status}); check path, params and body in its file",
    )


def heeds_hint(cause: FailureClass) -> bool:
    """Say whether waiting helps, so that a Retry-After means something."""
    return cause in _HINTED


def retry_after(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """Return how long Retry-After asks to wait: seconds, an HTTP date, or a Unix time.

    None where there is no hint, also where it lies in the past. RFC 9110, section 10.2.3.
    """
    value = headers.get("retry-after", "").strip(" \t")
    if not value.isascii():
        return None
    wait = _seconds(value, now) if value.isdigit() else _until_date(value, now)
    if wait is None or wait <= timedelta(0):
        return None
    return min(wait, RETRY_AFTER_MAX)


def _seconds(value: str, now: datetime) -> timedelta | None:
    if not re.fullmatch(r"[0-9]{1,15}", value):
        return None
    number = int(value)
    if number < TIMESTAMP_FROM:
        return timedelta(seconds=number)
    seconds = number / 1000 if number >= TIMESTAMP_FROM * 1000 else number
    return timedelta(seconds=seconds - now.timestamp())


def _until_date(value: str, now: datetime) -> timedelta | None:
    moment = http_date.read(value)
    return None if moment is None else moment - now


def no_connection(error: Exception) -> tuple[FailureClass, str]:
    """Name the reason, which only the exceptions below httpx's own know."""
    for below in _chain(error):
        if isinstance(below, Forbidden):
            return FailureClass.INVALID, PRIVATE.format(host=below)
    return FailureClass.NETWORK, _not_reached(error)


def _not_reached(error: Exception) -> str:
    for below in _chain(error):
        match below:
            case ssl.SSLCertVerificationError(verify_message=reason):
                return (
                    f"the provider's certificate is not trusted ({reason});"
                    " check base_url, this host's clock and its certificate authorities"
                )
            case ssl.SSLError():
                return (
                    "the provider does not speak TLS as we do;"
                    " check that base_url's scheme and port are right"
                )
            case socket.gaierror():
                return "the provider's host name is not known; check base_url, and this host's DNS"
            case ConnectionRefusedError():
                return (
                    "the provider's host refused the connection;"
                    " check base_url's port; its next sync tries again"
                )
            case _:
                pass
    return "the provider cannot be reached; check this host's network; its next sync tries again"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and all those behind it, groups opened, each once."""
    waiting, seen = [error], set[int]()
    while waiting:
        at = waiting.pop()
        if id(at) in seen:
            continue
        seen.add(id(at))
        yield at
        waiting += [other for other in (at.__context__, at.__cause__) if other is not None]
        waiting += at.exceptions if isinstance(at, BaseExceptionGroup) else ()
