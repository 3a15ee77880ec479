"""What is said over the control socket of calls that programs make through us?"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

DEADLINE_S_MAX = 300.0
BODY_CHARACTERS_MAX = 48 * 1024  # as much as a request on the socket may hold, with its quotes


class RequestWish(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Make one call as a connection. `path` goes on from the provider's base URL.

    `body` is the text to be sent, `key` makes a write one that may be sent twice, where its
    provider's file names a header for it. `kind` is told from the method where it is left out.
    Without `queue` a write is not delivered later where its provider is down: it fails.
    """

    connection: str
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    path: str
    headers: dict[str, str] = {}
    body: Annotated[str, Meta(max_length=BODY_CHARACTERS_MAX)] | None = None
    kind: Literal["read", "write", "rpc"] | None = None
    key: Annotated[str, Meta(pattern=r"^[\x21-\x7e]{1,255}\Z")] | None = None
    timeout_s: Annotated[float, Meta(gt=0, le=DEADLINE_S_MAX)] = 30.0
    queue: bool = True


class RequestAnswer(Struct, frozen=True, kw_only=True):
    """What the provider answered, whatever its status.

    `body` is text; what is none is in `body_base64`. `source` says where it comes from: of the
    outbox it is a 202, and `write` the number of a write that is delivered later.
    """

    seq: int
    status: int
    headers: dict[str, str]
    body: str | None
    body_base64: str | None = None
    source: str = "provider"
    attempts: int = 1
    duration_ms: int = 0
    write: int | None = None
