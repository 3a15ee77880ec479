"""What is every event made of?"""

from msgspec import Struct


class Fact(Struct, frozen=True, kw_only=True, tag_field="type", gc=False):
    """What every event is: an immutable fact with an explicit tag. It refers to no cycle."""
