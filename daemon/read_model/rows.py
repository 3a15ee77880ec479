"""Which rows does a batch of events come to, and what is remembered between batches?"""

from typing import Any, TypeAlias

from msgspec import Struct, field

Row: TypeAlias = tuple[Any, ...]


class Member(Struct, kw_only=True):
    """What has to be known of a connection to tell what its next event means."""

    tenant: int
    provider: int
    added: str
    up: int | None = None
    sync: int | None = None
    attempt: int = 0
    retry: int | None = None
    messages: str = "{}"


class Rows(Struct, kw_only=True):
    """What a batch of events comes to. Lists are rows to insert; the others change older ones.

    `days` are of what is kept by the day alone, as `stream_days` are; `duration_days` has them all.
    `reporters` are sources outside, by whose they are; `reports` by their hours (see `reports`).
    `said` is what tenants said of details; those of `forgotten` subjects go before all else is
    written.
    """

    members: set[int] = field(default_factory=set)
    turns: dict[int, list[Any]] = field(default_factory=dict)
    turns_ended: list[Row] = field(default_factory=list)
    occurrences: list[Row] = field(default_factory=list)
    failures: list[Row] = field(default_factory=list)
    retries: list[Row] = field(default_factory=list)
    retries_moved: list[Row] = field(default_factory=list)
    passes: list[Row] = field(default_factory=list)
    traces: list[Row] = field(default_factory=list)
    hours: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    streams: dict[tuple[int, str, int], list[int]] = field(default_factory=dict)
    durations: dict[tuple[int, int, int], int] = field(default_factory=dict)
    days: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    stream_days: dict[tuple[int, str, int], list[int]] = field(default_factory=dict)
    duration_days: dict[tuple[int, int, int], int] = field(default_factory=dict)
    reporters: dict[int, int] = field(default_factory=dict)
    reports: dict[tuple[int, int], list[Any]] = field(default_factory=dict)
    said: dict[int, int] = field(default_factory=dict)
    forgotten: set[int] = field(default_factory=set)
