"""A new master key takes the old one's place, and no moment of it loses a secret."""

import subprocess
import sys
from contextlib import closing

import pytest
from structlog.testing import capture_logs

from daemon import keyring, rotation
from daemon.keyring import CREDENTIAL, KeyFixed, VaultFull, VaultUnusable
from daemon.secret import Secret
from daemon.vault import Vault, open_vault
from tests.dying import ROOT

pytestmark = pytest.mark.requirement("A16")

ACME, UMBRELLA = 1, 2
KEPT = {
    (ACME, 11, "credential"): "s3cr3t-of-acme",
    (ACME, 11, "grant"): "x" * 9000,  # more than a page of the file
    (ACME, 12, "credential"): "",
    (UMBRELLA, 13, "credential"): "s3cr3t-of-umbrella",
    (UMBRELLA, UMBRELLA, "digest"): "00" * 32,
}


@pytest.fixture
def state(tmp_path):
    """A state directory whose vault keeps some secrets."""
    directory = tmp_path.resolve() / "state"
    directory.mkdir()
    with closing(open_vault(directory, None)) as vault:
        fill(vault)
    return directory


def fill(vault):
    for place, text in KEPT.items():
        vault.seal(*place, Secret(text))


def opened(vault):
    return {place: vault.open(*place).reveal() for place in KEPT}


def reopened(state, credentials=None):
    """As a start does it."""
    vault = open_vault(state, credentials)
    rotation.finish(vault)
    return vault


def sealed(state, credentials=None):
    """The end of every ciphertext of the vault, as its file holds it."""
    with closing(open_vault(state, credentials)) as vault:
        rows = vault._connection.execute("SELECT sealed FROM secret")
        return [ciphertext[-32:] for (ciphertext,) in rows]


def files(state):
    return b"".join(each.read_bytes() for each in state.iterdir())


def versions(path):
    return [line.split()[0] for line in path.read_text().splitlines()]


def test_everything_is_sealed_anew_under_a_new_key_and_opens(state):
    with closing(open_vault(state, None)) as vault:
        before = vault.ring.keys[1].reveal()
        assert rotation.rotate(vault) == len(KEPT)
        assert vault.key_version == 2
        assert opened(vault) == KEPT
        assert versions(state / "vault.key") == ["2"]
        assert before not in (state / "vault.key").read_text()
        assert rotation.rotate(vault) == len(KEPT)
        assert (vault.key_version, versions(state / "vault.key")) == (3, ["3"])
    with closing(open_vault(state, None)) as vault:
        assert opened(vault) == KEPT
        vault.seal(ACME, 11, "credential", Secret("another"))
        assert vault.open(ACME, 11, "credential").reveal() == "another"
        assert vault.key_version == 3


def test_what_was_sealed_under_the_old_key_is_nowhere_any_more(state):
    """Not in the file, and not in what SQLite keeps beside it, even while the vault is open."""
    old = sealed(state)
    assert all(each in files(state) for each in old)
    with closing(open_vault(state, None)) as vault:
        rotation.rotate(vault)
        assert not [each for each in old if each in files(state)]
        assert not (state / "vault-wal").stat().st_size


def test_vault_and_key_stay_readable_by_their_owner_alone(state):
    with closing(open_vault(state, None)) as vault:
        rotation.rotate(vault)
        for each in state.iterdir():
            assert each.stat().st_mode & 0o777 == 0o600, each.name


def test_an_older_vault_needs_the_key_from_before_and_a_newer_one_the_new(state):
    vault, key = state / "vault", state / "vault.key"
    before = vault.read_bytes(), key.read_bytes()
    with closing(open_vault(state, None)) as opened_vault:
        rotation.rotate(opened_vault)
    after = vault.read_bytes(), key.read_bytes()
    for there, held, needed in ((0, 2, 1), (1, 1, 2)):
        vault.write_bytes((before, after)[there][0])
        key.write_bytes((before, after)[1 - there][1])
        with pytest.raises(VaultUnusable) as refused:
            open_vault(state, None)
        assert f"the vault {vault} is sealed with key {needed}" in str(refused.value)
        assert f"{key} holds key {held}; put back the key that was in force" in str(refused.value)


def test_a_secret_that_does_not_open_is_found_before_its_key_is_given_up(state):
    with closing(open_vault(state, None)) as vault:
        with vault._writing():
            vault._connection.execute("UPDATE secret SET tenant = 99 WHERE subject = 13")
        with pytest.raises(VaultUnusable, match="tampered with: what lies there as the credential"):
            rotation.rotate(vault)
        assert vault.open(ACME, 11, "credential").reveal() == "s3cr3t-of-acme"
    assert len(versions(state / "vault.key")) == 1
    assert opened(open_vault(state, None))[ACME, 11, "grant"] == "x" * 9000


# -- cut short ------------------------------------------------------------------------------------


def test_whichever_line_it_dies_at_the_next_start_ends_it_and_every_secret_opens(state, tmp_path):
    lives = tmp_path / "lives"
    command = [sys.executable, "-m", "tests.dying", str(state), str(lives)]
    subprocess.run(command, cwd=ROOT, check=True, timeout=300)
    dead = sorted(lives.iterdir())
    assert len(dead) > 60
    old = sealed(state)
    both = found_both = 0
    for life in dead:
        both += len(versions(life / "vault.key")) == 2
        with closing(open_vault(life, None)) as vault:
            found_both += vault.ring.replacing
            assert opened(vault) == KEPT, f"{life}: before it is finished"
            rotation.finish(vault)
            assert opened(vault) == KEPT, life
            (version,) = versions(life / "vault.key")
            assert str(vault.key_version) == version
            assert version == "1" or not [each for each in old if each in files(life)]
            assert {each.name for each in life.iterdir()} == {
                *("vault", "vault-wal", "vault-shm", "vault.key"),
            }
    assert both == found_both > 10, "there were deaths with both keys in the file"


class Full(Vault):
    """A vault whose disk has room for the key, and none for the secrets."""

    def put(self, rows):
        raise VaultFull


def test_where_the_disk_is_too_full_to_end_it_both_keys_stay_in_use(state):
    with closing(Full(state / "vault", keyring.load(state / "vault.key", None, fresh=False))) as (
        vault
    ):
        with pytest.raises(VaultFull):
            rotation.rotate(vault)
        assert opened(vault) == KEPT
        vault.seal(ACME, 11, "grant", Secret("newer"))
        vault.seal(ACME, 11, "grant", Secret(KEPT[ACME, 11, "grant"]))
        assert vault.key_version == 1, "that much is not sealed anew yet"
        with capture_logs() as said:
            rotation.finish(vault)
        assert [(line["event"], line["reason"]) for line in said] == [
            ("vault-rotation-unfinished", "disk-full")
        ]
        assert opened(vault) == KEPT
    assert versions(state / "vault.key") == ["1", "2"]
    with closing(open_vault(state, None)) as vault:
        assert rotation.rotate(vault) == len(KEPT), "it is ended, not begun once more"
        assert versions(state / "vault.key") == ["2"]
        assert (vault.key_version, opened(vault)) == (2, KEPT)


# -- systemd's credential -------------------------------------------------------------------------


@pytest.fixture
def credentials(state, tmp_path):
    """A directory of credentials with the vault's key, which left the state directory."""
    directory = tmp_path / "credentials"
    directory.mkdir()
    (state / "vault.key").rename(directory / CREDENTIAL)
    return directory


def test_a_key_from_systemd_is_not_replaced_by_us(state, credentials):
    with closing(reopened(state, credentials)) as vault:
        with pytest.raises(KeyFixed, match="restart roundsd"):
            rotation.rotate(vault)
        assert (vault.key_version, opened(vault)) == (1, KEPT)


def test_a_line_added_to_the_credential_is_taken_up_at_the_next_start(state, credentials):
    old, key = sealed(state, credentials), credentials / CREDENTIAL
    key.write_text(key.read_text() + "2 " + "ab" * 32 + "\n")
    for _ in range(2):
        with capture_logs() as said, closing(reopened(state, credentials)) as vault:
            assert (vault.key_version, opened(vault)) == (2, KEPT)
            assert not [each for each in old if each in files(state)]
        assert said == [
            {
                "event": "vault-key-unneeded",
                "file": str(key),
                "versions": [1],
                "log_level": "warning",
            }
        ]
    assert versions(key) == ["1", "2"], "it is not ours to write"
    key.write_text("2 " + "ab" * 32 + "\n")
    with capture_logs() as said, closing(reopened(state, credentials)) as vault:
        assert opened(vault) == KEPT
    assert said == []


def test_what_lies_in_memory_alone_has_no_key_to_replace():
    with closing(Vault(None, bytes(32))) as vault:
        fill(vault)
        with pytest.raises(KeyFixed):
            rotation.rotate(vault)
        rotation.finish(vault)
        assert (vault.key_version, opened(vault)) == (1, KEPT)
