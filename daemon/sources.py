"""How does a source come to be, change, go, and get its token: what is durable in which order?

Its name is durable before the event that makes it exist. A new token's digest is sealed, with the
number of its event, after that, and the token is told after both. A digest counts only with the
number of the last such event: whatever a crash or a full disk leaves behind opens nothing, and if
we die in between, nobody has a token, until somebody asks for one again.
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


def declare(journal: Journal, vault: Vault, configuration: Configuration) -> None:
    """Add and change what the configuration says, remove what it said and says no longer.

    Called at the start: what was removed before that is durable, and its token can be deleted.
    """
    declared = configuration.settings.sources
    for subject, known in [*journal.world.sources.items()]:
        if known.removed:
            vault.forget(subject, TOKEN)
        elif known.declared and vault.name(subject) not in declared:
            journal.execute(commands.RemoveSource(subject=subject))
    vault.enrol_all("tenant", [name.partition("/")[0] for name in declared])
    vault.enrol_all("source", declared)
    for name, table in declared.items():
        add(journal, vault, name, source_file.expectation(table), declared=True)
        if reporting.living(journal.world, vault.enrol("source", name)) is None:
            raise ConfigurationError(f"sources.{name}: {FULL}; `rounds source remove` removes one")


def drawn(subject: int) -> Secret:
    """A new token for a source. It begins with the source's number, by which it is found."""
    return Secret(f"{subject}.{secrets.token_urlsafe(TOKEN_BYTES)}")


def keep(vault: Vault, tenant: int, subject: int, number: int, token: Secret) -> None:
    """Let that token in, as long as event `number` is the last of its kind. Raises VaultFull."""
    vault.seal(tenant, subject, TOKEN, Secret(_digest(vault, tenant, number, token.reveal())))


def of_token(journal: Journal, vault: Vault, token: str) -> int | None:
    """The source that a token is of, None where it is nobody's: compared in constant time."""
    number, dot, _ = token.partition(".")
    if not dot or len(token) > TOKEN_CHARACTERS_MAX or not (number.isascii() and number.isdigit()):
        return None
    subject = int(number)
    known = reporting.living(journal.world, subject)
    kept = vault.open(known.tenant, subject, TOKEN) if known and known.token_in else None
    if known is None or kept is None:
        return None
    given = _digest(vault, known.tenant, known.token_in, token)
    return subject if hmac.compare_digest(given, kept.reveal()) else None


def key(vault: Vault, tenant: int, subject: int, text: str) -> str:
    """The keyed digest by which a report's key is known again."""
    message = f"report-key\0{subject}\0{text}".encode()
    whole = hmac.digest(vault.digest_key(tenant), message, "sha256")
    return whole[:KEY_BYTES].hex()


def _digest(vault: Vault, tenant: int, number: int, token: str) -> str:
    message = f"report-token\0{number}\0{token}".encode()
    return hmac.digest(vault.digest_key(tenant), message, "sha256").hex()
