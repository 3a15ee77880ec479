"""How does a source come to be, change, go, and get its token: what is durable in which order?

Its name is durable before the event that makes it exist. A new token's digest is sealed after its
event, and the token is told after both: if we die in between, nobody has the new one, and the old
one goes on. A source that is added again begins without a token: the old one's digest goes first.
"""

import hmac
import secrets
from contextlib import suppress

from daemon import commands, source_file
from daemon.configuration import Configuration
from daemon.decide import reporting
from daemon.journal import Journal
from daemon.secret import Secret
from daemon.strict_toml import ConfigurationError
from daemon.vault import Vault, VaultFull
from events.envelope import Recorded
from events.sources import Expectation
from events.terms import Caller
from projections.report_keys import KEY_BYTES

TOKEN = "report-token"  # noqa: S105 - what it is kept as
TOKEN_BYTES = 32  # drawn: nobody guesses one of 2^256
TOKEN_CHARACTERS_MAX = 128  # a number, a dot, and 43 characters

FULL = f"its tenant has {reporting.SOURCES_MAX} sources, which is as many as there may be"


def add(
    journal: Journal,
    vault: Vault,
    name: str,
    expectation: Expectation,
    *,
    declared: bool = False,
    by: Caller | None = None,
) -> list[Recorded]:
    """Add a source, or expect something else of the one of that name. Raises VaultFull."""
    tenant = vault.enrol("tenant", name.partition("/")[0])
    subject = vault.enrol("source", name)
    if reporting.living(journal.world, subject) is None:
        vault.forget(subject, TOKEN)  # of an earlier life, if a crash or a full disk left it
        vault.digest_key(tenant)  # made now, so that a report never waits for that
    wish = commands.AddSource(
        subject=subject, tenant=tenant, expectation=expectation, declared=declared, by=by
    )
    return journal.execute(wish)


async def remove(
    journal: Journal, vault: Vault, subject: int, by: Caller | None = None
) -> list[Recorded]:
    """Remove a source; its token is void at once, and deleted once that is durable."""
    recorded = journal.execute(commands.RemoveSource(subject=subject, by=by))
    await journal.durable(recorded)
    if reporting.living(journal.world, subject) is None:  # else it was added again meanwhile
        with suppress(VaultFull):
            vault.forget(subject, TOKEN)
    return recorded


async def declare(journal: Journal, vault: Vault, configuration: Configuration) -> list[Recorded]:
    """Add and change what the configuration says, remove what it said and says no longer."""
    declared = configuration.settings.sources
    recorded: list[Recorded] = []
    vault.enrol_all("tenant", [name.partition("/")[0] for name in declared])
    vault.enrol_all("source", declared)
    for subject, known in [*journal.world.sources.items()]:
        if known.declared and not known.removed and vault.name(subject) not in declared:
            recorded += await remove(journal, vault, subject)
    for name, table in declared.items():
        expected = source_file.expectation(table)
        recorded += add(journal, vault, name, expected, declared=True)
        if reporting.living(journal.world, vault.enrol("source", name)) is None:
            raise ConfigurationError(f"sources.{name}: {FULL}; `rounds source remove` removes one")
    return recorded


def drawn(subject: int) -> Secret:
    """A new token for a source. It begins with the source's number, by which it is found."""
    return Secret(f"{subject}.{secrets.token_urlsafe(TOKEN_BYTES)}")


def keep(vault: Vault, tenant: int, subject: int, token: Secret) -> None:
    """Let that token in from now on, and no other one. Raises VaultFull."""
    vault.seal(tenant, subject, TOKEN, Secret(_digest(vault, tenant, token.reveal())))


def of_token(journal: Journal, vault: Vault, token: str) -> int | None:
    """The source that a token is of, None where it is nobody's: compared in constant time."""
    number, dot, _ = token.partition(".")
    if not dot or len(token) > TOKEN_CHARACTERS_MAX or not (number.isascii() and number.isdigit()):
        return None
    subject = int(number)
    known = reporting.living(journal.world, subject)
    kept = vault.open(known.tenant, subject, TOKEN) if known and known.token_set else None
    if known is None or kept is None:
        return None
    given = _digest(vault, known.tenant, token)
    return subject if hmac.compare_digest(given, kept.reveal()) else None


def key(vault: Vault, tenant: int, subject: int, text: str) -> str:
    """The keyed digest by which a report's key is known again."""
    message = f"report-key\0{subject}\0{text}".encode()
    whole = hmac.digest(vault.digest_key(tenant), message, "sha256")
    return whole[:KEY_BYTES].hex()


def _digest(vault: Vault, tenant: int, token: str) -> str:
    message = f"report-token\0{token}".encode()
    return hmac.digest(vault.digest_key(tenant), message, "sha256").hex()
