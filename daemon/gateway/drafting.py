"""What leaves as a connection for a program's wish: to which provider, with whose credential?"""

from collections.abc import Mapping

import trio
from msgspec import Struct

from daemon import account
from daemon.endpoint_file import Endpoint
from daemon.exchange import CallLost
from daemon.gateway import asking
from daemon.gateway.asking import Wish
from daemon.gateway.call import Call
from daemon.journal import Journal
from daemon.limiter import Limiter
from daemon.provider import Provider
from daemon.tokens import Keeper
from daemon.vault import Vault
from events.terms import Caller, FailureClass

GONE = "the provider's file is gone; nothing was sent"
BETWEEN = "the connection is just being given another credential; nothing was sent; ask again"
NO_ENDPOINT = Endpoint()


class Means(Struct, frozen=True, kw_only=True):
    """The daemon's parts by which a call gets to its provider; `providers` are by subject."""

    journal: Journal
    vault: Vault
    keeper: Keeper
    providers: Mapping[int, Provider]
    limiter: Limiter


def draft(means: Means, subject: int, wish: Wish, by: Caller | None = None) -> Call:
    """Raise CallLost where it cannot be sent; nothing was.

    While the vault is behind the log, what was answered to the account before would pass for the
    next one's.
    """
    known = means.journal.world.connections[subject]
    provider = means.providers.get(known.provider)
    if provider is None:
        raise CallLost(FailureClass.INVALID, GONE, sent=False)
    if means.vault.behind.of(subject):
        raise CallLost(FailureClass.CANCELLED, BETWEEN, sent=False)
    file = provider.file
    credential = account.credential(means.vault, known, subject)
    values = account.settings(means.vault, known, subject, file)
    template = asking.template(file, wish.method, wish.path)
    return Call(
        subject=subject,
        tenant=known.tenant,
        account=known.grant.account,
        provider=known.provider,
        way=provider,
        request=asking.build(file, wish, template, credential, values),
        kind=wish.kind or asking.kind_of(wish.method),
        path=wish.path.partition("?")[0],
        endpoint=file.endpoints.get(template or "", NO_ENDPOINT),
        keyed=wish.key is not None,
        key_of_ours=wish.key_of_ours,
        deadline=trio.current_time() + wish.timeout_s,
        by=by,
        fresh=wish.fresh,
    )
