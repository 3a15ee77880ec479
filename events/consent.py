"""Which facts can be recorded about what a tenant lets us keep?

A tenant's consent is to detailed monitoring: to facts beyond those that syncing itself goes by. Who
consented, and how, may have been written down: such words lie in the vault, where they can be
deleted; `words` says that there are some.
"""

from enum import StrEnum
from typing import TypeAlias

from events.fact import Fact
from events.terms import Caller


class Believed(StrEnum):
    """What is taken for granted of tenants who said nothing."""

    ASSUMED = "assumed"
    REQUIRED = "required"


class MonitoringSet(Fact, frozen=True, kw_only=True, tag="monitoring-set"):
    """What is believed of tenants who said nothing: that they consent, or that they do not."""

    consent: Believed


class ConsentGranted(Fact, frozen=True, kw_only=True, tag="consent-granted"):
    """Details of this tenant may be kept."""

    words: bool = False
    by: Caller | None = None


class ConsentWithdrawn(Fact, frozen=True, kw_only=True, tag="consent-withdrawn"):
    """No more details of this tenant are kept."""

    words: bool = False
    by: Caller | None = None


ConsentEvent: TypeAlias = MonitoringSet | ConsentGranted | ConsentWithdrawn
