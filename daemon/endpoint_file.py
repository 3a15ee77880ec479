"""What does a provider's file say of a path that programs call?"""

from typing import Annotated

from msgspec import Meta

from daemon.file_table import PLACEHOLDER, Table, Text, check_expression

YEAR_S = 366 * 86_400

Seconds = Annotated[float, Meta(ge=0, le=YEAR_S)]
Moment = Annotated[float, Meta(ge=0, le=60)]
"""How long somebody who asks may be kept, in seconds."""


class Batch(Table, frozen=True, kw_only=True):
    """Many GETs of one thing each go as one GET of all of them.

    `path` has `{ids}` where the values of the endpoint's one placeholder stand, `separator` between
    them; `records` selects the things in the answer (JMESPath) and `key` is the field by which
    each is known. It goes when `size` calls are there, or `wait_s` after the first.
    """

    path: Annotated[str, Meta(pattern=r"^/[^#\s]*\{ids\}[^#\s]*\Z")]
    records: Text = "@"
    key: Text
    size: Annotated[int, Meta(ge=2, le=1000)] = 50
    wait_s: Annotated[float, Meta(gt=0, le=5)] = 0.02
    separator: Annotated[str, Meta(pattern=r"^[,;:|+!]\Z")] = ","

    def __post_init__(self) -> None:
        check_expression("records", self.records)
        if set(PLACEHOLDER.findall(self.path)) != {"ids"}:
            raise ValueError("path has one placeholder, {ids}")


class Endpoint(Table, frozen=True, kw_only=True):
    """Its `title` is for people.

    `fresh_s` is for how long an answer is as good as new, where the provider's own word (the
    Cache-Control of its answer) is not to count; for `stale_while_revalidate_s` more it is given
    while a new one is fetched, and for `stale_if_error_s` more where none can be had within
    `patience_s`. Where it is `shared`, one of the same GETs at once is sent. With `debounce_s` a
    GET or PUT waits until no same one came for that long, and the last one goes for all.
    """

    title: str = ""
    cached: bool = True
    fresh_s: Seconds | None = None
    stale_while_revalidate_s: Seconds | None = None
    stale_if_error_s: Seconds | None = None
    patience_s: Moment = 5.0
    shared: bool = True
    debounce_s: Moment = 0.0
    batch: Batch | None = None
