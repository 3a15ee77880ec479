"""What do the files say, and are they good? Answered without the daemon."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec
from msgspec import Struct

from daemon import places
from daemon.cli import screen, times
from daemon.cli.arguments import as_json, examples
from daemon.cli.ending import Ended, Exit

if TYPE_CHECKING:
    from daemon.configuration import Configuration


class InForce(Struct, frozen=True, kw_only=True):
    """The configuration, and where it puts things."""

    path: Path
    state: Path
    socket: Path
    read: "Configuration"


def in_force() -> InForce:
    """What roundsd would work with if it were started here. Raises Ended."""
    from daemon import configuration
    from daemon.strict_toml import ConfigurationError

    found = places.find(os.environ)
    try:
        read = configuration.load(found.config)
    except ConfigurationError as error:
        raise Ended(Exit.USAGE, str(error)) from None
    except PermissionError as error:
        raise Ended(
            Exit.NOT_ALLOWED, f"{error.filename} may not be read; ask its owner, or root"
        ) from None
    return InForce(
        path=found.config,
        state=Path(read.settings.state or found.state),
        socket=Path(read.settings.socket or found.socket),
        read=read,
    )


@click.group()
def config() -> None:
    """Check and show the configuration."""


@config.command(epilog=examples("rounds config check && systemctl restart roundsd"))
@as_json
def check(as_json: bool) -> None:
    """Check the configuration and all provider files, as roundsd would."""
    found = in_force()
    files = [str(file) for file in found.read.files]
    own, connections = len(found.read.own), len(found.read.settings.connections)
    shipped = len(found.read.providers) - own
    if as_json:
        answer = {"files": files, "providers": own, "shipped": shipped, "connections": connections}
        screen.document(msgspec.json.encode({"good": True, **answer}))
        return
    for file in files:
        screen.line(f"{file}: good")
    if not found.path.exists():
        screen.line(f"{found.path}: not there; the usual settings hold")
    screen.line(
        f"{times.count(own, 'provider')} of your own, {shipped:,} shipped with rounds; "
        f"{times.count(connections, 'connection')} declared"
    )


@config.command(
    epilog=examples("rounds config show", "rounds config show --json | jq .settings.sync")
)
@as_json
def show(as_json: bool) -> None:
    """Show the settings in force, and where everything lies.

    Credentials are never shown: the configuration names only files that hold them.
    """
    found = in_force()
    settings = msgspec.to_builtins(found.read.settings)
    settings |= {"state": str(found.state), "socket": str(found.socket)}
    if as_json:
        screen.document(msgspec.json.encode(_document(found, settings)))
        return
    missing = "" if found.path.exists() else " (not there; the usual settings hold)"
    facts = [
        ("configuration", f"{found.path}{missing}"),
        *(("", str(file)) for file in found.read.files if file != found.path),
        ("state", settings["state"]),
        ("socket", settings["socket"]),
    ]
    for name, table in settings.items():
        if isinstance(table, dict) and name not in {"providers", "connections"}:
            facts += [(f"{name}.{key}", str(value)) for key, value in table.items()]
    facts += [(f"providers.{name}", _client(each)) for name, each in settings["providers"].items()]
    screen.show(screen.pairs(*facts))
    if settings["connections"]:
        screen.line()
        screen.show(_connections(found, settings["connections"]))


def _document(found: InForce, settings: dict[str, Any]) -> dict[str, Any]:
    return {
        "configuration": str(found.path),
        "files": [str(file) for file in found.read.files],
        "settings": settings,
        "providers": sorted(found.read.providers),
    }


def _client(ours: dict[str, Any]) -> str:
    file = ours["client_secret_file"]
    return f"client {ours['client_id']}, {f'its secret in {file}' if file else 'without a secret'}"


def _connections(found: InForce, declared: dict[str, dict[str, Any]]) -> screen.Part:
    from daemon.configuration import provider_of

    table = screen.table(
        "connection",
        "provider",
        "interval",
        "credential file",
        "settings",
        folds=("connection", "credential file", "settings"),
    )
    for name, each in declared.items():
        table.add_row(
            name,
            provider_of(name, each["provider"]),
            each["interval"] or found.read.settings.sync.interval,
            each["credential_file"] or "none",
            ", ".join(f"{key}={value}" for key, value in each["settings"].items()),
        )
    return table
