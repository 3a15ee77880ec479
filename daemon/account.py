"""What does a connection bring to its provider: credential, settings, client, pair of tokens?

All of it lies sealed in the vault, each under its purpose.
"""

from collections.abc import Mapping
from datetime import datetime

import msgspec
from msgspec import Struct

from daemon.auth_file import OAuth2
from daemon.commands import Pair
from daemon.oauth import Client, client_of, fingerprint
from daemon.placeholders import Values
from daemon.provider_file import ProviderFile
from daemon.secret import Secret
from daemon.token_answer import Tokens
from daemon.vault import Vault
from projections.connection import Connection

CREDENTIAL = "credential"
SETTINGS = "settings"
GRANT = "grant"
CLIENT = "client"
NO_TENANT = 0  # a provider's client is the organisation's own


class Kept(Struct, frozen=True, kw_only=True):
    """A pair of tokens as it lies in the vault; `fingerprint` names its refresh token."""

    generation: int
    access: Secret
    refresh: Secret | None
    expires_at: datetime
    fingerprint: str

    def pair(self, *, rotated: bool = True) -> Pair:
        """Return what may be said of it."""
        return Pair(
            generation=self.generation,
            token=self.fingerprint,
            expires_at=self.expires_at,
            rotated=rotated,
        )


class _Sealed(Struct, frozen=True, kw_only=True):
    """The form in the vault, version 1."""

    generation: int
    access: str
    refresh: str | None
    expires_at: datetime


def credential(vault: Vault, connection: Connection, subject: int) -> Secret | None:
    return vault.open(connection.tenant, subject, CREDENTIAL)


def settings(vault: Vault, connection: Connection, subject: int, file: ProviderFile) -> Values:
    """Return the connection's settings over the file's defaults."""
    values = {
        name: each.default for name, each in file.settings.items() if each.default is not None
    }
    return {**values, **own_settings(vault, connection.tenant, subject)}


def own_settings(vault: Vault, tenant: int, subject: int) -> dict[str, str]:
    """Return what was set for this very connection."""
    kept = vault.open(tenant, subject, SETTINGS)
    return msgspec.json.decode(kept.reveal(), type=dict[str, str]) if kept is not None else {}


def keep_settings(vault: Vault, tenant: int, subject: int, values: Mapping[str, str]) -> None:
    vault.seal(tenant, subject, SETTINGS, sealed_settings(values))


def sealed_settings(values: Mapping[str, str]) -> Secret:
    """Return them in the form in which they lie in the vault."""
    return Secret(msgspec.json.encode(dict(values)).decode())


def client(vault: Vault, connection: Connection, subject: int, auth: OAuth2) -> Client | None:
    """Return the application's identity: the connection's own, else the provider's.

    A credential from before its provider spoke OAuth is none: it would be shown as an id.
    """
    own = credential(vault, connection, subject)
    if own is not None and is_client(own, auth):
        return client_of(own)
    kept = vault.open(NO_TENANT, connection.provider, CLIENT)
    return client_of(kept) if kept is not None else None


def is_client(text: Secret, auth: OAuth2) -> bool:
    """Whether a credential has the form of an application's: `id:secret`, or an id where public."""
    return ":" in text.reveal() or auth.client == "none"


def kept(vault: Vault, connection: Connection, subject: int) -> Kept | None:
    """Return the pair of tokens in the vault."""
    sealed = vault.open(connection.tenant, subject, GRANT)
    if sealed is None:
        return None
    found = msgspec.json.decode(sealed.reveal(), type=_Sealed)
    refresh = Secret(found.refresh) if found.refresh is not None else None
    return Kept(
        generation=found.generation,
        access=Secret(found.access),
        refresh=refresh,
        expires_at=found.expires_at,
        fingerprint=fingerprint(refresh, vault.digest_key(connection.tenant)),
    )


def following(vault: Vault, connection: Connection, tokens: Tokens, before: Kept | None) -> Kept:
    """Return the pair these tokens make; without a new refresh token the old one stays (C2)."""
    refresh = tokens.refresh
    if refresh is None and before is not None:
        refresh = before.refresh
    return Kept(
        generation=connection.grant.generation + 1,
        access=tokens.access,
        refresh=refresh,
        expires_at=tokens.expires_at,
        fingerprint=fingerprint(refresh, vault.digest_key(connection.tenant)),
    )


def keep(vault: Vault, connection: Connection, subject: int, pair: Kept) -> None:
    """Seal a pair in place of the one before it. Durable on return. Raises VaultFull."""
    sealed = _Sealed(
        generation=pair.generation,
        access=pair.access.reveal(),
        refresh=pair.refresh.reveal() if pair.refresh is not None else None,
        expires_at=pair.expires_at,
    )
    text = msgspec.json.encode(sealed).decode()
    vault.seal(connection.tenant, subject, GRANT, Secret(text))
