"""How far is the read model, and what does it lack since when?"""

from msgspec import Struct


class Progress(Struct, frozen=True, kw_only=True):
    """Up to which event the file goes, and up to which it should; whether it is being made anew.

    It is `whole` where how things stand is in it, too, of everything. For `behind_s` there has
    been something that it lacks; `trouble` is what keeps it from being written.
    """

    seq: int
    upto: int
    whole: bool
    anew: bool
    behind_s: float = 0.0
    trouble: str = ""
