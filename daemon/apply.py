"""How does what was written down come into force? As a difference, recorded as events."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from daemon import commands, provider_file
from daemon.auth_file import OAuth2
from daemon.configuration import Configuration, Declared, duration, policy, provider_of
from daemon.connect import (
    CREDENTIAL_MAX,
    OtherProvider,
    check_credential,
    connect,
    disconnect,
    forget_removed,
)
from daemon.journal import Journal
from daemon.provider import Provider
from daemon.provider_file import ProviderFile
from daemon.secret import Secret
from daemon.store.storage import Storage
from daemon.strict_toml import ConfigurationError
from daemon.vault import Vault
from events.envelope import Recorded
from events.schema import ProviderDeclared
from events.terms import GrantPolicy, StreamPolicy, WayOut


def settings(journal: Journal, configuration: Configuration) -> None:
    journal.execute(commands.SetPolicy(policy=policy(configuration.settings)))


def providers(journal: Journal, vault: Vault, found: Mapping[str, Provider]) -> dict[int, Provider]:
    """Declare each provider; by subject, as actors look them up."""
    by_subject = {}
    for name, provider in found.items():
        subject = vault.enrol("provider", name)
        journal.execute(
            commands.DeclareProvider(subject=subject, declaration=_declaration(provider.file))
        )
        by_subject[subject] = provider
    return by_subject


async def connections(
    journal: Journal, vault: Vault, storage: Storage, configuration: Configuration
) -> list[Recorded]:
    """Add and change what is declared, remove what was and is no longer."""
    declared = configuration.settings.connections
    vault.enrol_all("tenant", [name.split("/", maxsplit=1)[0] for name in declared])
    vault.enrol_all("connection", declared)
    recorded: list[Recorded] = []
    for name, entry in declared.items():
        recorded += await _declare(journal, vault, storage, name, entry)
    for subject, connection in list(journal.world.connections.items()):
        if connection.declared and not connection.removed and vault.name(subject) not in declared:
            recorded += await disconnect(journal, vault, subject)
    forget_removed(journal, vault)
    return recorded


async def _declare(
    journal: Journal, vault: Vault, storage: Storage, name: str, entry: Declared
) -> list[Recorded]:
    try:
        return await connect(
            journal,
            vault,
            storage,
            name,
            provider_of(name, entry.provider),
            declared=True,
            interval=duration(entry.interval) if entry.interval else None,
            credential=_credential(name, entry.credential_file),
        )
    except OtherProvider as other:
        raise ConfigurationError(f"connections: {other}") from None


def _credential(name: str, given: str | None) -> Secret | None:
    if given is None:
        return None
    path = Path(given)
    key = f"connections.{name}.credential_file"
    try:
        if path.exists() and not path.is_file():
            raise ConfigurationError(f"{key}: {path} is not a regular file")
        with path.open(encoding="utf-8") as file:
            text = file.read(CREDENTIAL_MAX + 1).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"{key}: {path} cannot be read ({type(error).__name__}); check the path and its "
            "permissions"
        ) from error
    if wrong := check_credential(text):
        raise ConfigurationError(f"{key}: {path} {wrong}")
    return Secret(text)


def _declaration(file: ProviderFile) -> ProviderDeclared:
    return ProviderDeclared(
        name=file.name,
        digest=provider_file.digest(file),
        streams=tuple(
            StreamPolicy(name=name, mode=stream.mode, empty=stream.empty)
            for name, stream in file.streams.items()
        ),
        grant=_grant(file),
    )


def _grant(file: ProviderFile) -> GrantPolicy | None:
    """What decisions read of a provider's OAuth table."""
    auth = file.auth
    if not isinstance(auth, OAuth2):
        return None
    person = auth.grant == "authorization_code"
    return GrantPolicy(
        way_out=WAYS_OUT[auth.in_doubt] if person else WayOut.FREE,
        person=person,
        reuse=timedelta(seconds=auth.reuse_s) if auth.reuse_s else None,
        idle=timedelta(days=auth.idle_days) if auth.idle_days else None,
    )


WAYS_OUT = {
    "reuse": WayOut.REUSE,
    "introspect": WayOut.INTROSPECT,
    "try_once": WayOut.TRY_ONCE,
    "ask": WayOut.ASK,
}
