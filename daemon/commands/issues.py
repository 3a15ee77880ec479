"""What can be wished for where somebody looks for what is wrong?"""

from typing import TypeAlias

from msgspec import Struct


class Inspect(Struct, frozen=True, kw_only=True):
    """Say of these subjects (connections, providers, the fleet) what is wrong, and what no more."""

    subjects: tuple[int, ...]


IssueCommand: TypeAlias = Inspect
