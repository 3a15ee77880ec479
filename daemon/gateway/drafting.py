"""What leaves as a connection for a program's wish: to which provider, with whose credential?"""

from collections.abc import Mapping

from msgspec import Struct

from daemon import account
from daemon.exchange import CallLost, Request
from daemon.gateway import asking
from daemon.gateway.asking import Wish
from daemon.provider import Provider
from daemon.vault import Vault
from events.gateway import CallKind
from events.terms import FailureClass
from projections.connection import Connection

GONE = "the provider's file is gone; nothing was sent"


class Draft(Struct, frozen=True, kw_only=True):
    """`keyed` says that the provider knows the request again by its key."""

    provider: Provider
    request: Request
    kind: CallKind
    keyed: bool


def draft(
    vault: Vault, providers: Mapping[int, Provider], subject: int, known: Connection, wish: Wish
) -> Draft:
    """Raise CallLost where it cannot be sent; nothing was."""
    provider = providers.get(known.provider)
    if provider is None:
        raise CallLost(FailureClass.INVALID, GONE, sent=False)
    file = provider.file
    credential = account.credential(vault, known, subject)
    request, kind = asking.build(
        file, wish, credential, account.settings(vault, known, subject, file)
    )
    keyed = wish.key is not None and file.idempotency_header is not None
    return Draft(provider=provider, request=request, kind=kind, keyed=keyed)
