"""With which sentence and which exit code does a command end?"""

import sys
from enum import IntEnum

import click
import msgspec

from daemon.control.messages import Problem

INTERRUPTED = 130  # as shells say it: 128 and SIGINT
PIPE_CLOSED = 141  # 128 and SIGPIPE


class Exit(IntEnum):
    """What scripts may rely on."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    NOT_ALLOWED = 4
    NOT_RUNNING = 5
    TIMED_OUT = 6


CODES = {
    Exit.FAILED: "failed",
    Exit.USAGE: "invalid",
    Exit.NOT_FOUND: "not-found",
    Exit.NOT_ALLOWED: "not-allowed",
    Exit.NOT_RUNNING: "not-running",
    Exit.TIMED_OUT: "timed-out",
}
EXITS = {code: exit_ for exit_, code in CODES.items()} | {"pruned": Exit.NOT_FOUND}


class Ended(Exception):
    """A command comes to a bad end. The sentence says what to do."""

    def __init__(
        self,
        exit_: Exit,
        message: str,
        code: str | None = None,
        *,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(message)
        self.exit = exit_
        self.code = code or CODES[exit_]
        self.message = message
        self.retry_after_s = retry_after_s


class PipeClosed(Exception):
    """Nobody reads any more what the command prints."""


def refused(problem: Problem) -> Ended:
    """What the daemon would not do."""
    exit_, rest_s = EXITS.get(problem.code, Exit.FAILED), problem.retry_after_s
    return Ended(exit_, problem.message, problem.code, retry_after_s=rest_s)


def report(ended: Ended) -> int:
    """Say it on stderr, with --json once more for programs."""
    sys.stderr.write(f"rounds: {ended.message}\n")
    if "--json" in sys.argv:
        rest_s = ended.retry_after_s
        problem = Problem(code=ended.code, message=ended.message, retry_after_s=rest_s)
        sys.stderr.write(msgspec.json.encode(problem).decode() + "\n")
    return ended.exit


def report_usage(error: click.UsageError) -> int:
    """Say what is wrong with the line that was typed, and where its help is."""
    message = error.format_message().strip().rstrip(".")
    command = error.ctx.command_path if error.ctx else "rounds"
    sentence = f"{message[:1].lower()}{message[1:]}; see `{command} --help`"
    return report(Ended(Exit.USAGE, sentence))
