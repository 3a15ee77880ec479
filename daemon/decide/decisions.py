"""What does a decision look like? What is to be recorded, of which subject; nothing means no."""

from typing import TypeAlias

from events.schema import Event

Decisions: TypeAlias = list[tuple[int, Event]]
