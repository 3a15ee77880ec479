"""How does what was written down come into force? As a difference, recorded as events."""

from collections.abc import Collection, Mapping
from pathlib import Path

from daemon import commands, policy_file
from daemon.account import CLIENT, NO_TENANT
from daemon.auth_file import Auth
from daemon.configuration import Configuration, Declared, policy, provider_of
from daemon.connect import (
    CREDENTIAL_MAX,
    OtherProvider,
    check_credential,
    connect,
    declaration,
    disconnect,
    forget_removed,
    keep,
)
from daemon.duration import duration
from daemon.journal import Journal
from daemon.names import NameKind
from daemon.policy_file import PolicyTable
from daemon.provider import Provider
from daemon.provider_file import ProviderFile
from daemon.relinking import Relinker
from daemon.secret import Secret
from daemon.store.storage import Storage
from daemon.strict_toml import ConfigurationError
from daemon.vault import Vault
from events.consent import Believed
from events.envelope import Recorded
from events.policy import Settings
from events.schema import FLEET


def settings(journal: Journal, configuration: Configuration) -> None:
    journal.execute(commands.SetPolicy(policy=policy(configuration.settings)))
    consent = Believed(configuration.settings.monitoring.consent)
    journal.execute(commands.SetMonitoring(consent=consent))


def policies(journal: Journal, vault: Vault, configuration: Configuration) -> None:
    """Declare what the configuration says of single subjects; what it no longer says is gone.

    Called once connections stand, since settings are of what is there.
    """
    tables = configuration.settings.policy
    places: tuple[tuple[NameKind, Mapping[str, PolicyTable]], ...] = (
        ("provider", tables.providers),
        ("tenant", tables.tenants),
        ("connection", tables.connections),
    )
    declared: dict[int, Settings] = {}
    for place, named in places:
        for name, table in named.items():
            found = policy_file.settings(table, lambda other: vault.enrol("connection", other))
            declared[vault.enrol(place, name)] = found
    for subject in [*journal.world.scopes]:
        declared.setdefault(subject, Settings())
    for subject, each in declared.items():
        journal.execute(commands.DeclareSettings(subject=subject, settings=each))
    _check_zones(journal, vault)


def _check_zones(journal: Journal, vault: Vault) -> None:
    """Raise ConfigurationError for one that was known when it was set, and is not any more."""
    world = journal.world
    zones = {FLEET: world.fleet.policy.timezone}
    zones |= {
        subject: zone
        for subject, scope in world.scopes.items()
        if isinstance(zone := scope.values.get("timezone"), str)
    }
    for subject, zone in zones.items():
        if not policy_file.is_zone(zone):
            of = "the fleet" if subject == FLEET else vault.name(subject)
            raise ConfigurationError(
                f"the time zone {zone}, set for {of}, is not known on this host any more: install "
                "its time zone data (Debian: tzdata, tzdata-legacy), or configure another one"
            )


def providers(
    journal: Journal, vault: Vault, found: Mapping[str, Provider], own: Collection[str]
) -> dict[int, Provider]:
    """Declare those that are the user's own or in use; by subject, as actors look them up.

    What ships with rounds and nobody uses is declared with its first connection.
    """
    vault.enrol_all("provider", found)
    by_subject = {}
    for name, provider in found.items():
        subject = vault.enrol("provider", name)
        by_subject[subject] = provider
        if name in own or subject in journal.world.providers:
            journal.execute(
                commands.DeclareProvider(subject=subject, declaration=declaration(provider.file))
            )
    return by_subject


def clients(journal: Journal, vault: Vault, configuration: Configuration) -> None:
    """Seal the ids and secrets that stand in the configuration for our applications."""
    for name, entry in configuration.settings.providers.items():
        key = f"providers.{name}.client_secret_file"
        secret = _secret(key, entry.client_secret_file)
        text = entry.client_id if secret is None else f"{entry.client_id}:{secret.reveal()}"
        subject = vault.enrol("provider", name)
        if keep(vault, NO_TENANT, subject, CLIENT, Secret(text)):
            journal.execute(commands.SetClient(subject=subject))


async def connections(
    journal: Journal,
    vault: Vault,
    storage: Storage,
    configuration: Configuration,
    relinker: Relinker,
) -> list[Recorded]:
    """Move, add and change what is declared, remove what was and is no longer."""
    declared = configuration.settings.connections
    await _relinked(journal, vault, configuration, relinker)
    vault.enrol_all("tenant", [name.split("/", maxsplit=1)[0] for name in declared])
    vault.enrol_all("connection", declared)
    recorded: list[Recorded] = []
    for name, entry in declared.items():
        file = configuration.providers[provider_of(name, entry.provider)]
        recorded += await _declare(journal, vault, storage, name, entry, file=file)
    for subject, connection in list(journal.world.connections.items()):
        if connection.declared and not connection.removed and vault.name(subject) not in declared:
            recorded += await disconnect(journal, vault, subject)
    forget_removed(journal, vault)
    return recorded


async def _relinked(
    journal: Journal, vault: Vault, configuration: Configuration, relinker: Relinker
) -> None:
    """Move what was called otherwise; once that is done, the file may go on saying so."""
    for name, entry in configuration.settings.connections.items():
        subject = vault.subject("connection", entry.was) if entry.was else None
        known = journal.world.connections.get(subject) if subject else None
        if subject is None or known is None or known.removed:
            continue
        file = configuration.providers[provider_of(name, entry.provider)]
        stays, taken = vault.name(known.provider) == file.name, vault.subject("connection", name)
        if name == entry.was and stays:
            continue  # it has been moved
        if stays or (name != entry.was and taken in journal.world.connections):
            why = f"both at {file.name}" if stays else "two connections, each with its own past"
            raise ConfigurationError(
                f"connections.{name}.was: {entry.was} and {name} are {why}; `was` moves a "
                "connection to another provider, where there is none of that name: take it out"
            )
        under_way = relinker.relink(subject, file, name, settings=entry.settings)
        await under_way.done.wait()


async def _declare(
    journal: Journal,
    vault: Vault,
    storage: Storage,
    name: str,
    entry: Declared,
    *,
    file: ProviderFile,
) -> list[Recorded]:
    try:
        return await connect(
            journal,
            vault,
            storage,
            name,
            file,
            declared=True,
            interval=duration(entry.interval) if entry.interval else None,
            credential=_secret(
                f"connections.{name}.credential_file", entry.credential_file, file.auth
            ),
            settings=entry.settings,
        )
    except OtherProvider as other:
        raise ConfigurationError(f"connections: {other}") from None


def _secret(key: str, given: str | None, auth: Auth | None = None) -> Secret | None:
    if given is None:
        return None
    path = Path(given)
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
    if wrong := check_credential(text, auth):
        raise ConfigurationError(f"{key}: {path} {wrong}")
    return Secret(text)
