"""Whom does the configuration let ask, and of which tenants?"""

import grp
import os
import pwd
import stat
from pathlib import Path

import pytest
import trio

from daemon import configuration, host_lock
from daemon.access import AccessRule, Admitted, Rules
from daemon.control import http_server
from daemon.strict_toml import ConfigurationError

pytestmark = pytest.mark.requirement("D7")

NOBODY = 65_000
ACME = AccessRule(tenants=("acme",), role="operator")
BIRCH = AccessRule(tenants=("birch", "cedar"))
EVERYBODY = AccessRule(tenants=("*",), role="admin")


def test_without_rules_there_are_root_and_the_daemons_own_user():
    whole = Admitted(tenants=None, role="admin")
    assert Rules().of(0, ()) == whole
    assert Rules().of(os.geteuid(), ()) == whole
    assert Rules().of(NOBODY, ()) is None
    assert Rules(groups={0: EVERYBODY}).of(None, {0}) is None


def test_ones_own_rule_goes_before_those_of_groups():
    rules = Rules(users={NOBODY: ACME}, groups={7: EVERYBODY})
    assert rules.of(NOBODY, {7}) == Admitted(tenants=frozenset({"acme"}), role="operator")


def test_of_several_groups_the_tenants_add_up_and_the_least_role_holds():
    """Else an admin of one tenant, and viewer of another, would be admin of both."""
    rules = Rules(groups={7: ACME, 8: BIRCH, 9: EVERYBODY})
    both = Admitted(tenants=frozenset({"acme", "birch", "cedar"}), role="viewer")
    assert rules.of(NOBODY, {7, 8}) == both
    assert rules.of(NOBODY, {7, 9}) == Admitted(tenants=None, role="operator")
    assert rules.of(NOBODY, {5}) is None


def read(tmp_path: Path, text: str) -> Rules:
    path = tmp_path / "rounds.toml"
    path.write_text(text)
    return configuration.load(path).rules


def test_rules_are_read_by_the_names_of_this_host_or_by_number(tmp_path: Path):
    user, group = pwd.getpwuid(0).pw_name, grp.getgrgid(0).gr_name
    rules = read(
        tmp_path,
        f'[access.users.{user}]\ntenants = ["acme"]\nrole = "operator"\n'
        f'[access.users.65000]\ntenants = ["birch", "cedar"]\n'
        f'[access.groups.{group}]\ntenants = ["*"]\nrole = "admin"\n',
    )
    assert rules == Rules(users={0: ACME, NOBODY: BIRCH}, groups={0: EVERYBODY})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[access.users.no-such-user]\ntenants = ["a"]', "this host has no user no-such-user"),
        ('[access.groups.no-such-group]\ntenants = ["a"]', "this host has no group no-such-group"),
        ("[access.users.root]\ntenants = []", "access.users.root.tenants"),
        ('[access.users.root]\ntenants = ["a"]\nrole = "king"', "access.users.root.role"),
    ],
)
def test_what_is_wrong_with_a_rule_is_said(tmp_path: Path, text: str, words: str):
    with pytest.raises(ConfigurationError, match=words.replace(".", r"\.")):
        read(tmp_path, text)


@pytest.mark.parametrize(("shared", "mode"), [(False, 0o600), (True, 0o666)])
def test_others_reach_the_socket_only_where_there_are_rules(tmp_path: Path, shared, mode):
    path = tmp_path / "s"
    with host_lock.listen(path, shared=shared):
        assert stat.S_IMODE(path.stat().st_mode) == mode


async def test_the_kernel_says_of_which_groups_a_peer_is():
    ours, theirs = trio.socket.socketpair()
    with ours, theirs:
        uid, groups = http_server._peer(trio.SocketStream(ours))
    assert uid == os.geteuid()
    assert groups == {os.getegid(), *os.getgroups()}
