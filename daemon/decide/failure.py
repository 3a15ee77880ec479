"""Whose turn is it after a failure, and may trying again help?

What has a type (an exception, a status, an OAuth error code, a code inside a 200) was classed where
it was caught; what has only text, such as a subprocess's last words, is classed by `of_text`
(requirement B3). What follows from a class stands in the table `RULES`, and nowhere else.
"""

import re
from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct

from events.terms import FailureClass


class Turn(StrEnum):
    """Who has to do something about it: we again, the provider, a person, whoever mends rounds."""

    OURS = "ours"
    THEIRS = "theirs"
    PERSON = "person"
    MAKERS = "makers"


class Rule(Struct, frozen=True, kw_only=True):
    """`retried` says that it is tried again before its next turn; `opens` that breakers count it.

    Breakers count what says that the provider failed: no limit, and no refusal of our own.
    """

    turn: Turn
    sentence: str
    retried: bool = False
    opens: bool = False


RULES: Mapping[FailureClass, Rule] = {
    FailureClass.NETWORK: Rule(
        turn=Turn.OURS,
        retried=True,
        opens=True,
        sentence="the provider cannot be reached; it is tried again by itself",
    ),
    FailureClass.TIMEOUT: Rule(
        turn=Turn.THEIRS,
        retried=True,
        opens=True,
        sentence="the provider took too long; it is tried again by itself",
    ),
    FailureClass.RATE_LIMITED: Rule(
        turn=Turn.OURS,
        retried=True,
        sentence="the provider wants fewer requests; it is tried again when it allows",
    ),
    FailureClass.SERVER: Rule(
        turn=Turn.THEIRS,
        retried=True,
        opens=True,
        sentence="the provider failed; it is tried again by itself",
    ),
    FailureClass.AUTH: Rule(
        turn=Turn.PERSON,
        sentence="the provider refuses our credential; set another one, or authorise again",
    ),
    FailureClass.NOT_FOUND: Rule(
        turn=Turn.PERSON,
        sentence="the provider knows nothing there; check the paths in its file",
    ),
    FailureClass.INVALID: Rule(
        turn=Turn.PERSON,
        sentence="the provider does not accept the request; check its file",
    ),
    FailureClass.MALFORMED: Rule(
        turn=Turn.PERSON,
        sentence="the provider's answer is not what its file says; check both",
    ),
    FailureClass.EMPTY: Rule(
        turn=Turn.THEIRS,
        sentence="the provider answered with nothing; the last good data stays in force",
    ),
    FailureClass.RETIRED: Rule(
        turn=Turn.PERSON,
        sentence="the provider switched this off for good; type `rounds connection relink`",
    ),
    FailureClass.CANCELLED: Rule(turn=Turn.PERSON, sentence="somebody took it back"),
    FailureClass.INTERNAL: Rule(
        turn=Turn.MAKERS, sentence="rounds itself failed; see its log, and report it"
    ),
}

FINAL_WORDS: tuple[tuple[str, FailureClass], ...] = (
    (r"empty.*data", FailureClass.EMPTY),
    (r"invalid.*credentials", FailureClass.AUTH),
    (r"schema.*error", FailureClass.MALFORMED),
    (r"unauthorized", FailureClass.AUTH),
    (r"malformed.*data", FailureClass.MALFORMED),
)
"""What is not tried again. These win."""

PASSING_WORDS: tuple[tuple[str, FailureClass], ...] = (
    (r"rate limit", FailureClass.RATE_LIMITED),
    (r"gateway timeout", FailureClass.SERVER),
    (r"timeout", FailureClass.TIMEOUT),
    (r"network", FailureClass.NETWORK),
    (r"connection", FailureClass.NETWORK),
    (r"dns", FailureClass.NETWORK),
    (r"ssl", FailureClass.NETWORK),
    (r"5\d{2}", FailureClass.SERVER),
)
"""What may pass. The more telling ones come first: three digits may be part of any number."""


def of_text(text: str) -> FailureClass:
    """The class of what has only text; what matches nothing is not tried again."""
    for pattern, cause in (*FINAL_WORDS, *PASSING_WORDS):
        if re.search(pattern, text, re.IGNORECASE):
            return cause
    return FailureClass.INVALID


def is_retried(cause: FailureClass) -> bool:
    return RULES[cause].retried


def opens(cause: FailureClass) -> bool:
    return RULES[cause].opens
