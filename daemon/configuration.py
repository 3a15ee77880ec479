"""What did the people who run this write down: settings, connections, providers?

One TOML file, then the drop-ins of `rounds.toml.d/*.toml` beside it in the order of their names,
each table merged into what came before. Provider files lie in `providers/` beside it.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta, Struct

from daemon import provider_file, strict_toml
from daemon.provider_file import ProviderFile
from daemon.store import views
from daemon.strict_toml import ConfigurationError
from events.schema import PolicySet

NAMED_INTERVALS = {
    "hourly": timedelta(hours=1),
    "every_6_hours": timedelta(hours=6),
    "daily": timedelta(days=1),
    "weekly": timedelta(days=7),
}
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
CONNECTION_NAME = re.compile(
    r"[A-Za-z0-9][\w.@+-]{0,63}(/[A-Za-z0-9][\w.@+-]{0,63}){1,2}", re.ASCII
)

Duration = Annotated[
    str,
    Meta(pattern=r"^([1-9][0-9]{0,6}[smh]|[1-9][0-9]{0,3}d|hourly|every_6_hours|daily|weekly)\Z"),
]
"""`90s`, `15m`, `6h`, `7d`, or one of the named intervals: each ends inside the calendar."""


FilePath = Annotated[str, Meta(pattern=r"^/.")]
"""An absolute path."""


class SyncSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    interval: Duration = "every_6_hours"
    concurrency: Annotated[int, Meta(ge=1, le=1000)] = 10
    stop_within: Duration = "20s"


class CrashSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    delay: Duration = "10s"
    delay_max: Duration = "1h"


class Declared(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One connection. Its provider is the second part of its name, unless named here."""

    provider: str | None = None
    interval: Duration | None = None
    credential_file: FilePath | None = None


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole of `rounds.toml`."""

    state: FilePath | None = None
    socket: FilePath | None = None
    sync: SyncSettings = SyncSettings()
    crash: CrashSettings = CrashSettings()
    connections: dict[str, Declared] = {}


class Configuration(Struct, frozen=True, kw_only=True):
    """What is in force, and the files that it was read from."""

    settings: Settings
    providers: Mapping[str, ProviderFile]
    files: tuple[Path, ...]


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
    provider_files = sorted(directory.glob("*.toml"))
    providers = {file.stem: provider_file.load(file) for file in provider_files}
    _check_views(providers, directory)
    for name, declared in settings.connections.items():
        _check_connection(name, declared, providers, directory, origins[name])
    return Configuration(settings=settings, providers=providers, files=(*files, *provider_files))


def duration(text: str) -> timedelta:
    """Read what the type `Duration` lets through."""
    named = NAMED_INTERVALS.get(text)
    return named or timedelta(**{UNITS[text[-1]]: int(text[:-1])})


def policy(settings: Settings) -> PolicySet:
    """What decisions read of the settings."""
    return PolicySet(
        interval=duration(settings.sync.interval),
        concurrency=settings.sync.concurrency,
        crash_delay=duration(settings.crash.delay),
        crash_delay_max=duration(settings.crash.delay_max),
    )


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
        known = ", ".join(sorted(providers)) or "none yet"
        raise ConfigurationError(
            f"{path}: connections.{name} needs the provider {provider}, but there is no "
            f"{directory / provider}.toml (known: {known})"
        )


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
