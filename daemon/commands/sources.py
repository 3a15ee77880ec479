"""Which wishes come of sources, and of what they report?"""

from datetime import datetime
from typing import TypeAlias

from msgspec import Struct

from events.sources import Expectation, Figures
from events.terms import Caller


class AddSource(Struct, frozen=True, kw_only=True):
    """Add a source, bring a removed one back, or expect something else of it."""

    subject: int
    tenant: int
    expectation: Expectation
    declared: bool = False
    by: Caller | None = None


class RemoveSource(Struct, frozen=True, kw_only=True):
    subject: int
    by: Caller | None = None


class NoteSourceToken(Struct, frozen=True, kw_only=True):
    """It is about to get another token."""

    subject: int
    by: Caller | None = None


class Report(Struct, frozen=True, kw_only=True):
    """One report as of `reported`, which is UTC; `key` is its key's digest."""

    reported: datetime
    key: str
    figures: Figures


class TakeReports(Struct, frozen=True, kw_only=True):
    """A source has reported: all of it is taken, or nothing."""

    subject: int
    reports: tuple[Report, ...]
    by: Caller | None = None


SourceCommand: TypeAlias = AddSource | RemoveSource | NoteSourceToken | TakeReports
