"""What is known of the end of providers, and who was there when it came?"""

from daemon.control import narrowed
from daemon.control.desk import Desk
from daemon.control.provider_messages import RetirementView
from projections.provider import Provider


def view(desk: Desk, subject: int) -> RetirementView | None:
    """What a provider's file says of its end, what it announced, and what was found; if anything.

    That another one follows it is no end. As of then its file said what was declared of it.
    """
    file = desk.providers[subject].file if desk.live and subject in desk.providers else None
    known = desk.journal.world.providers.get(subject, Provider()).retirement
    said = known.announced[-1] if known.announced else None
    if known.found_at is None and said is None and not (file.retired if file else known.declared):
        return None
    return RetirementView(
        retired=file.retired if file else known.declared,
        successor=(file.successor if file else None) or known.successor or None,
        found_at=known.found_at,
        deprecated=said.deprecated if said else False,
        since=said.since if said else None,
        sunset=said.sunset if said else None,
        announced_at=said.at if said else None,
    )


def all_(desk: Desk) -> dict[str, RetirementView]:
    """Those of providers that have connections."""
    seen = narrowed.counted(desk)
    found = {
        each.name: view(desk, subject)
        for subject, each in desk.journal.world.providers.items()
        if (each.connections if seen is None else seen[subject])
    }
    return {name: each for name, each in sorted(found.items()) if each is not None}
