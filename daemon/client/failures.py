"""What may go wrong with a question to the daemon, and whose turn is it then?"""

from typing import Self

from daemon.control.messages import Problem


class Failed(Exception):
    """No answer. The sentence says what happened, and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Refused(Failed):
    """The daemon would not do it, for a reason with a stable `code`, as in the OpenAPI document.

    `retry_after_s` is when to come back, where that is known.
    """

    def __init__(self, code: str, message: str, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.retry_after_s = retry_after_s

    @classmethod
    def by(cls, problem: Problem) -> Self:
        """As the daemon said it."""
        return cls(problem.code, problem.message, problem.retry_after_s)


class NotRunning(Failed):
    """No daemon is there: nothing was done. Somebody must start it."""


class Unheard(Failed):
    """The daemon was asked, and what came of it was not heard: it may have done it, or not."""


class TimedOut(Unheard):
    """The daemon did not answer in time: it may have done it, or may do it yet."""


class NotUnderstood(Failed):
    """What the daemon answered is of another version, or too large to be taken."""
