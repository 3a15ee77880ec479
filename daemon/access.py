"""Whom does the configuration let ask what, of which tenants?

The kernel says who is at the other end of the socket: a user id, and the groups of its process. A
user's own rule goes before those of groups; of several groups' rules all tenants count, and the
least of their roles. Without a rule nobody may ask but root and the daemon's own user.
"""

import grp
import os
import pwd
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct

from daemon.strict_toml import ConfigurationError

TENANTS_MAX = 1000  # in one rule; whoever needs more sees all
ALL = "*"
RoleName = Literal["viewer", "operator", "admin"]
ROLES: tuple[RoleName, ...] = ("viewer", "operator", "admin")
"""Each may do what the ones before it may."""


class AccessRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """These tenants, by name (`*` is all), with that role at most: the socket gives one too."""

    tenants: Annotated[tuple[str, ...], Meta(min_length=1, max_length=TENANTS_MAX)]
    role: RoleName = "viewer"


class AccessSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[access]` of the configuration, by the names, or numbers, of users and groups."""

    users: dict[str, AccessRule] = {}
    groups: dict[str, AccessRule] = {}


class Admitted(Struct, frozen=True, kw_only=True):
    """`tenants` are names; None is all."""

    tenants: frozenset[str] | None
    role: str


class Rules(Struct, frozen=True, kw_only=True):
    """By number, as the kernel names users and groups."""

    users: Mapping[int, AccessRule] = {}
    groups: Mapping[int, AccessRule] = {}

    def __bool__(self) -> bool:
        return bool(self.users or self.groups)

    def of(self, uid: int | None, groups: Iterable[int]) -> Admitted | None:
        """What that user may; None where that is nothing."""
        if uid in {0, os.geteuid()}:
            return Admitted(tenants=None, role="admin")
        if uid is None:
            return None
        if uid in self.users:
            return _together([self.users[uid]])
        found = [self.groups[each] for each in groups if each in self.groups]
        return _together(found) if found else None


def rules(settings: AccessSettings, path: Path) -> Rules:
    """The rules by number. Raises ConfigurationError for who is not known on this host."""
    return Rules(
        users={_user(name, path): rule for name, rule in settings.users.items()},
        groups={_group(name, path): rule for name, rule in settings.groups.items()},
    )


def _together(found: Collection[AccessRule]) -> Admitted:
    names = frozenset(name for rule in found for name in rule.tenants)
    given = {rule.role for rule in found}
    role = next(each for each in ROLES if each in given)
    return Admitted(tenants=None if ALL in names else names, role=role)


def _user(name: str, path: Path) -> int:
    try:
        return int(name) if name.isdecimal() else pwd.getpwnam(name).pw_uid
    except KeyError:
        raise ConfigurationError(f"{path}: access.users: this host has no user {name}") from None


def _group(name: str, path: Path) -> int:
    try:
        return int(name) if name.isdecimal() else grp.getgrnam(name).gr_gid
    except KeyError:
        raise ConfigurationError(f"{path}: access.groups: this host has no group {name}") from None
