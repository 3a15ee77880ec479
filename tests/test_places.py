from pathlib import Path

import pytest

from daemon import places
from daemon.places import SYSTEM_SOCKET, Places

HOME = {"HOME": "/home/ada"}


def test_an_ordinary_user_has_it_all_at_home():
    assert places.find(HOME) == Places(
        config=Path("/home/ada/.config/rounds/rounds.toml"),
        state=Path("/home/ada/.local/state/rounds"),
        socket=Path("/home/ada/.local/state/rounds/control.sock"),
    )


def test_the_xdg_directories_are_taken_where_they_are_set():
    xdg = {
        "XDG_CONFIG_HOME": "/xdg/config",
        "XDG_STATE_HOME": "/xdg/state",
        "XDG_RUNTIME_DIR": "/run/user/7",
    }
    assert places.find(HOME | xdg) == Places(
        config=Path("/xdg/config/rounds/rounds.toml"),
        state=Path("/xdg/state/rounds"),
        socket=Path("/run/user/7/rounds/control.sock"),
    )


def test_a_service_has_what_systemd_gives_it():
    """Where systemd gives several directories, the first one is ours."""
    service = {
        "STATE_DIRECTORY": "/var/lib/rounds:/var/lib/other",
        "RUNTIME_DIRECTORY": "/run/rounds:/run/other",
        "XDG_RUNTIME_DIR": "/run/user/7",
        "CREDENTIALS_DIRECTORY": "/run/credentials/roundsd",
    }
    found = places.find(HOME | service)
    assert found.state == Path("/var/lib/rounds")
    assert found.socket == Path("/run/rounds/control.sock")
    assert found.credentials == Path("/run/credentials/roundsd")


def test_what_is_named_is_taken():
    named = {"ROUNDS_CONFIG": "/srv/r.toml", "ROUNDS_SOCKET": "/srv/r.sock"}
    found = places.find(HOME | named | {"RUNTIME_DIRECTORY": "/run/rounds"})
    assert (found.config, found.socket) == (Path("/srv/r.toml"), Path("/srv/r.sock"))


def test_an_own_configuration_goes_before_the_systems(tmp_path):
    own = tmp_path / "rounds/rounds.toml"
    own.parent.mkdir()
    own.touch()
    assert places.find({"XDG_CONFIG_HOME": str(tmp_path)}).config == own


@pytest.mark.parametrize("environment", [{}, {"HOME": ""}])
def test_without_a_home_there_are_places_all_the_same(environment):
    assert places.find(environment).state == Path("/.local/state/rounds")


def test_a_command_looks_where_it_is_told_and_nowhere_else():
    assert places.sockets(HOME | {"ROUNDS_SOCKET": "/srv/r.sock"}) == [Path("/srv/r.sock")]


def test_a_command_looks_at_its_own_daemon_before_the_systems():
    assert places.sockets(HOME | {"XDG_RUNTIME_DIR": "/run/user/7"}) == [
        Path("/run/user/7/rounds/control.sock"),
        Path("/home/ada/.local/state/rounds/control.sock"),
        SYSTEM_SOCKET,
    ]
    assert places.sockets(HOME) == [
        Path("/home/ada/.local/state/rounds/control.sock"),
        SYSTEM_SOCKET,
    ]
