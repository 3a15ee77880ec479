"""How does a connection come to be: its name, its credential, its event, in which order?

Name and credential are durable in the vault before the event that makes the connection exist. If we
die in between, there is a name without a connection, which the next try takes up again.
"""

from contextlib import suppress
from datetime import timedelta

from msgspec import UNSET, UnsetType

from daemon.account import CREDENTIAL
from daemon.commands import Connect, Remove
from daemon.journal import Journal
from daemon.secret import Secret
from daemon.store.storage import Storage
from daemon.vault import Vault, VaultFull
from events.envelope import Recorded
from events.terms import Caller

CREDENTIAL_MAX = 8192  # characters; a JSON Web Token is some 2,000


class OtherProvider(Exception):
    """A connection keeps its provider for life: another's records would not fit its streams."""


async def connect(
    journal: Journal,
    vault: Vault,
    storage: Storage,
    name: str,
    provider: str,
    *,
    declared: bool | UnsetType = UNSET,
    interval: timedelta | UnsetType | None = UNSET,
    credential: Secret | None = None,
    by: Caller | None = None,
) -> list[Recorded]:
    """Add a connection, or bring the one of that name up to what is given; the rest stays.

    Raises OtherProvider where a connection of that name is, or was, at another provider.
    """
    tenant_name = name.split("/", maxsplit=1)[0]
    tenant = vault.enrol("tenant", tenant_name)
    subject = vault.enrol("connection", name)
    at = vault.enrol("provider", provider)
    _check_provider(journal, vault, name, subject, at)
    await storage.name(subject, tenant_name, name)
    kept = credential is not None and _keep(vault, tenant, subject, credential)
    known = journal.world.connections.get(subject)
    was_declared, was_interval = (known.declared, known.interval) if known else (False, None)
    return journal.execute(
        Connect(
            subject=subject,
            tenant=tenant,
            provider=at,
            declared=was_declared if declared is UNSET else declared,
            interval=was_interval if interval is UNSET else interval,
            credential=kept,
            by=by,
        )
    )


def check_credential(text: str) -> str | None:
    """What is wrong with a credential, as a clause that never holds it; None where nothing is."""
    if not text:
        return "is empty"
    if len(text) > CREDENTIAL_MAX:
        return f"has more than {CREDENTIAL_MAX} characters"
    if not text.isprintable():
        return "holds a line break or another control character"
    return None


async def disconnect(
    journal: Journal, vault: Vault, subject: int, by: Caller | None = None
) -> list[Recorded]:
    """Remove a connection, and its credential once that is durable.

    A credential that a crash or a full disk leaves behind is deleted at the next start.
    """
    recorded = journal.execute(Remove(subject=subject, by=by))
    await journal.durable(recorded)
    if journal.world.connections[subject].removed:  # else it was added again meanwhile
        with suppress(VaultFull):
            vault.forget(subject, CREDENTIAL)
    return recorded


def forget_removed(journal: Journal, vault: Vault) -> None:
    """Delete the credentials of removed connections that are still there."""
    for subject, connection in journal.world.connections.items():
        if connection.removed:
            vault.forget(subject, CREDENTIAL)


def _check_provider(journal: Journal, vault: Vault, name: str, subject: int, at: int) -> None:
    known = journal.world.connections.get(subject)
    if known is None or known.provider == at:
        return
    before, wanted = vault.name(known.provider), vault.name(at)
    raise OtherProvider(
        f"{name} belongs to the provider {before}, with all its records; for {wanted}, give a "
        f"connection another name, such as {name.split('/', maxsplit=1)[0]}/{wanted}/2"
    )


def _keep(vault: Vault, tenant: int, subject: int, credential: Secret) -> bool:
    """Seal a credential. False where it is the one that is kept already."""
    kept = vault.open(tenant, subject, CREDENTIAL)
    if kept is not None and kept.reveal() == credential.reveal():
        return False
    vault.seal(tenant, subject, CREDENTIAL, credential)
    return True
