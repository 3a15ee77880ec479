"""How does a connection come to be: its name, its credential, its event, in which order?

Name and credential are durable in the vault before the event that makes the connection exist. If we
die in between, there is a name without a connection, which the next try takes up again.
"""

from datetime import timedelta

from daemon.actor import CREDENTIAL
from daemon.commands import Connect
from daemon.journal import Journal
from daemon.secret import Secret
from daemon.store.storage import Storage
from daemon.vault import Vault
from events.envelope import Recorded
from events.schema import Caller


class OtherProvider(Exception):
    """A connection keeps its provider for life: another's records would not fit its streams."""


async def connect(
    journal: Journal,
    vault: Vault,
    storage: Storage,
    name: str,
    provider: str,
    *,
    declared: bool = False,
    interval: timedelta | None = None,
    credential: Secret | None = None,
    by: Caller | None = None,
) -> list[Recorded]:
    """Add a connection, or bring the one of that name up to what is given.

    Raises OtherProvider where a connection of that name is, or was, at another provider.
    """
    tenant_name = name.split("/", maxsplit=1)[0]
    tenant = vault.enrol("tenant", tenant_name)
    subject = vault.enrol("connection", name)
    at = vault.enrol("provider", provider)
    known = journal.world.connections.get(subject)
    if known is not None and known.provider != at:
        raise OtherProvider(
            f"{name} belongs to the provider {vault.name(known.provider)}, with all its records; "
            f"for {provider}, give a connection another name, such as {tenant_name}/{provider}/2"
        )
    if credential is not None:
        _keep(vault, tenant, subject, credential)
    await storage.name(subject, tenant_name, name)
    return journal.execute(
        Connect(
            subject=subject,
            tenant=tenant,
            provider=at,
            declared=declared,
            interval=interval,
            by=by,
        )
    )


def _keep(vault: Vault, tenant: int, subject: int, credential: Secret) -> None:
    """Seal a credential, unless it is the one that is kept."""
    kept = vault.open(tenant, subject, CREDENTIAL)
    if kept is None or kept.reveal() != credential.reveal():
        vault.seal(tenant, subject, CREDENTIAL, credential)
