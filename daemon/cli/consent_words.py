"""What does an event about consent to detailed monitoring say, in one plain line?"""

from typing import assert_never

from events.consent import Believed, ConsentEvent, ConsentGranted, ConsentWithdrawn, MonitoringSet

KEPT = "; in whose words lies in the vault"


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
