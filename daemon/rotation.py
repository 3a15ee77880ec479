"""How does a new master key take the old one's place, whenever we die?

    key file: old      ─► key file: old, new ─► every secret sealed anew ─► key file: new
    (a key as it was)     (beside, sync, move)   (one commit)                (beside, sync, move)

Where both keys are left, because we died or the disk was full, the next start or rotation goes on.
A key that systemd gives cannot be written: who owns it adds the new line and takes the old one out.
"""

import structlog

from daemon import keyring
from daemon.keyring import VaultFull
from daemon.vault import Vault

log = structlog.get_logger()


def rotate(vault: Vault) -> int:
    """Seal everything under a new key, and drop the old one: how many secrets there are.

    What was left unfinished is finished instead. Raises KeyFixed, VaultFull, VaultUnusable. It
    holds up its caller: a second or two for a hundred thousand secrets.
    """
    ring = vault.ring
    if not (ring.file and ring.replacing):
        ring = keyring.with_new(ring)
    anew = vault.sealed_anew(ring)  # before anything is written: what does not open would be lost
    if ring is not vault.ring:
        keyring.write(ring)
        vault.ring = ring
    vault.put(anew)
    _drop_old(vault)
    return vault.count()


def finish(vault: Vault) -> None:
    """Go on where an earlier life stopped; where the disk is too full, both keys stay in use.

    Raises VaultUnusable.
    """
    if not vault.ring.replacing:
        return
    file = str(vault.ring.path)
    try:
        vault.put(vault.sealed_anew(vault.ring))
        if vault.ring.file:
            _drop_old(vault)
            return
    except VaultFull:
        log.warning("vault-rotation-unfinished", file=file, reason="disk-full")
        return
    unneeded = [version for version in vault.ring.keys if version != vault.ring.newest]
    log.warning("vault-key-unneeded", file=file, versions=unneeded)


def _drop_old(vault: Vault) -> None:
    alone = keyring.newest_alone(vault.ring)
    keyring.write(alone)
    vault.ring = alone
