"""In which words does one HTTP exchange with a provider pass between our layers?"""

import builtins
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import BinaryIO, TypeAlias

from msgspec import Struct, field

from daemon.secret import Secret
from events.terms import FailureClass

UNCHANGED = 304
CONDITIONS = frozenset({"if-none-match", "if-modified-since"})
REFUSAL_BYTES_MAX = 64 * 1024  # an OAuth error is some hundred bytes
HEAD_BYTES = 8 * 1024  # of an answer that was no use: more than is shown of it, in any encoding


READS = frozenset({"GET", "HEAD"})
"""Methods after which nothing at the provider is another."""


class Trail(Struct, frozen=True, kw_only=True):
    """The redirects that led to a request: where it has been, and how long that took."""

    urls: tuple[str, ...] = ()
    spent_s: float = 0.0


class Request(Struct, frozen=True, kw_only=True):
    """What is asked. Credentials travel apart from the rest; only the transport reveals them.

    `endpoint` is the file's template (`GET /weather/days.json`), fit for events and metrics; `url`
    may hold what providers put into their links, and is fit for the wire alone. With `spooled` the
    answer's body goes to a file, and a large one also where there is `records_at`, the keys to a
    list whose entries can be read one at a time; with `keeps_refusal` so much of a refusal's body
    as REFUSAL_BYTES_MAX is kept on the CallLost, with `keeps_head` its first HEAD_BYTES.
    `timeout_s` is for all of its `trail` together; `cut_short` says that whoever asks gives it less
    time than is fair: that it does not suffice is nobody's failure.
    """

    method: str
    url: str
    endpoint: str
    stream: str
    headers: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    form: Mapping[str, str] | None = None
    secret_headers: Mapping[str, Secret] = field(default_factory=dict)
    secret_params: Mapping[str, Secret] = field(default_factory=dict)
    secret_form: Mapping[str, Secret] = field(default_factory=dict)
    timeout_s: float | None = None
    spooled: bool = False
    records_at: tuple[str, ...] | None = None
    keeps_refusal: bool = False
    keeps_head: bool = False
    cut_short: bool = False
    trail: Trail = Trail()

    @property
    def is_conditional(self) -> bool:
        """Whether who asks has the answer already, if it is still good: then UNCHANGED will do."""
        return bool(CONDITIONS & self.headers.keys())

    def __repr__(self) -> str:
        return f"Request({self.endpoint}, stream={self.stream})"


class Response(Struct, frozen=True, kw_only=True):
    """A 2xx answer, whole. Header names are in lower case, repeated headers joined by a comma.

    A spooled one has its body in `file`, at its beginning; whoever asked for it closes it.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    duration_ms: int
    file: BinaryIO | None = None
    size: int = 0

    def __repr__(self) -> str:
        return f"Response({self.status}, {self.size} bytes, {self.duration_ms} ms)"


NO_HEADERS: Mapping[str, str] = {}


class Head(Struct, frozen=True, kw_only=True):
    """How an answer that was no use began, and whether there was `more` of it.

    The provider's words as they came, which may repeat our secrets: for `redaction` alone.
    """

    status: int
    content_type: str
    body: bytes
    more: bool

    def __repr__(self) -> str:
        return f"Head({self.status}, {len(self.body)} bytes)"


class CallLost(Exception):
    """The exchange brought nothing usable.

    `message` is our own sentence: what happened and what to do. It holds neither the provider's
    words, nor a query string, nor a secret. `bytes` counts what arrived of the body. `sent` says
    that the request may have reached the provider; `refusal` is the body of a refusal, where the
    request asked to keep it, and `headers` those that came with it (else those alone that announce
    the provider's end): the provider's words, to be looked at, and shown to nobody but the program
    that asked. `head` is how the answer began, where one came. `attempts` counts the exchanges; it
    is `doubted` where an earlier one of the same call may have arrived.
    """

    def __init__(
        self,
        cause: FailureClass,
        message: str,
        *,
        status: int | None = None,
        retry_after: timedelta | None = None,
        duration_ms: int = 0,
        bytes: int = 0,  # noqa: A002  # the word that the events use
        sent: bool = True,
        refusal: builtins.bytes = b"",
        headers: Mapping[str, str] = NO_HEADERS,
        head: Head | None = None,
        attempts: int = 1,
        doubted: bool = False,
    ) -> None:
        super().__init__(message)
        self.cause = cause
        self.message = message
        self.status = status
        self.retry_after = retry_after
        self.duration_ms = duration_ms
        self.bytes = bytes
        self.sent = sent
        self.refusal = refusal
        self.headers = headers
        self.head = head
        self.attempts = attempts
        self.doubted = doubted

    def __str__(self) -> str:
        return self.message

    @property
    def was_kept(self) -> bool:
        """Whether it was our own limits that did not let it go."""
        return self.cause is FailureClass.RATE_LIMITED and not self.sent

    def copy(self) -> "CallLost":
        """Return the same loss, to be raised by somebody else who shares it."""
        return CallLost(
            self.cause,
            self.message,
            status=self.status,
            retry_after=self.retry_after,
            duration_ms=self.duration_ms,
            bytes=self.bytes,
            sent=self.sent,
            refusal=self.refusal,
            headers=self.headers,
            head=self.head,
            attempts=self.attempts,
            doubted=self.doubted,
        )

    def reworded(self, cause: FailureClass, message: str) -> "CallLost":
        """Return the same loss in the words of one who knows more, without the provider's."""
        return CallLost(
            cause,
            message,
            status=self.status,
            retry_after=self.retry_after,
            duration_ms=self.duration_ms,
            bytes=self.bytes,
        )


class PoolStatistics(Struct, frozen=True, kw_only=True):
    """Calls since the start, the connections opened for them, and what there is now."""

    calls: int = 0
    opened: int = 0
    open: int = 0
    under_way: int = 0
    waiting: int = 0


class OverLimit(CallLost):
    """A program called more than its tenant's programs may: nothing was sent, whoever is up."""

    def __init__(self, message: str, retry_after: timedelta) -> None:
        super().__init__(FailureClass.RATE_LIMITED, message, retry_after=retry_after, sent=False)

    def copy(self) -> "OverLimit":
        assert self.retry_after is not None, "it says when to come back"
        return OverLimit(self.message, self.retry_after)


class Moved(CallLost):
    """The provider sent us on within its origin: it answered, and `onward` is what to ask next.

    To whoever does not follow, it is a call that brought nothing.
    """

    def __init__(self, response: Response, onward: Request) -> None:
        super().__init__(
            FailureClass.INVALID,
            f"the provider sent us elsewhere on its host ({response.status}), and a call like this "
            "follows no redirect; check the URLs in its file",
            status=response.status,
            duration_ms=response.duration_ms,
        )
        self.response = response
        self.onward = onward


Send: TypeAlias = Callable[[Request], Awaitable[Response]]
"""Carries one request out, or raises CallLost, Moved among them."""


def malformed(response: Response, message: str) -> CallLost:
    """Return the loss of an exchange whose answer arrived, but is not what the file declares."""
    return lost(response, FailureClass.MALFORMED, message)


def lost(
    response: Response, cause: FailureClass, message: str, retry_after: timedelta | None = None
) -> CallLost:
    """Return the loss of an exchange whose answer arrived, and is no use."""
    return CallLost(
        cause,
        message,
        status=response.status,
        retry_after=retry_after,
        duration_ms=response.duration_ms,
        bytes=response.size,
        head=head_of(response),
    )


def head_of(response: Response, *, more: bool = False) -> Head:
    """How an answer begins; `more` says that it was not taken whole. Its file is read again."""
    body, file = response.body, response.file
    if file is not None and not file.closed:
        file.seek(0)
        body = file.read(HEAD_BYTES + 1)
    return Head(
        status=response.status,
        content_type=response.headers.get("content-type", ""),
        body=body[:HEAD_BYTES],
        more=more or len(body) > HEAD_BYTES,
    )
