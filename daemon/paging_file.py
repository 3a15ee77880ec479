"""How does a provider hand out one stream's records, page by page?"""

from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from daemon.file_table import Place, Table, Text, check_expression


class NoPaging(Table, frozen=True, kw_only=True, tag_field="kind", tag="none"):
    """One request gets everything."""


class LinkPaging(Table, frozen=True, kw_only=True, tag_field="kind", tag="link"):
    """The `Link` header's `rel="next"` is the next page's URL (RFC 8288)."""


class NextUrlPaging(Table, frozen=True, kw_only=True, tag_field="kind", tag="next_url"):
    """The body holds the next page's URL at `path`, or null, or nothing."""

    path: Text

    def __post_init__(self) -> None:
        check_expression("path", self.path)


class CursorPaging(Table, frozen=True, kw_only=True, tag_field="kind", tag="cursor"):
    """The body holds a token at `path`, to be sent back as `param`."""

    path: Text
    param: Text
    place: Place = msgspec.field(name="in", default="query")

    def __post_init__(self) -> None:
        check_expression("path", self.path)


class PagePaging(Table, frozen=True, kw_only=True, tag_field="kind", tag="page"):
    """Pages are numbered from `start`; `last` says how the last is told from the others.

    `short` saves one request, where the provider is known to fill every page but the last: if it
    sends fewer than `size` for any other reason, what follows is never seen.
    """

    param: Text = "page"
    start: Annotated[int, Meta(ge=0)] = 1
    size_param: Text | None = None
    size: Annotated[int, Meta(ge=1)] | None = None
    last: Literal["empty", "short"] = "empty"
    place: Place = msgspec.field(name="in", default="query")

    def __post_init__(self) -> None:
        if self.last == "short" and self.size is None:
            raise ValueError('last = "short" needs the size that is short of')
        if self.size_param is not None and self.size is None:
            raise ValueError("size_param needs a size to send")


class OffsetPaging(Table, frozen=True, kw_only=True, tag_field="kind", tag="offset"):
    """Records are numbered from 0, by how many really came; `last` is as with pages."""

    param: Text = "offset"
    limit_param: Text = "limit"
    size: Annotated[int, Meta(ge=1)] = 100
    last: Literal["empty", "short"] = "empty"
    place: Place = msgspec.field(name="in", default="query")


Paging: TypeAlias = NoPaging | LinkPaging | NextUrlPaging | CursorPaging | PagePaging | OffsetPaging
