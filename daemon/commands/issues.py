"""What can be wished for where somebody looks for what is wrong?"""

from typing import TypeAlias

from msgspec import Struct

from events.issues import DriftJudged


class Inspect(Struct, frozen=True, kw_only=True):
    """Say of these subjects (connections, providers, the fleet) what is wrong, and what no more."""

    subjects: tuple[int, ...]


class NoteDrift(Struct, frozen=True, kw_only=True):
    """Say what the streams of a connection have come to, as of event `upto`, where that is news."""

    subject: int
    upto: int
    judged: tuple[DriftJudged, ...]


IssueCommand: TypeAlias = Inspect | NoteDrift
