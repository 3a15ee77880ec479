"""What is said over the control socket of providers, and of moving to another one?"""

from datetime import date, datetime
from typing import Literal

from msgspec import Struct

from daemon.control.account_messages import OAuthView, SettingView
from daemon.control.gateway_messages import ProgramsView
from daemon.exchange import PoolStatistics
from events.terms import Mode


class RetirementView(Struct, frozen=True, kw_only=True):
    """What is known of a provider's end: `retired` is what its file says, `successor` who follows.

    It answered at `found_at` that it is switched off (410). It announced at `announced_at` that it
    is deprecated, or will be at `since`, and that it will be switched off at `sunset`.
    """

    retired: date | bool = False
    successor: str | None = None
    found_at: datetime | None = None
    deprecated: bool = False
    since: datetime | None = None
    sunset: datetime | None = None
    announced_at: datetime | None = None


class WindowView(Struct, frozen=True, kw_only=True):
    """The provider allows `calls` in `per_s` seconds, `aligned` to the clock in UTC, or in any.

    `scope` is whose calls are counted together, and `only` whether all are, or reads alone.
    """

    calls: int
    per_s: int
    scope: Literal["application", "connection"]
    kind: Literal["sliding", "aligned"]
    only: Literal["all", "reads"]


class BatchView(Struct, frozen=True, kw_only=True):
    """Up to `size` GETs of one thing each go as one to `path`, `wait_s` after the first.

    The things lie at `records` in its answer, and each is known by the field `key`.
    """

    path: str
    records: str
    key: str
    size: int
    wait_s: float
    separator: str


class EndpointView(Struct, frozen=True, kw_only=True):
    """What holds for a path that programs call, whatever the method.

    Where a time is None, the answer itself says it, or what holds for all (`calls.stale_s`) does.
    """

    path: str
    title: str
    cached: bool
    fresh_s: float | None
    stale_while_revalidate_s: float | None
    stale_if_error_s: float | None
    patience_s: float
    shared: bool
    debounce_s: float
    batch: BatchView | None


class CallsView(Struct, frozen=True, kw_only=True):
    """What the file says of calls, defaults included.

    A call may take `timeout_s`, be silent for `silence_s` of it, and its answer be
    `body_bytes_max` long. The pool has at most `connections_max` connections, and closes one that
    nobody used for `idle_s`. Writes are known again by `idempotency_header`, where there is one.
    `private_hosts` may be at addresses of this host or its network. A kept answer is given for
    `stale_s` where no other can be had and neither it nor its endpoint says for how long.
    """

    timeout_s: float
    silence_s: float
    body_bytes_max: int
    rate: list[WindowView]
    connections_max: int
    idle_s: float
    idempotency_header: str | None
    private_hosts: list[str]
    stale_s: float
    endpoints: list[EndpointView]


class ProviderView(Struct, frozen=True, kw_only=True):
    """One provider. `own` is False for what ships with rounds, unless a file goes before it.

    `client` says whether our own id and secret are known, None where none is needed; `settings`
    gives what a connection says beside its credential, `modes` how each stream is fetched, `calls`
    what is declared of calls; `pool` is of all calls, `programs` of those that programs made.
    """

    provider: str
    title: str
    base_url: str
    auth: str
    connections: int
    streams: list[str]
    calls: CallsView
    documentation: str = ""
    own: bool = True
    client: bool | None = None
    settings: dict[str, SettingView] = {}
    modes: dict[str, Mode] = {}
    oauth: OAuthView | None = None
    retired: date | bool = False
    successor: str | None = None
    retirement: RetirementView | None = None
    pool: PoolStatistics = PoolStatistics()
    programs: ProgramsView | None = None


class Providers(Struct, frozen=True, kw_only=True):
    """As of then: those that were declared by then and have a file now.

    `of_now` names the fields of each that are as the file is now; `gone` has how many connections
    those had that have no file any more.
    """

    seq: int
    now: datetime
    providers: list[ProviderView]
    of_now: list[str] = []
    gone: dict[str, int] = {}


class RelinkWish(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Move a connection to the provider that follows its own, or to `provider`.

    It is called `name` then, where that is given. With `dry_run` it is only said what would come
    of it.
    """

    connection: str
    provider: str | None = None
    name: str | None = None
    credential: str | None = None
    settings: dict[str, str] | None = None
    dry_run: bool = False
