"""What is said over the control socket of calls that programs make through us?"""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from events.terms import FailureClass

DEADLINE_S_MAX = 300.0
CONTENT_BYTES_MAX = 1024 * 1024  # of a body: it is held whole, several times over, until it is sent
BASE64_MAX = (CONTENT_BYTES_MAX + 2) // 3 * 4
REQUEST_BYTES_MAX = BASE64_MAX + 64 * 1024  # of the JSON: a whole body, and a path and headers
PATH_CHARACTERS_MAX = 4096  # the query included; servers take no longer request line
HEADER_CHARACTERS_MAX = 8 * 1024  # servers take no longer header line
KEY = r"^[\x21-\x7e]{1,255}\Z"  # what fits into a header, and into a provider's column
HEADERS_MAX = 32  # far more than there are that a program may set

HeaderText = Annotated[str, Meta(max_length=HEADER_CHARACTERS_MAX)]


class RequestWish(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Make one call as a connection. `path` goes on from the provider's base URL.

    `body` is the text to be sent, or `body_base64` the bytes: 1 MiB at most. `key` makes a write
    one that may be sent twice; it is refused where its provider's file names no header for it.
    `kind` is told from the method where it is left out; its tenant's limits on programs are by
    kind. With `fresh` the provider itself has to answer. Without `queue` a write is not delivered
    later where its provider is down: it fails.
    """

    connection: str
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    path: Annotated[str, Meta(max_length=PATH_CHARACTERS_MAX)]
    headers: Annotated[dict[HeaderText, HeaderText], Meta(max_length=HEADERS_MAX)] = {}
    body: Annotated[str, Meta(extra_json_schema={"maxLength": CONTENT_BYTES_MAX})] | None = None
    body_base64: Annotated[bytes, Meta(extra_json_schema={"maxLength": BASE64_MAX})] | None = None
    kind: Literal["read", "write", "rpc", "auth"] | None = None
    key: Annotated[str, Meta(pattern=KEY)] | None = None
    timeout_s: Annotated[float, Meta(gt=0, le=DEADLINE_S_MAX)] = 30.0
    fresh: bool = False
    queue: bool = True


class RequestAnswer(Struct, frozen=True, kw_only=True):
    """What the provider answered, whatever its status.

    `body` is text; what is none is in `body_base64`. `source` says where it comes from: the
    `provider`, `shared` with somebody who asked the same, or the `cache`, which says how old it is,
    whether it is `stale`: no longer as good as new, and `why` none was to be had. From the `outbox`
    comes a 202, and `write` is the number of a write that is delivered later. `cause` and `message`
    say what is wrong; `message` also what becomes of such a write. `retry_after_s` is for how long
    the provider asked to be left alone; the answer's header Retry-After says it too.
    """

    seq: int
    status: int
    headers: dict[str, str]
    body: str | None
    body_base64: str | None = None
    source: str = "provider"
    age_s: float | None = None
    stale: bool = False
    why: str = ""
    attempts: int = 1
    duration_ms: int = 0
    cause: FailureClass | None = None
    message: str = ""
    write: int | None = None
    retry_after_s: int | None = None


class CacheQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is kept: how much of which connection, and each answer of one that is named."""

    connection: str | None = None


class CacheView(Struct, frozen=True, kw_only=True):
    connection: str
    bytes: int
    answers: int


class KeptView(Struct, frozen=True, kw_only=True):
    """The kept `answers` at one path that are good for the same now: when one was last good.

    Queries are not kept, so those that differ by theirs alone are shown as one. `doubted` says that
    a write may have changed them since. `bytes` are what they take up here, with about 1 KB for
    what is known of each.
    """

    path: str
    endpoint: str
    at: datetime
    use: Literal["fresh", "stale", "old", "none"]
    doubted: bool
    bytes: int
    answers: int = 1


class KeptAnswers(Struct, frozen=True, kw_only=True):
    """`answers` are those of the connection that was named, the one used last first.

    `connections` holds that one alone then. `bytes` are those of all.
    """

    seq: int
    bytes: int
    bytes_max: int
    connections: list[CacheView]
    answers: list[KeptView] = []


class CacheOf(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of a connection, or what lies at a path and below it."""

    connection: str
    path: str | None = None


class CacheDropped(Struct, frozen=True, kw_only=True):
    seq: int
    answers: int


class ProgramsView(Struct, frozen=True, kw_only=True):
    """Exchanges for programs in the last hour; `mean_ms` is how long one took on average."""

    calls: int
    failed: int
    retries: int
    bytes: int
    mean_ms: int | None
