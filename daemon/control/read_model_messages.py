"""What is said over the control socket of the read model, the file that can be asked in SQL?"""

from msgspec import Struct


class ReadModelState(Struct, frozen=True, kw_only=True):
    """How far it is.

    It goes up to event `position` of `upto` that are durable. `anew`: it is being filled.

    `whole` says that how things stand is in it, too, of everything.
    For `behind_s` there has been something that it lacks; `trouble` says what keeps it from being
    written, in our words, and is empty where nothing does.
    """

    seq: int
    path: str
    position: int
    upto: int
    whole: bool
    anew: bool
    behind_s: float = 0.0
    trouble: str = ""
