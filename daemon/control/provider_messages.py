"""What is said over the control socket of providers, and of moving to another one?"""

from datetime import date, datetime

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


class ProviderView(Struct, frozen=True, kw_only=True):
    """One provider. `own` is False for what ships with rounds, unless a file goes before it.

    `client` says whether our own id and secret are known, None where none is needed; `settings`
    gives what a connection says beside its credential, `modes` how each stream is fetched; `pool`
    is of all calls, `programs` of those that programs made.
    """

    provider: str
    title: str
    base_url: str
    auth: str
    connections: int
    streams: list[str]
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
    seq: int
    providers: list[ProviderView]


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
