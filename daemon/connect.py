"""How does a connection come to be: its name, its credential, its event, in which order?

Name and credential are durable in the vault before the event that makes the connection exist. If we
die in between, there is a name without a connection, which the next try takes up again. Another
credential of a connection that exists is sealed after its event: what ends with the old one has
ended by then, and if we die in between, the next try finds the old one and does both again.
"""

from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta

from msgspec import UNSET, UnsetType

from daemon import account, guard_file, provider_file
from daemon.account import CREDENTIAL
from daemon.auth_file import Auth, OAuth2
from daemon.commands import Connect, DeclareProvider, Remove
from daemon.duration import duration
from daemon.journal import Journal
from daemon.oauth import client_of
from daemon.provider_file import ProviderFile
from daemon.rate_file import RateWindow
from daemon.secret import Secret
from daemon.store.storage import Storage
from daemon.vault import Vault, VaultFull
from events.envelope import Recorded
from events.limits import LimitPolicy, Scope, Span, WindowKind
from events.schema import ProviderDeclared
from events.terms import Caller, GrantPolicy, StreamPolicy, WayOut

CREDENTIAL_MAX = 8192  # characters; a JSON Web Token is some 2,000


class OtherProvider(Exception):
    """A connection keeps its provider until it is moved: another's records fit no stream of its."""


async def connect(
    journal: Journal,
    vault: Vault,
    storage: Storage,
    name: str,
    file: ProviderFile,
    *,
    declared: bool | UnsetType = UNSET,
    interval: timedelta | UnsetType | None = UNSET,
    credential: Secret | None = None,
    settings: Mapping[str, str] | None = None,
    by: Caller | None = None,
) -> list[Recorded]:
    """Add a connection, or bring the one of that name up to what is given; the rest stays.

    Raises OtherProvider where a connection of that name is, or was, at another provider.
    """
    provider = file.name
    tenant_name = name.split("/", maxsplit=1)[0]
    tenant = vault.enrol("tenant", tenant_name)
    subject = vault.enrol("connection", name)
    at = vault.enrol("provider", provider)
    _check_provider(journal, vault, name, subject, at)
    await storage.name(subject, tenant_name, name)
    known = journal.world.connections.get(subject)
    stands = known is not None and not known.removed
    before = vault.open(tenant, subject, CREDENTIAL)
    new = None if credential is None or _is_same(before, credential) else credential
    same_client = new is not None and _is_same_client(before, new, file)
    if new is not None and not stands:
        vault.seal(tenant, subject, CREDENTIAL, new)
    whole = declared is True  # what was taken out of the configuration holds no longer
    chosen = settings is not None and _keep_settings(vault, tenant, subject, settings, whole=whole)
    declared_anew = journal.execute(DeclareProvider(subject=at, declaration=declaration(file)))
    was_declared, was_interval = (known.declared, known.interval) if known else (False, None)
    connected = journal.execute(
        Connect(
            subject=subject,
            tenant=tenant,
            provider=at,
            declared=was_declared if declared is UNSET else declared,
            interval=was_interval if interval is UNSET else interval,
            credential=new is not None and not same_client,
            secret=same_client,
            settings=chosen,
            by=by,
        )
    )
    if new is not None and stands:
        with vault.behind.one(subject):
            await journal.durable(connected)
            vault.seal(tenant, subject, CREDENTIAL, new)
    return [*declared_anew, *connected]


def check_credential(text: str, auth: Auth | None = None) -> str | None:
    """What is wrong with a credential, as a clause that never holds it; None where nothing is.

    At a provider that speaks OAuth it is the connection's own application.
    """
    if not text:
        return "is empty"
    if len(text) > CREDENTIAL_MAX:
        return f"has more than {CREDENTIAL_MAX} characters"
    if not text.isprintable():
        return "holds a line break or another control character"
    if isinstance(auth, OAuth2) and not account.is_client(Secret(text), auth):
        return "is not an application's id:secret, which is what its provider wants"
    return None


async def disconnect(
    journal: Journal, vault: Vault, subject: int, by: Caller | None = None
) -> list[Recorded]:
    """Remove a connection, and its credential once that is durable.

    A credential that a crash or a full disk leaves behind is deleted at the next start.
    """
    recorded = journal.execute(Remove(subject=subject, by=by))
    await journal.durable(recorded)
    if journal.world.connections[subject].removed:  # else it was added again meanwhile
        with suppress(VaultFull):
            vault.forget_all(subject)
    return recorded


def forget_removed(journal: Journal, vault: Vault) -> None:
    """Delete the credentials of removed connections that are still there."""
    for subject, connection in journal.world.connections.items():
        if connection.removed:
            vault.forget_all(subject)


def declaration(file: ProviderFile) -> ProviderDeclared:
    """What decisions read of a provider's file."""
    return ProviderDeclared(
        name=file.name,
        digest=provider_file.digest(file),
        streams=tuple(
            StreamPolicy(
                name=name,
                mode=stream.mode,
                empty=stream.empty,
                guards=guard_file.policy(stream.guards, stream.mode),
                interval=duration(stream.interval) if stream.interval else None,
                waits_for=stream.waits_for,
            )
            for name, stream in file.streams.items()
        ),
        grant=_grant(file),
        limits=tuple(_limit(each) for each in file.rate.windows),
        retired=bool(file.retired),
        successor=file.successor or "",
    )


WAYS_OUT = {
    "reuse": WayOut.REUSE,
    "introspect": WayOut.INTROSPECT,
    "try_once": WayOut.TRY_ONCE,
    "ask": WayOut.ASK,
}


def _grant(file: ProviderFile) -> GrantPolicy | None:
    auth = file.auth
    if not isinstance(auth, OAuth2):
        return None
    person = auth.grant == "authorization_code"
    return GrantPolicy(
        way_out=WAYS_OUT[auth.in_doubt] if person else WayOut.FREE,
        person=person,
        reuse=timedelta(seconds=auth.reuse_s) if auth.reuse_s else None,
        idle=timedelta(days=auth.idle_days) if auth.idle_days else None,
    )


def _limit(window: RateWindow) -> LimitPolicy:
    return LimitPolicy(
        calls=window.calls,
        span=Span(
            per=timedelta(seconds=window.per_s),
            kind=WindowKind(window.kind),
            reads_only=window.only == "reads",
        ),
        scope=Scope(window.scope),
    )


def _check_provider(journal: Journal, vault: Vault, name: str, subject: int, at: int) -> None:
    known = journal.world.connections.get(subject)
    if known is None or known.provider == at:
        return
    before, wanted = vault.name(known.provider), vault.name(at)
    raise OtherProvider(
        f"{name} belongs to the provider {before}, with all its records; to move it to {wanted}, "
        f'type `rounds connection relink`, or write was = "{name}" where it is declared; for '
        f"another one, give a connection another name, such as "
        f"{name.split('/', maxsplit=1)[0]}/{wanted}/2"
    )


def keep(vault: Vault, tenant: int, subject: int, purpose: str, secret: Secret) -> bool:
    """Seal a secret. False where it is the one that is kept already."""
    if _is_same(vault.open(tenant, subject, purpose), secret):
        return False
    vault.seal(tenant, subject, purpose, secret)
    return True


def _is_same(kept: Secret | None, secret: Secret) -> bool:
    return kept is not None and kept.reveal() == secret.reveal()


def _is_same_client(before: Secret | None, after: Secret, file: ProviderFile) -> bool:
    """Whether only the secret differs by which an OAuth application shows who it is."""
    if before is None or not isinstance(file.auth, OAuth2):
        return False
    return client_of(before).id == client_of(after).id


def _keep_settings(
    vault: Vault, tenant: int, subject: int, settings: Mapping[str, str], *, whole: bool
) -> bool:
    """Seal settings, in place of those before, or over them. False where nothing differs."""
    before = account.own_settings(vault, tenant, subject)
    after = {**settings} if whole else {**before, **settings}
    if after == before:
        return False
    account.keep_settings(vault, tenant, subject, after)
    return True
