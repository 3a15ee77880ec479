"""Where do files lie: configuration, state, control socket?"""

import tomllib
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

SYSTEM_CONFIG = Path("/etc/rounds/rounds.toml")
SYSTEM_SOCKET = Path("/run/rounds/control.sock")
SYSTEM_STATE = Path("/var/lib/rounds")


class Places(Struct, frozen=True, kw_only=True):
    """What the environment says; the configuration may name other places for state and socket."""

    config: Path
    state: Path
    socket: Path
    credentials: Path | None = None


def find(environment: Mapping[str, str]) -> Places:
    """Systemd's directories where it gave some, else the user's own by the XDG rules."""
    home = Path(environment.get("HOME") or "/")
    config = Path(environment.get("XDG_CONFIG_HOME") or home / ".config") / "rounds/rounds.toml"
    state = Path(environment.get("XDG_STATE_HOME") or home / ".local/state") / "rounds"
    if given := environment.get("STATE_DIRECTORY"):
        state = Path(given.split(":")[0])
    socket = state / "control.sock"
    if given := environment.get("RUNTIME_DIRECTORY"):
        socket = Path(given.split(":")[0]) / "control.sock"
    elif given := environment.get("XDG_RUNTIME_DIR"):
        socket = Path(given) / "rounds/control.sock"
    if given := environment.get("ROUNDS_CONFIG"):
        config = Path(given)
    elif not config.exists() and SYSTEM_CONFIG.exists():
        config = SYSTEM_CONFIG
    credentials = environment.get("CREDENTIALS_DIRECTORY")
    return Places(
        config=config,
        state=state,
        socket=Path(environment.get("ROUNDS_SOCKET") or socket),
        credentials=Path(credentials) if credentials else None,
    )


def sockets(environment: Mapping[str, str]) -> list[Path]:
    """Where a command looks for the daemon, in order; one alone where it was named."""
    if given := environment.get("ROUNDS_SOCKET"):
        return [Path(given)]
    places = find(environment)
    if named := _named_socket(places.config):
        return [Path(named)]
    return list(dict.fromkeys([places.socket, places.state / "control.sock", SYSTEM_SOCKET]))


def _named_socket(config: Path) -> str | None:
    """The socket that the configuration names, if this user can read it."""
    try:
        value = tomllib.loads(config.read_text("utf-8")).get("socket")
    except (OSError, ValueError):
        return None
    return value if isinstance(value, str) else None
