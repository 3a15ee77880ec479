"""What did the people who run this write down: settings, connections, providers?

One TOML file, then the drop-ins of `rounds.toml.d/*.toml` beside it in the order of their names,
each table merged into what came before. Provider files lie in `providers/` beside it.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta, Struct

from daemon import access, policy_file, provider_file, source_file, strict_toml
from daemon.access import AccessSettings
from daemon.auth_file import OAuth2
from daemon.duration import Duration, duration
from daemon.host_settings import (
    CacheSettings,
    CrashSettings,
    FilePath,
    MonitoringSettings,
    OurClient,
    ReadModelSettings,
    TokenSettings,
)
from daemon.policy_file import PolicyTable, PolicyTables
from daemon.provider_file import ProviderFile
from daemon.source_file import IngestSettings, SourceTable
from daemon.store import views
from daemon.strict_toml import ConfigurationError
from events.policy import OF_STREAMS
from events.schema import PolicySet

SHIPPED = Path(__file__).parent / "providers"
CONNECTION_NAME = re.compile(
    r"[A-Za-z0-9][\w.@+-]{0,63}(/[A-Za-z0-9][\w.@+-]{0,63}){1,2}", re.ASCII
)


class SyncSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    interval: Duration = "every_6_hours"
    concurrency: Annotated[int, Meta(ge=1, le=1000)] = 10
    stop_within: Duration = "20s"


class Declared(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One connection. Its provider is the second part of its name, unless named here.

    `was` is the name of the connection that is moved to this provider, with its past.
    """

    provider: str | None = None
    was: str | None = None
    interval: Duration | None = None
    credential_file: FilePath | None = None
    settings: dict[str, str] = {}


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole of `rounds.toml`."""

    state: FilePath | None = None
    socket: FilePath | None = None
    sync: SyncSettings = SyncSettings()
    crash: CrashSettings = CrashSettings()
    tokens: TokenSettings = TokenSettings()
    cache: CacheSettings = CacheSettings()
    monitoring: MonitoringSettings = MonitoringSettings()
    read_model: ReadModelSettings = ReadModelSettings()
    policy: PolicyTables = PolicyTables()
    access: AccessSettings = AccessSettings()
    providers: dict[str, OurClient] = {}
    connections: dict[str, Declared] = {}
    sources: dict[str, SourceTable] = {}
    ingest: IngestSettings = IngestSettings()


class Configuration(Struct, frozen=True, kw_only=True):
    """What is in force, and the files that it was read from. `own` are not shipped with rounds."""

    settings: Settings
    providers: Mapping[str, ProviderFile]
    files: tuple[Path, ...]
    own: frozenset[str] = frozenset()
    rules: access.Rules = access.Rules()


def load(path: Path) -> Configuration:
    """Read everything. A file that is not there is one without settings.

    Raises ConfigurationError: file, key, what was found, what was expected.
    """
    files = [path] if os.path.lexists(path) else []  # a dangling link is an error, not nothing
    files += sorted((path.parent / f"{path.name}.d").glob("*.toml"))
    merged: dict[str, Any] = {}
    origins: dict[str, Path] = {}  # connection → the last file that speaks of it
    for file in files:
        own = strict_toml.read(file, Settings)  # so that an error names the very file
        origins |= dict.fromkeys(own.connections, file)
        _merge(merged, tomllib.loads(file.read_text("utf-8")))
    settings = strict_toml.convert(merged, Settings, path)
    directory = path.parent / "providers"
    provider_files = sorted(directory.glob("[!.]*.toml"))  # no editor's locks
    theirs = {file.stem: provider_file.load(file) for file in provider_files}
    providers = {**shipped(), **theirs}
    _check_views(providers, directory)
    for name in settings.providers:
        _check_client(name, providers, path)
    _check_policy(settings, providers, path)
    for name, declared in settings.connections.items():
        _check_connection(name, declared, providers, directory, origins[name])
    _check_moves(settings, path)
    if wrong := source_file.check(settings.sources, settings.ingest):
        raise ConfigurationError(f"{path}: {wrong}")
    return Configuration(
        settings=settings,
        providers=providers,
        files=(*files, *provider_files),
        own=frozenset(theirs),
        rules=access.rules(settings.access, path),
    )


def shipped() -> dict[str, ProviderFile]:
    """The providers that come with rounds; a file of the user's own goes before."""
    return {file.stem: provider_file.load(file) for file in sorted(SHIPPED.glob("*.toml"))}


def policy(settings: Settings) -> PolicySet:
    """What decisions read of the settings."""
    host = PolicySet(
        interval=duration(settings.sync.interval),
        concurrency=settings.sync.concurrency,
        crash_delay=duration(settings.crash.delay),
        crash_delay_max=duration(settings.crash.delay_max),
        refresh_before=duration(settings.tokens.refresh_before),
        refresh_before_manual=duration(settings.tokens.refresh_before_manual),
    )
    return policy_file.over(policy_file.over(host, policy_file.FLEET), settings.policy)


def check_name(name: str) -> str | None:
    """What is wrong with a connection's name, as a clause, or None."""
    if CONNECTION_NAME.fullmatch(name):
        return None
    return (
        f"{name!r} is not tenant/provider or tenant/provider/account (letters, digits, . _ @ + -)"
    )


def provider_of(name: str, declared: str | None = None) -> str:
    return declared or name.split("/")[1]


def _merge(into: dict[str, Any], document: dict[str, Any]) -> None:
    for key, value in document.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value


def _check_connection(
    name: str,
    declared: Declared,
    providers: Mapping[str, ProviderFile],
    directory: Path,
    path: Path,
) -> None:
    if wrong := check_name(name):
        raise ConfigurationError(f"{path}: connections: {wrong}")
    provider = provider_of(name, declared.provider)
    if provider not in providers:
        known = ", ".join(sorted(providers))
        raise ConfigurationError(
            f"{path}: connections.{name} needs the provider {provider}, but there is no "
            f"{directory / provider}.toml (known: {known})"
        )
    if wrong := check_settings(providers[provider], declared.settings):
        raise ConfigurationError(f"{path}: connections.{name}.settings {wrong}")
    if wrong := check_name(declared.was) if declared.was else None:
        raise ConfigurationError(f"{path}: connections.{name}.was: {wrong}")
    if declared.was and declared.was.split("/", maxsplit=1)[0] != name.split("/", maxsplit=1)[0]:
        raise ConfigurationError(
            f"{path}: connections.{name}.was: {declared.was} is another tenant's"
        )


def _check_moves(settings: Settings, path: Path) -> None:
    """What moves is declared under its new name alone, and once."""
    moved: dict[str, str] = {}
    for name, declared in settings.connections.items():
        was = declared.was
        if was is None:
            continue
        if was != name and was in settings.connections:
            raise ConfigurationError(
                f"{path}: connections.{name}.was: {was} is declared too; take its table out"
            )
        if was in moved:
            raise ConfigurationError(
                f"{path}: connections.{name}.was: {was} becomes {moved[was]} already"
            )
        moved[was] = name


def check_settings(file: ProviderFile, given: Mapping[str, str]) -> str | None:
    """What is wrong with all of a connection's settings, as a clause, or None."""
    known = ", ".join(sorted(file.settings)) or "none"
    for name in given:
        if name not in file.settings:
            return f"has {name}, which {file.name} does not know (known: {known})"
    for name, setting in file.settings.items():
        value = given.get(name, setting.default)
        if value is None:
            what = f" ({setting.title})" if setting.title else ""
            return f"lacks {name}{what}"
        if not setting.allows(value):
            choices = f"; it is one of {', '.join(setting.choices)}" if setting.choices else ""
            return f"has a value for {name} that is not allowed{choices}"
    return None


def _check_policy(settings: Settings, providers: Mapping[str, ProviderFile], path: Path) -> None:
    policy = settings.policy
    if wrong := policy_file.check_place(policy, "fleet"):
        raise ConfigurationError(f"{path}: policy: {wrong}")
    tables = {"provider": policy.providers, "tenant": policy.tenants}
    for place, named in (*tables.items(), ("connection", policy.connections)):
        for name, table in named.items():
            if wrong := policy_file.check_place(table, place):
                raise ConfigurationError(f"{path}: policy.{place}s.{name}: {wrong}")
    for name in policy.tenants:
        if check_name(f"{name}/any/any"):
            raise ConfigurationError(
                f"{path}: policy.tenants: {name!r} is no tenant's name (letters, digits, . _ @ + -)"
            )
    for name, table in policy.providers.items():
        if name not in providers:
            raise ConfigurationError(f"{path}: policy.providers.{name}: there is no such provider")
        if wrong := _check_streams(name, table, providers):
            raise ConfigurationError(f"{path}: policy.providers.{name}: {wrong}")
    for name, table in policy.connections.items():
        if wrong := check_name(name) or check_fallback(name, table.fallback):
            raise ConfigurationError(f"{path}: policy.connections: {wrong}")
        declared = settings.connections.get(name, Declared())
        if wrong := _check_streams(provider_of(name, declared.provider), table, providers):
            raise ConfigurationError(f"{path}: policy.connections.{name}: {wrong}")


def _check_streams(
    provider: str, table: PolicyTable, providers: Mapping[str, ProviderFile]
) -> str | None:
    """A stream that nobody has would have settings for nothing.

    A connection that was added by command may have a provider that its name does not tell.
    """
    known = providers[provider].streams if provider in providers else None
    for stream in [each for field in OF_STREAMS.values() for each in getattr(table, field) or ()]:
        if known is not None and stream not in known:
            return f"{provider} has no stream {stream} (it has: {', '.join(sorted(known))})"
    return None


def check_fallback(name: str, fallback: str | None) -> str | None:
    """What is wrong with the connection that is to stand in for that one, if anything."""
    if fallback is None:
        return None
    if fallback == name:
        return f"{name} cannot be its own fallback"
    same = fallback.split("/", maxsplit=1)[0] == name.split("/", maxsplit=1)[0]
    return check_name(fallback) or (None if same else f"{fallback} is another tenant's")


def _check_client(name: str, providers: Mapping[str, ProviderFile], path: Path) -> None:
    if name not in providers or not isinstance(providers[name].auth, OAuth2):
        raise ConfigurationError(f"{path}: providers.{name} is not a provider that speaks OAuth")


def _check_views(providers: Mapping[str, ProviderFile], directory: Path) -> None:
    """Two streams must not claim one SQL view: `a_b` + `c` and `a` + `b_c` would."""
    owners: dict[str, str] = {}
    for name, provider in providers.items():
        for stream in provider.streams:
            view = f"{name}_{stream}"
            if views.RESERVED.fullmatch(view):
                raise ConfigurationError(
                    f"{directory}: the stream {name}.{stream} would be the SQL view {view}, a name "
                    "that the database needs for itself; rename the stream or the provider"
                )
            if view in owners:
                raise ConfigurationError(
                    f"{directory}: the streams {owners[view]} and {name}.{stream} "
                    f"would both be the SQL view {view}; rename one of them"
                )
            owners[view] = f"{name}.{stream}"
