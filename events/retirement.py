"""Which facts can be recorded about a provider that is, or will be, switched off?

RetirementAnnounced ──► (time) ──► ProviderRetired ──► ProviderReturned, if it was no end after all

Only the provider itself retires, by answering so (410): what it announced is a promise.
"""

from datetime import datetime

from events.fact import Fact
from events.terms import FailureClass


class RetirementAnnounced(Fact, frozen=True, kw_only=True, tag="retirement-announced"):
    """The provider's answers say that it will be switched off, at `sunset`, if they say when.

    `deprecated` says that one should not build upon it any more; since when, or from when on, is
    `since`, if they say that.
    """

    deprecated: bool = False
    since: datetime | None = None
    sunset: datetime | None = None


class ProviderRetired(Fact, frozen=True, kw_only=True, tag="provider-retired"):
    """The provider was found switched off: a connection's breaker has latched for that.

    `connection` is the one that found out; `successor` the name of the provider that follows, if
    this one's file knows it. It is said once, however many connections find the same.
    """

    cause: FailureClass
    connection: int
    successor: str = ""


class ProviderReturned(Fact, frozen=True, kw_only=True, tag="provider-returned"):
    """Somebody closed a breaker, and this connection got through: it was no end after all."""

    connection: int
