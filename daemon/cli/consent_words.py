"""What is said of consent to detailed monitoring: by its events, and where it is not given?"""

from typing import assert_never

from daemon.cli import screen
from events.consent import Believed, ConsentEvent, ConsentGranted, ConsentWithdrawn, MonitoringSet

KEPT = "; in whose words lies in the vault"


def say_not_kept(what: str, whose: str) -> None:
    """Why that is not told of a tenant, or of what it has, and what to type."""
    tenant = whose.partition("/")[0]
    screen.line(f"{what} is not kept: {tenant} does not consent to detailed monitoring")
    screen.line(f"    rounds consent show {tenant}", "cyan")


def told(event: ConsentEvent, by: str) -> str:
    """`by` says who wrote it down, as a clause."""
    match event:
        case MonitoringSet(consent=Believed.ASSUMED):
            return "consent to detailed monitoring is assumed of whom nothing is known"
        case MonitoringSet():
            return "consent to detailed monitoring is required: who said nothing did not give it"
        case ConsentGranted(words=words):
            return f"consents to detailed monitoring, noted{by}{KEPT if words else ''}"
        case ConsentWithdrawn(words=words):
            return f"no longer consents to detailed monitoring, noted{by}{KEPT if words else ''}"
        case _:
            assert_never(event)
