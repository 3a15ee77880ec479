"""How is a provider spoken to, as its file declares it?"""

import hashlib
import re
from datetime import date
from pathlib import Path
from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

from daemon import strict_toml
from daemon.auth_file import Auth, NoAuth, OAuth2
from daemon.decide.waiting import ITS_CONNECTION
from daemon.duration import Duration
from daemon.endpoint_file import Endpoint
from daemon.file_table import (
    Name,
    Scalar,
    Table,
    Text,
    UrlPath,
    check_expression,
    check_url,
    placeholders,
)
from daemon.rate_file import Rate
from daemon.stream_file import WINDOW_NAMES, Stream
from daemon.strict_toml import ConfigurationError
from events.terms import FailureClass

Codes: TypeAlias = tuple[Scalar, ...]

DOTS = frozenset({".", ".."})
"""No setting is one of these: as a segment of a path they lead up from it, however quoted."""


TIMEOUT_S = 30.0  # for all of a call: a large page over a slow line takes a while
SILENCE_S = 10.0  # a provider that is up says something by then (requirement E2)


class Limits(Table, frozen=True, kw_only=True):
    """How long and how much, at most: a call's total time, its decoded body, a stream's fetch.

    `silence_s` is how long nothing may come of an answer, or be taken of a request; without it
    SILENCE_S, or all of the call's time where that is longer than the usual: a report that takes
    minutes is silent until it is there. `poll_s` is how long to wait before an answer that is not
    ready (202) is asked for again.
    """

    timeout_s: Annotated[float, Meta(gt=0, le=3600)] = TIMEOUT_S
    silence_s: Annotated[float, Meta(gt=0, le=3600)] | None = None
    body_bytes_max: Annotated[int, Meta(ge=1, le=1024**3)] = 16 * 1024**2
    pages_max: Annotated[int, Meta(ge=1, le=1_000_000)] = 10_000
    sync_timeout_s: Annotated[float, Meta(gt=0, le=7 * 86_400)] = 3600.0
    poll_s: Annotated[float, Meta(gt=0, le=3600)] = 5.0

    def silence(self, timeout_s: float) -> float:
        """How long a call that may take so long may be silent, in seconds."""
        if self.silence_s is not None:
            return self.silence_s
        return SILENCE_S if timeout_s <= TIMEOUT_S else timeout_s


class AnswerErrors(Table, frozen=True, kw_only=True):
    """Errors inside a 200: the code at `path` in the JSON, and what each one means.

    No code, or one of `ok`, is a good answer; a code that stands nowhere is `other`. `wait` is
    where such an answer says for how many seconds it wants to be left alone.
    """

    path: Text
    wait: Text | None = None
    ok: Codes = ()
    auth: Codes = ()
    rate_limited: Codes = ()
    not_found: Codes = ()
    invalid: Codes = ()
    server: Codes = ()
    other: FailureClass = FailureClass.INVALID

    def __post_init__(self) -> None:
        check_expression("path", self.path)
        if self.wait is not None:
            check_expression("wait", self.wait)


class Setting(Table, frozen=True, kw_only=True):
    """What a connection must say beside its credential, such as its account's name.

    It stands for `{name}` in URLs, parameters and bodies. One with an empty `default` may be left
    out. One that is part of a host name must have `choices`: credentials go nowhere else.
    """

    title: str = ""
    pattern: Text = r"[^\x00-\x1f\x7f]{1,2000}"
    choices: tuple[Text, ...] = ()
    default: str | None = None

    def __post_init__(self) -> None:
        try:
            re.compile(self.pattern)
        except re.error:
            raise ValueError("pattern is not a regular expression") from None
        if self.default and not self.allows(self.default):
            raise ValueError("default is not one of the values that are allowed")

    def allows(self, value: str) -> bool:
        """Say whether a connection may have this value."""
        if value == self.default == "":
            return True
        if value in DOTS:
            return False
        if self.choices:
            return value in self.choices
        return re.fullmatch(self.pattern, value) is not None


class ProviderFile(Table, frozen=True, kw_only=True):
    """A provider, whole.

    `private_hosts` may be at addresses of this host or its network, as on-premises systems are.
    `endpoints` are paths that programs call, by template; `idempotency_header` is the one by whose
    value the provider knows a write that it has carried out already, for `idempotency_lifetime` at
    the least. `retired` says that it was switched off, and on which day, if that is known;
    `successor` is the name of the provider that follows it.
    """

    name: Name
    base_url: Text
    private_hosts: tuple[Text, ...] = ()
    streams: Annotated[dict[Name, Stream], Meta(min_length=1)]
    title: str = ""
    documentation: str = ""
    auth: Auth = NoAuth()
    settings: dict[Name, Setting] = {}
    limits: Limits = Limits()
    rate: Rate = Rate()
    errors: AnswerErrors | None = None
    endpoints: dict[UrlPath, Endpoint] = {}
    idempotency_header: Text | None = None
    idempotency_lifetime: Duration = "24h"
    retired: date | bool = False
    successor: Name | None = None

    def __post_init__(self) -> None:
        check_url("base_url", self.base_url)
        taken = sorted(WINDOW_NAMES & set(self.settings))
        if taken:
            raise ValueError(f"settings.{taken[0]}: the name is a window's")
        self._check_placeholders()
        self._check_waits()
        if self.successor == self.name:
            raise ValueError("successor: a provider does not follow itself")
        for key, url in self._urls().items():
            self._check_host(key, url)

    def _urls(self) -> dict[str, str]:
        urls = {"base_url": self.base_url}
        if isinstance(self.auth, OAuth2):
            keys = ("token_url", "authorize_url", "introspect_url")
            urls |= {f"auth.{key}": url for key in keys if (url := getattr(self.auth, key))}
        return urls

    def _check_placeholders(self) -> None:
        for key, url in self._urls().items():
            self._check_known(key, placeholders(url))
        for name, stream in self.streams.items():
            self._check_known(f"streams.{name}", stream.placeholders() - WINDOW_NAMES)

    def _check_waits(self) -> None:
        """A stream waits for one that waits for none: so there is an order, and no circle."""
        for name, stream in self.streams.items():
            on = stream.waits_for
            if on is None or (on == ITS_CONNECTION and on not in self.streams):
                continue
            other = self.streams.get(on)
            if other is None:
                raise ValueError(f"streams.{name}.waits_for: there is no stream {on}")
            if other.waits_for is not None:
                raise ValueError(f"streams.{name}.waits_for: {on} waits itself")

    def _check_known(self, key: str, used: set[str]) -> None:
        unknown = sorted(used - set(self.settings))
        if unknown:
            name = unknown[0]
            raise ValueError(f"{key} uses {{{name}}}, but there is no table settings.{name}")

    def _check_host(self, key: str, url: str) -> None:
        host = url.split("://", maxsplit=1)[1].split("/", maxsplit=1)[0]
        for name in placeholders(host):
            if not self.settings[name].choices:
                raise ValueError(f"{key}: {{{name}}} in a host name needs settings.{name}.choices")


def load(path: Path) -> ProviderFile:
    """Return the provider that `path` declares. Raises ConfigurationError."""
    provider = strict_toml.read(path, ProviderFile)
    if provider.name != path.stem:
        raise ConfigurationError(
            f'{path}: name is "{provider.name}", expected "{path.stem}" as the file is called'
        )
    return provider


def digest(provider: ProviderFile) -> str:
    """Return the SHA-256, in hexadecimal, of what the file says; defaults do not count."""
    return hashlib.sha256(msgspec.json.encode(provider, order="deterministic")).hexdigest()
