"""How does a secret travel through the program without being seen?"""

from typing import NoReturn


class Secret:
    """A credential's text. `reveal` is the way out, and the only one.

    It cannot be printed, encoded, compared, hashed, copied, joined to a text, gone through or asked
    whether it is true: whoever tries by accident gets `Secret(…)` or a TypeError. `is None` works.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text, to be put on the wire or sealed, and nowhere else."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __eq__(self, other: object) -> NoReturn:
        """How long it takes would tell how much of a guess is right."""
        raise TypeError("secrets are not compared")

    __hash__ = None  # type: ignore[assignment]

    def __bool__(self) -> NoReturn:
        """Whether one is there is one question, whether it is empty another."""
        raise TypeError("ask a secret whether it `is None`")

    def __reduce__(self) -> NoReturn:
        raise TypeError("secrets are neither pickled nor copied")

    def __getstate__(self) -> NoReturn:
        raise TypeError("secrets are neither pickled nor copied")
