"""Where do secrets and names lie? One file beside the log, readable by the daemon's user alone.

Secrets are sealed with AES-GCM under a master key that lies elsewhere; tenant, subject, purpose and
key version are bound to each as associated data, so that none can be put in another's place. Names
are plain here and nowhere in the log: they give every tenant, provider and connection its subject.
"""

import os
import sqlite3
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import sqlite_utils
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlite_utils import Migrations

from daemon.secret import Secret
from events.writer import FULL

KEY_BYTES = 32
NONCE_BYTES = 12
CREDENTIAL = "rounds-vault-key"
KEY_VERSION = 1
CHECK = "check"  # the purpose of the sealed constant by which a wrong key is noticed

NameKind = Literal["tenant", "provider", "connection"]

migrations = Migrations("rounds-vault")


class VaultFull(Exception):
    """There is no room on the disk. What the vault holds is not touched."""


class VaultUnusable(Exception):
    """The vault cannot be opened; the sentence says why and what to do."""


@migrations()
def create_vault(db: sqlite_utils.Database) -> None:
    db.execute(
        """
        CREATE TABLE name (
            subject INTEGER PRIMARY KEY AUTOINCREMENT,  -- never given twice
            kind    TEXT NOT NULL,
            name    TEXT NOT NULL,
            UNIQUE (kind, name)
        ) STRICT
        """
    )
    db.execute(
        """
        CREATE TABLE secret (
            subject INTEGER NOT NULL,
            purpose TEXT NOT NULL,
            tenant  INTEGER NOT NULL,
            key     INTEGER NOT NULL,  -- version of the master key
            nonce   BLOB NOT NULL,
            sealed  BLOB NOT NULL,
            PRIMARY KEY (subject, purpose)
        ) STRICT
        """
    )


def load_key(path: Path, credentials: Path | None, *, fresh: bool) -> bytes:
    """The master key: systemd's credential, else the file, made (0600) where the vault is new.

    Raises VaultUnusable: gone while the vault has secrets, of wrong length, readable by others.
    """
    credential = credentials / CREDENTIAL if credentials else None
    if credential is not None and credential.exists():
        return _parse(credential)
    if not path.exists():
        if not fresh:
            raise VaultUnusable(
                f"the vault's key {path} is gone, and without it no credential can be read; put "
                "the key back from a backup; to start afresh, move the whole state directory away"
            )
        _make(path)
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise VaultUnusable(
            f"the vault's key {path} can be read by others (mode {mode:04o}); "
            f"type: chmod 600 {path}"
        )
    return _parse(path)


class Vault:
    def __init__(self, path: Path | None, key: bytes) -> None:
        """Open or make the vault, in memory where `path` is None. Raises VaultUnusable."""
        self._aead = AESGCM(key)
        self._path = path
        try:
            self._connection = sqlite3.connect(
                path or ":memory:", isolation_level=None, check_same_thread=False
            )
            if path is not None:
                path.chmod(0o600)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            migrations.apply(sqlite_utils.Database(self._connection))
        except (sqlite3.Error, OSError) as error:
            if isinstance(error, sqlite3.Error) and error.sqlite_errorcode in FULL:
                raise VaultFull from error
            raise VaultUnusable(f"the vault {path} cannot be opened ({error})") from error
        self._subjects: dict[tuple[str, str], int] = {}
        self._names: dict[int, str] = {}
        for subject, kind, name in self._connection.execute("SELECT subject, kind, name FROM name"):
            self._remember(kind, name, subject)
        if self.open(0, 0, CHECK) is None:
            self.seal(0, 0, CHECK, Secret(CHECK))

    def close(self) -> None:
        self._connection.close()

    def subject(self, kind: NameKind, name: str) -> int | None:
        return self._subjects.get((kind, name))

    def name(self, subject: int) -> str:
        """What people call it; its number where the name has been forgotten."""
        return self._names.get(subject, f"#{subject}")

    def enrol(self, kind: NameKind, name: str) -> int:
        """The subject of that name, given now if it has none. Durable on return."""
        self.enrol_all(kind, [name])
        return self._subjects[kind, name]

    def enrol_all(self, kind: NameKind, names: Iterable[str]) -> None:
        """Give subjects to those of the names that have none, in one commit."""
        new = [name for name in dict.fromkeys(names) if (kind, name) not in self._subjects]
        if not new:
            return
        with self._writing():
            given = [
                self._connection.execute(
                    "INSERT INTO name (kind, name) VALUES (?, ?)", (kind, name)
                ).lastrowid
                for name in new
            ]
        for name, subject in zip(new, given, strict=True):
            assert subject is not None, "SQLite numbers what it inserts"
            self._remember(kind, name, subject)

    def reserve(self, subject: int) -> None:
        """Never give out this number or one below it: the log speaks of it already.

        Raises VaultUnusable where the vault is new and the log is not.
        """
        if not self._names and subject > 0:
            raise VaultUnusable(
                f"the vault {self._path} is new, but the log speaks of connections, whose names "
                "and credentials lay in the old one; put it back from a backup, with its key"
            )
        given = self._connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'name'")
        if (given.fetchone() or (0,))[0] >= subject:
            return
        with self._writing():
            self._connection.execute(
                "INSERT INTO name (subject, kind, name) VALUES (?, 'reserved', '')", (subject,)
            )
            self._connection.execute("DELETE FROM name WHERE kind = 'reserved'")

    def seal(self, tenant: int, subject: int, purpose: str, secret: Secret) -> None:
        """Keep a secret, in place of the one before it. Durable on return."""
        nonce = os.urandom(NONCE_BYTES)
        bound = _bound(tenant, subject, purpose, KEY_VERSION)
        sealed = self._aead.encrypt(nonce, secret.reveal().encode(), bound)
        with self._writing():
            self._connection.execute(
                "INSERT OR REPLACE INTO secret (subject, purpose, tenant, key, nonce, sealed) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (subject, purpose, tenant, KEY_VERSION, nonce, sealed),
            )

    def open(self, tenant: int, subject: int, purpose: str) -> Secret | None:
        """The secret, or None where none is kept. Raises VaultUnusable where the key is another."""
        row = self._sealed(subject, purpose)
        if row is None:
            return None
        version, nonce, sealed = row
        try:
            text = self._aead.decrypt(nonce, sealed, _bound(tenant, subject, purpose, version))
        except InvalidTag:
            raise VaultUnusable(
                f"the vault {self._path} was sealed with another key than the one given, or was "
                "tampered with; put the right key back from your backup"
            ) from None
        return Secret(text.decode())

    def forget(self, subject: int, purpose: str) -> None:
        """Delete a secret, if it is kept. Durable on return."""
        if self._sealed(subject, purpose) is None:
            return
        with self._writing():
            self._connection.execute(
                "DELETE FROM secret WHERE subject = ? AND purpose = ?", (subject, purpose)
            )

    def digest_key(self, tenant: int) -> bytes:
        """The tenant's own key for digests, made on first use."""
        kept = self.open(tenant, tenant, "digest")
        if kept is None:
            kept = Secret(os.urandom(KEY_BYTES).hex())
            self.seal(tenant, tenant, "digest", kept)
        return bytes.fromhex(kept.reveal())

    def _sealed(self, subject: int, purpose: str) -> tuple[int, bytes, bytes] | None:
        found: tuple[int, bytes, bytes] | None = self._connection.execute(
            "SELECT key, nonce, sealed FROM secret WHERE subject = ? AND purpose = ?",
            (subject, purpose),
        ).fetchone()
        return found

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            with self._connection:
                self._connection.execute("BEGIN IMMEDIATE")
                yield
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode in FULL:
                raise VaultFull from error
            raise VaultUnusable(
                f"the vault {self._path} cannot be written ({error}); check the disk and the "
                "permissions, then start rounds again"
            ) from error

    def _remember(self, kind: str, name: str, subject: int) -> None:
        self._subjects[kind, name] = subject
        self._names[subject] = name


def _bound(tenant: int, subject: int, purpose: str, version: int) -> bytes:
    return f"rounds|{tenant}|{subject}|{purpose}|{version}".encode()


def _make(path: Path) -> None:
    """Write the key beside its place, then move it there: there is no half a key."""
    written = path.with_name(f"{path.name}.new")
    written.unlink(missing_ok=True)
    fd = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(fd, os.urandom(KEY_BYTES).hex().encode() + b"\n")
        os.fsync(fd)
    finally:
        os.close(fd)
    written.rename(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _parse(path: Path) -> bytes:
    try:
        key = bytes.fromhex(path.read_text("ascii").strip())
    except (OSError, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise VaultUnusable(
            f"the vault's key {path} is not {2 * KEY_BYTES} hexadecimal digits; put the right key "
            "back from your backup"
        )
    return key
