"""Which master keys are there, where do they lie, and how do they seal?

A key file, and systemd's credential `rounds-vault-key` alike, holds a key a line, the newest last:
its version, a space, and 64 hexadecimal digits. A version left out is 1, so a bare key is a whole
file. Versions ascend. There is one line, but while a key is replaced by the next:

    1 5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef
    2 cc1b6f3c9a0e4d6d8b2b1a7f5e3d9c08417f2a6b5c4d3e2f1a0b9c8d7e6f5a4b
"""

import errno
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct

from daemon import private_file
from daemon.secret import Secret

KEY_BYTES = 32  # AES-256
NONCE_BYTES = 12  # what GCM takes as it is
CREDENTIAL = "rounds-vault-key"
FILE_MAX = 4096  # bytes; a key takes some 70, and there are two while one replaces the other
VERSION_MAX = 999_999_999  # what LINE reads
LINE = re.compile(rf"(?:([1-9][0-9]{{0,8}})[ \t]+)?([0-9A-Fa-f]{{{2 * KEY_BYTES}}})")
NO_ROOM = {errno.ENOSPC, errno.EDQUOT}

Sealed = tuple[int, bytes, bytes]
"""(version of the key, nonce, ciphertext with its tag)"""


class VaultFull(Exception):
    """There is no room on the disk. What the vault holds is not touched."""


class VaultUnusable(Exception):
    """The vault or its key cannot be used; the sentence says why and what to do."""


class KeyFixed(Exception):
    """The key is not ours to replace; the sentence says who can, and how."""


class Ring(Struct, frozen=True, kw_only=True, eq=False):
    """Master keys as hexadecimal digits, by version, ascending; at least one.

    `path` is where they lie, None where in memory alone; we can write them if it is a `file`.
    """

    keys: dict[int, Secret]
    path: Path | None = None
    file: bool = False

    @property
    def newest(self) -> int:
        """The version of the key that seals."""
        return max(self.keys)

    @property
    def replacing(self) -> bool:
        """Whether one key takes the place of another."""
        return len(self.keys) > 1

    def seal(self, tenant: int, subject: int, purpose: str, text: bytes) -> Sealed:
        """Seal with the newest key, for this place alone."""
        nonce = os.urandom(NONCE_BYTES)
        bound = _bound(tenant, subject, purpose, self.newest)
        return self.newest, nonce, self._cipher(self.newest).encrypt(nonce, text, bound)

    def unseal(self, tenant: int, subject: int, purpose: str, sealed: Sequence[Any]) -> bytes:
        """What was sealed for this place, else InvalidTag; KeyError: the key is not there."""
        version, nonce, text = sealed
        bound = _bound(tenant, subject, purpose, version)
        return self._cipher(version).decrypt(nonce, text, bound)

    def _cipher(self, version: int) -> AESGCM:
        return AESGCM(bytes.fromhex(self.keys[version].reveal()))


def single(key: bytes) -> Ring:
    """A ring of one key, in memory alone."""
    assert len(key) == KEY_BYTES, "a master key has 32 bytes"
    return Ring(keys={1: Secret(key.hex())})


def load(path: Path, credentials: Path | None, *, fresh: bool) -> Ring:
    """The keys of systemd's credential, else of the file, made (0600) where the vault is new.

    Raises VaultUnusable: gone while there is a vault, damaged, seen by others. Raises VaultFull.
    """
    credential = credentials / CREDENTIAL if credentials else None
    if credential is not None and credential.exists():
        return Ring(keys=_parse(credential), path=credential)
    path = path.resolve()  # a link stays where it is when what it leads to is replaced
    private_file.beside(path).unlink(missing_ok=True)  # a life that ended as it wrote left it
    if not path.exists():
        if not fresh:
            also = f" (nor does systemd give the credential {CREDENTIAL})" if credential else ""
            raise VaultUnusable(
                f"the vault's key {path} is gone{also}, and without it no credential can be read; "
                "put the key back from a backup, or from the host that the vault was copied from; "
                "to start afresh, move the whole state directory away"
            )
        made = Ring(keys={1: _new()}, path=path, file=True)
        write(made)
        return made
    if mode := private_file.seen_by_others(path):
        raise VaultUnusable(
            f"the vault's key {path} can be read by others (mode {mode:04o}); "
            f"type: chmod 600 {path}"
        )
    return Ring(keys=_parse(path), path=path, file=True)


def with_new(ring: Ring) -> Ring:
    """The ring with one more key, which is not written yet. Raises KeyFixed."""
    version = ring.newest + 1
    assert version <= VERSION_MAX, "a key is replaced a few times in a vault's life"
    if not ring.file:
        raise KeyFixed(
            f"the vault's key is systemd's credential {CREDENTIAL}, which rounds cannot write; "
            f"add a line to it: {version}, a space and 64 new hexadecimal digits (`openssl rand "
            "-hex 32`), then restart roundsd: it seals everything anew, and its log says that the "
            "old line can go"
        )
    return Ring(keys={**ring.keys, version: _new()}, path=ring.path, file=True)


def newest_alone(ring: Ring) -> Ring:
    """The ring without its older keys; not written yet."""
    return Ring(keys={ring.newest: ring.keys[ring.newest]}, path=ring.path, file=ring.file)


def write(ring: Ring) -> None:
    """Put the keys in their file's place. Durable on return. Raises VaultFull, VaultUnusable."""
    assert ring.file, "what lies in no file is not written"
    assert ring.path is not None, "a file has a path"
    try:
        private_file.replace(
            ring.path,
            "".join(f"{version} {key.reveal()}\n" for version, key in ring.keys.items()),
        )
    except OSError as error:
        if error.errno in NO_ROOM:
            raise VaultFull from error
        raise VaultUnusable(
            f"the vault's key {ring.path} cannot be written ({error.strerror}); check the disk, "
            "and that the user who runs roundsd may write that directory"
        ) from error


def _bound(tenant: int, subject: int, purpose: str, version: int) -> bytes:
    return f"rounds|{tenant}|{subject}|{purpose}|{version}".encode()


def _new() -> Secret:
    return Secret(os.urandom(KEY_BYTES).hex())


def _parse(path: Path) -> dict[int, Secret]:
    """The keys of a file by version. Raises VaultUnusable, which never shows what stands there."""
    keys: dict[int, Secret] = {}
    for number, line in enumerate(_read(path).splitlines(), 1):
        found = LINE.fullmatch(line.strip())
        if found is None:
            raise VaultUnusable(
                f"the vault's key {path} is damaged: line {number} is not 64 hexadecimal digits, "
                "alone or after a version; put the right key back from your backup"
            )
        version = int(found[1] or 1)
        if version <= max(keys, default=0):
            raise VaultUnusable(
                f"the vault's key {path} cannot be used: key {version} on line {number} comes "
                "after one as new; give every line its version, the newest last"
            )
        keys[version] = Secret(found[2])
    if not keys:
        raise VaultUnusable(
            f"the vault's key {path} is empty; put the right key back from your backup"
        )
    return keys


def _read(path: Path) -> str:
    """The text without white space at its end; what is not ASCII is no digit either."""
    try:
        with path.open("rb") as file:
            return file.read(FILE_MAX).decode("ascii", "replace").rstrip()
    except OSError as error:
        raise VaultUnusable(
            f"the vault's key {path} cannot be read ({error.strerror}); give it to the user who "
            "runs roundsd"
        ) from error
