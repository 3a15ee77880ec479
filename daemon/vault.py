"""Where do secrets and names lie? One file beside the log, readable by the daemon's user alone.

Secrets are sealed with AES-256-GCM under a master key that lies elsewhere (see `keyring`); tenant,
subject, purpose and key version are bound to each as associated data, so that none can be put in
another's place. Names are plain here and nowhere in the log: they give every tenant, provider and
connection its subject.
"""

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag

from daemon import keyring, vault_file
from daemon.keyring import KEY_BYTES, Ring, Sealed, VaultFull, VaultUnusable
from daemon.names import Names
from daemon.secret import Secret
from daemon.under_way import UnderWay
from events.writer import FULL

__all__ = ["Vault", "VaultFull", "VaultUnusable", "open_vault"]

CHECK = "check"  # the purpose of the sealed constant by which a wrong key is noticed
READ_MAX = 4096  # secrets, sealed as they lie in the file
UTF_8 = ("utf-8", "surrogatepass")  # whatever text there is can be sealed

Row = tuple[int, bytes, bytes, int, str]
"""(key version, nonce, ciphertext with its tag, subject, purpose)"""


def open_vault(state: Path, credentials: Path | None) -> "Vault":
    """The vault of a state directory, made with its key where all is new.

    Raises VaultUnusable, VaultFull.
    """
    path = state / "vault"
    fresh = not path.exists()
    if fresh and (state / "log").exists():
        raise VaultUnusable(
            f"the vault {path} is gone, but the log beside it is there; put the vault back from a "
            "backup, with its key; to start afresh, move the whole state directory away"
        )
    return Vault(path, keyring.load(state / "vault.key", credentials, fresh=fresh))


class Vault:
    def __init__(self, path: Path | None, key: bytes | Ring) -> None:
        """Open or make the vault, in memory where `path` is None.

        Raises VaultUnusable, VaultFull.
        """
        self.ring = key if isinstance(key, Ring) else keyring.single(key)
        self._path = path
        self._broken = ""  # why it can no longer be trusted
        self._read: dict[tuple[int, str], Sealed | None] = {}  # what nobody wrote since
        self._shut: set[int] = set()
        self.behind = UnderWay()  # who has another credential by the log, and not yet here
        self._connection = vault_file.connect(path)
        try:
            self._check_key()
            self._scrub()  # what a life left that ended before it could
            self._names = Names(self._connection.execute, self._writing)
        except BaseException as error:
            self._connection.close()
            if isinstance(error, sqlite3.Error):
                raise vault_file.why_closed(path, error) from error
            raise
        self.subject = self._names.subject
        self.name = self._names.name
        self.enrol = self._names.enrol
        self.enrol_all = self._names.enrol_all

    def close(self) -> None:
        self._connection.close()

    @property
    def key_version(self) -> int:
        """The version of the oldest key that something is sealed under."""
        return int(self._connection.execute("SELECT min(key) FROM secret").fetchone()[0])

    def reserve(self, subject: int) -> None:
        """Never give out this number or one below it: the log speaks of it already.

        Raises VaultUnusable where the vault is new and the log is not.
        """
        if not self._names and subject > 0:
            raise VaultUnusable(
                f"the vault {self._path} is new, but the log speaks of connections, whose names "
                "and credentials lay in the old one; put it back from a backup, with its key"
            )
        self._names.reserve(subject)

    def seal(self, tenant: int, subject: int, purpose: str, secret: Secret) -> None:
        """Keep a secret, in place of the one before it. Durable on return."""
        if subject in self._shut:
            raise VaultFull  # what keeps it shut for longer than a moment
        sealed = self._sealing(tenant, subject, purpose, secret)
        with self._writing():
            self._connection.execute(_INSERT, (subject, purpose, tenant, *sealed))

    def open(self, tenant: int, subject: int, purpose: str) -> Secret | None:
        """The secret, or None where none is kept. Raises VaultUnusable where it was changed."""
        self._check_trust()
        sealed = None if subject in self._shut else self._sealed(subject, purpose)
        if sealed is None:
            return None
        return Secret(self._unsealed(tenant, subject, purpose, sealed).decode(*UTF_8))

    def forget(self, subject: int, purpose: str) -> None:
        """Delete a secret, if it is kept. Durable on return, and nowhere in the file then."""
        if self._sealed(subject, purpose) is None:
            return
        with self._writing():
            self._connection.execute(
                "DELETE FROM secret WHERE subject = ? AND purpose = ?", (subject, purpose)
            )
        self._scrub()

    def forget_all(self, subject: int) -> None:
        """Delete whatever is kept for a subject, in one commit; else as `forget`."""
        assert subject, "the fleet's check is never forgotten"
        kept = "FROM secret WHERE subject = ?"
        if self._connection.execute(f"SELECT 1 {kept}", (subject,)).fetchone() is None:
            return
        with self._writing():
            self._connection.execute(f"DELETE {kept}", (subject,))
        self._scrub()

    def shut(self, subject: int) -> None:
        """Show nothing of what is kept for a subject any more; `replace_all` is to follow."""
        self._shut.add(subject)

    def replace_all(
        self, tenant: int, subject: int, name: str, secrets: Mapping[str, Secret]
    ) -> None:
        """Have a connection called that, and keep these for it and nothing else: in one commit.

        Durable on return, and what was kept before is nowhere in the file then.
        """
        rows = [
            (subject, purpose, tenant, *self._sealing(tenant, subject, purpose, secret))
            for purpose, secret in secrets.items()
        ]
        with self._writing():
            self._connection.execute("DELETE FROM secret WHERE subject = ?", (subject,))
            self._connection.executemany(_INSERT, rows)
            self._names.write("connection", name, subject)
        self._names.renamed("connection", name, subject)
        self._shut.discard(subject)
        self._scrub()

    def keepers(self, purpose: str) -> list[int]:
        """For which subjects a secret of that purpose is kept."""
        found = self._connection.execute("SELECT subject FROM secret WHERE purpose = ?", (purpose,))
        return sorted(subject for (subject,) in found)

    def digest_key(self, tenant: int) -> bytes:
        """The tenant's own key for digests, made on first use."""
        return self.tenant_key(tenant, "digest")

    def tenant_key(self, tenant: int, purpose: str) -> bytes:
        """The tenant's own key for that, made on first use. Raises VaultFull, VaultUnusable."""
        kept = self.open(tenant, tenant, purpose)
        if kept is None:
            kept = Secret(os.urandom(KEY_BYTES).hex())
            self.seal(tenant, tenant, purpose, kept)
        return bytes.fromhex(kept.reveal())

    def count(self) -> int:
        """How many secrets are kept."""
        found = self._connection.execute("SELECT count(*) FROM secret WHERE purpose <> ?", (CHECK,))
        return int(found.fetchone()[0])

    def sealed_anew(self, ring: Ring) -> list[Row]:
        """What is not sealed under the ring's newest key, sealed so. Raises VaultUnusable."""
        rows = self._connection.execute(
            "SELECT tenant, subject, purpose, key, nonce, sealed FROM secret WHERE key <> ?",
            (ring.newest,),
        )
        return [
            (*ring.seal(tenant, subject, purpose, text), subject, purpose)
            for tenant, subject, purpose, *sealed in rows
            for text in [self._unsealed(tenant, subject, purpose, sealed)]
        ]

    def put(self, rows: list[Row]) -> None:
        """Put these in the place of what is sealed there, in one commit; nothing older stays.

        Raises VaultFull, VaultUnusable.
        """
        if rows:
            with self._writing():
                self._connection.executemany(
                    "UPDATE secret SET key = ?, nonce = ?, sealed = ? "
                    "WHERE subject = ? AND purpose = ?",
                    rows,
                )
        self._scrub()

    def _sealing(self, tenant: int, subject: int, purpose: str, secret: Secret) -> Sealed:
        return self.ring.seal(tenant, subject, purpose, secret.reveal().encode(*UTF_8))

    def _unsealed(self, tenant: int, subject: int, purpose: str, sealed: Sequence[Any]) -> bytes:
        try:
            return self.ring.unseal(tenant, subject, purpose, sealed)
        except (InvalidTag, KeyError):
            raise VaultUnusable(
                f"the vault {self._path} is damaged or was tampered with: what lies there as the "
                f"{purpose} of {self.name(subject)} was not sealed for that; put the vault back "
                "from your backup, with its key"
            ) from None

    def _sealed(self, subject: int, purpose: str) -> Sealed | None:
        which = subject, purpose
        if which not in self._read:
            if len(self._read) >= READ_MAX:
                self._read.clear()
            self._read[which] = self._connection.execute(
                "SELECT key, nonce, sealed FROM secret WHERE subject = ? AND purpose = ?", which
            ).fetchone()
        return self._read[which]

    def _check_key(self) -> None:
        """Raise VaultUnusable where the key is not this vault's."""
        under = {each for (each,) in self._connection.execute("SELECT DISTINCT key FROM secret")}
        if missing := under - self.ring.keys.keys():
            raise VaultUnusable(
                f"the vault {self._path} is sealed with key {max(missing)}, but {self.ring.path} "
                f"holds key {self.ring.newest}; put back the key that was in force when this copy "
                "of the vault was made"
            )
        check = self._sealed(0, CHECK)
        try:
            if check is None:
                self.seal(0, 0, CHECK, Secret(CHECK))
            else:
                self.ring.unseal(0, 0, CHECK, check)
        except InvalidTag:
            raise VaultUnusable(
                f"the vault {self._path} was sealed with another key than the one in "
                f"{self.ring.path}; put the right key back from your backup"
            ) from None

    def _scrub(self) -> None:
        """Empty the WAL into the file, where zeros take the place of what went.

        Where the disk is full, or somebody reads, the next time does it, or the last close.
        """
        try:
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode not in FULL:
                raise self._distrust(error) from error

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self._check_trust()
        self._read.clear()
        try:
            with self._connection:
                self._connection.execute("BEGIN IMMEDIATE")
                yield
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode in FULL:
                raise VaultFull from error
            raise self._distrust(error) from error
        finally:
            self._read.clear()

    def _distrust(self, error: sqlite3.Error) -> VaultUnusable:
        """After a failed sync SQLite would go on upon pages that never reached the disk."""
        self._broken = (
            f"the vault {self._path} cannot be written ({error}); check the disk and the "
            "permissions, then start rounds again"
        )
        return VaultUnusable(self._broken)

    def _check_trust(self) -> None:
        if self._broken:
            raise VaultUnusable(self._broken)


_INSERT = (
    "INSERT OR REPLACE INTO secret (subject, purpose, tenant, key, nonce, sealed) "
    "VALUES (?, ?, ?, ?, ?, ?)"
)
