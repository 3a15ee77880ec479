"""Which providers are there, and what is known of each?"""

from collections.abc import Mapping
from datetime import datetime

from msgspec.structs import replace

from daemon.account import CLIENT, NO_TENANT
from daemon.auth_file import Auth, OAuth2
from daemon.control import declared, ending, narrowed
from daemon.control.account_messages import REDIRECT_URI, OAuthView, SettingView
from daemon.control.desk import Desk
from daemon.control.gateway_messages import ProgramsView
from daemon.control.messages import Nothing
from daemon.control.provider_messages import Providers, ProviderView
from daemon.exchange import PoolStatistics
from daemon.provider import Provider
from events.terms import Caller
from projections import traffic
from projections.provider import Provider as Known
from projections.traffic import Traffic

OF_NOW = (
    "auth",
    "base_url",
    "calls",
    "documentation",
    "modes",
    "oauth",
    "own",
    "settings",
    "title",
)
"""What a provider's file says, and the log does not: it is not known as it was."""


async def providers(desk: Desk, _: Nothing, by: Caller) -> Providers:
    seq, now = desk.journal.world.seq, desk.journal.clock.now()
    seen = narrowed.counted(desk)
    found = [_provider(desk, subject, each) for subject, each in desk.providers.items()]
    if seen is not None:
        found = [_narrowed(*each, seen) for each in zip(desk.providers, found, strict=True)]
    found.sort(key=lambda view: view.provider)
    if desk.live:
        return Providers(seq=seq, now=now, providers=found)
    known = {each.name: each for each in desk.journal.world.providers.values()}
    there = {view.provider for view in found}
    return Providers(
        seq=seq,
        now=now,
        providers=[_then(view, known[view.provider]) for view in found if view.provider in known],
        of_now=list(OF_NOW),
        gone=_gone(desk, there),
    )


def _narrowed(subject: int, view: ProviderView, seen: Mapping[int, int]) -> ProviderView:
    """Without what others do there."""
    return replace(view, connections=seen[subject], pool=PoolStatistics(), programs=None)


def _then(view: ProviderView, known: Known) -> ProviderView:
    """What was declared of it then, instead of what is now."""
    return replace(
        view,
        streams=[each.name for each in known.streams],
        client=None,
        retired=known.retirement.declared,
        successor=known.retirement.successor or None,
        pool=PoolStatistics(),
    )


def _gone(desk: Desk, there: set[str]) -> dict[str, int]:
    """How many connections those had whose files are gone now."""
    seen = narrowed.counted(desk)
    return {
        each.name: each.connections if seen is None else seen[subject]
        for subject, each in desk.journal.world.providers.items()
        if each.name not in there and (seen is None or seen[subject])
    }


def _provider(desk: Desk, subject: int, provider: Provider) -> ProviderView:
    known, file = desk.journal.world.providers.get(subject), provider.file
    now = desk.journal.clock.now()
    return ProviderView(
        provider=file.name,
        title=file.title,
        base_url=file.base_url,
        auth=str(type(file.auth).__struct_config__.tag),
        connections=known.connections if known else 0,
        streams=list(file.streams),
        calls=declared.calls(file),
        documentation=file.documentation,
        own=file.name in desk.configuration.own,
        client=_client(desk, subject, provider),
        settings={
            name: SettingView(title=each.title, choices=list(each.choices), default=each.default)
            for name, each in file.settings.items()
        },
        modes={name: each.mode for name, each in file.streams.items()},
        oauth=_oauth(file.auth),
        retired=file.retired,
        successor=file.successor,
        retirement=ending.view(desk, subject),
        pool=provider.statistics(),
        programs=_programs(known.traffic, now) if known else None,
    )


def _programs(calls: Traffic, now: datetime) -> ProgramsView:
    recent = traffic.last_hour(calls, now)
    return ProgramsView(
        calls=recent.calls,
        failed=recent.failed,
        retries=recent.retries,
        bytes=recent.bytes,
        mean_ms=round(recent.duration_ms / recent.calls) if recent.calls else None,
    )


def _oauth(auth: Auth) -> OAuthView | None:
    if not isinstance(auth, OAuth2):
        return None
    return OAuthView(
        grant=auth.grant,
        redirect_uri=auth.redirect_uri or REDIRECT_URI,
        scopes=list(auth.scopes),
        secret=auth.client != "none",
        access_s=auth.access_s,
        in_doubt=auth.in_doubt,
        reuse_s=auth.reuse_s,
        idle_days=auth.idle_days,
    )


def _client(desk: Desk, subject: int, provider: Provider) -> bool | None:
    """Whether our own id and secret are known, where the provider speaks OAuth."""
    if not isinstance(provider.file.auth, OAuth2):
        return None
    return desk.vault.open(NO_TENANT, subject, CLIENT) is not None
