"""What is said over the control socket of a stream's versions, and of what differs between two?

`as_of` and `to` are moments: an instant (ISO 8601), the number of an event, or a version (`v1204`).
What is meant is the version that was in force then.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

Number = Annotated[int, Meta(ge=1, le=2**63 - 1)]


class DataQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Records of a stream, by key; `after` is the last answer's `after`.

    They are the current ones, or those of then (`as_of`), or of a `version`: who asks for the
    version of the first answer sees that one to its end, whatever is synced meanwhile. `provider`
    asks for what was fetched from that one, before the connection was moved.
    """

    connection: str
    stream: str
    provider: str | None = None
    after: str | None = None
    limit: int = 50
    as_of: str | None = None
    version: Number | None = None


class Data(Struct, frozen=True, kw_only=True):
    """Some records. `rows` counts all; `after` asks for the next page, None ends.

    They came from `provider`, as of `captured_at`, which event `event` recorded; the version in
    force is `current`. `last_good` says why nothing newer comes, where that is so for good:
    `retired`, or `relinked` away from that provider. A newer answer is `held`, by that number.
    """

    seq: int
    connection: str
    stream: str
    version: int
    rows: int
    records: list[dict[str, Any]]
    after: str | None
    provider: str = ""
    captured_at: datetime | None = None
    now: datetime | None = None
    last_good: str | None = None
    event: int | None = None
    current: int = 0
    held: int | None = None


class DataVersionsQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A stream's versions, the newest first; `before` is the last answer's `before`."""

    connection: str
    stream: str
    provider: str | None = None
    before: Number | None = None
    limit: int = 50


class VersionView(Struct, frozen=True, kw_only=True):
    """One version: how many rows it has, and how it differs from the one before it.

    It is in force from event `event` on, recorded `at`. `source` is sync, rollback or acceptance,
    the latter two with the version `of` which it is. `marks` say what else there is to know of it:
    `current`.
    """

    version: int
    provider: str
    rows: int
    digest: str
    marks: list[str]
    event: int | None = None
    at: datetime | None = None
    added: int | None = None
    changed: int | None = None
    removed: int | None = None
    source: str = "sync"
    of: int | None = None


class DataVersions(Struct, frozen=True, kw_only=True):
    """Some versions; `before` asks for the next page, None ends.

    `oldest` says why it ends there: `first`, or `pruned` where older ones are kept no more.
    """

    seq: int
    connection: str
    stream: str
    now: datetime
    versions: list[VersionView]
    before: int | None
    oldest: Literal["first", "pruned"] | None = None


class DataDiffQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What differs from then to the version in force, or `to` another one.

    Without `as_of` it is from the version before. `summary` asks for counts alone. `after` is the
    last answer's `after`; who goes on names both versions as it did (`v1204`).
    """

    connection: str
    stream: str
    provider: str | None = None
    as_of: str | None = None
    to: str | None = None
    after: str | None = None
    limit: int = 50
    summary: bool = False


class VersionMark(Struct, frozen=True, kw_only=True):
    """A version, and the event that brought it into force; 0 is before there was any."""

    version: int
    event: int | None = None
    at: datetime | None = None


class FieldChange(Struct, frozen=True, kw_only=True):
    """A field's value in the one version and the other; what is left out was not there."""

    before: Any | UnsetType = UNSET
    after: Any | UnsetType = UNSET


class DataChange(Struct, frozen=True, kw_only=True):
    """A record that differs, by its `key`; it came to in `version`.

    One that was added or removed is in `record`, of one that changed each field that did.
    """

    change: Literal["added", "changed", "removed"]
    key: Any
    version: int
    record: dict[str, Any] | None = None
    fields: dict[str, FieldChange] | None = None


class DataDiff(Struct, frozen=True, kw_only=True):
    """Some of what differs; `after` asks for the next page, None ends.

    The counts are of this page: who wants them all adds up all pages.
    """

    seq: int
    connection: str
    stream: str
    provider: str
    as_of: VersionMark
    to: VersionMark
    added: int
    changed: int
    removed: int
    changes: list[DataChange]
    after: str | None
