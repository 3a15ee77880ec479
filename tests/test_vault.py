import os
import sqlite3
from contextlib import closing

import pytest
from cryptography.exceptions import InvalidTag
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from daemon import keyring
from daemon.secret import Secret
from daemon.vault import Vault, VaultFull, VaultUnusable, open_vault

pytestmark = pytest.mark.requirement("A16")

KEY, OTHER_KEY = bytes(32), bytes([1]) * 32
TEXT = "s3cr3t-of-acme"
ACME, UMBRELLA, ONE, TWO = 1, 2, 11, 12
texts = st.text(st.characters(exclude_categories=()))  # lone surrogates too


@pytest.fixture
def path(tmp_path):
    return tmp_path / "vault"


def files(path):
    return b"".join(each.read_bytes() for each in path.parent.iterdir())


def ciphertext(vault, subject, purpose):
    (sealed,) = vault._connection.execute(
        "SELECT sealed FROM secret WHERE subject = ? AND purpose = ?", (subject, purpose)
    ).fetchone()
    return sealed


# -- secrets --------------------------------------------------------------------------------------


@given(texts)
def test_what_is_sealed_is_opened(text):
    with closing(Vault(None, KEY)) as vault:
        vault.seal(ACME, ONE, "credential", Secret(text))
        assert vault.open(ACME, ONE, "credential").reveal() == text


def test_a_secret_survives_the_process_and_the_file_does_not_show_it(path):
    with closing(Vault(path, KEY)) as vault:
        vault.seal(ACME, ONE, "credential", Secret(TEXT))
        assert TEXT.encode() not in files(path)
    assert TEXT.encode() not in files(path)
    with closing(Vault(path, KEY)) as vault:
        assert vault.open(ACME, ONE, "credential").reveal() == TEXT


def test_a_secret_is_sealed_differently_each_time(path):
    def sealed(vault):
        vault.seal(ACME, ONE, "credential", Secret(TEXT))
        return vault._connection.execute(
            "SELECT nonce, sealed FROM secret WHERE subject = ?", (ONE,)
        ).fetchone()

    with closing(Vault(path, KEY)) as vault:
        assert sealed(vault) != sealed(vault)


def test_a_new_secret_takes_the_place_of_the_old():
    with closing(Vault(None, KEY)) as vault:
        vault.seal(ACME, ONE, "credential", Secret("old"))
        vault.seal(ACME, ONE, "credential", Secret(TEXT))
        assert vault.open(ACME, ONE, "credential").reveal() == TEXT


def test_a_forgotten_secret_is_gone():
    with closing(Vault(None, KEY)) as vault:
        vault.seal(ACME, ONE, "credential", Secret(TEXT))
        vault.forget(ONE, "credential")
        vault.forget(ONE, "credential")
        assert vault.open(ACME, ONE, "credential") is None


def test_what_is_forgotten_is_nowhere_in_the_file_even_while_it_is_open(path):
    with closing(Vault(path, KEY)) as vault:
        for subject in range(ONE, ONE + 50):
            vault.seal(ACME, subject, "credential", Secret(TEXT))
        sealed = ciphertext(vault, TWO, "credential")
        assert sealed in files(path)
        vault.forget(TWO, "credential")
        assert sealed not in files(path)
        assert vault.open(ACME, ONE, "credential").reveal() == TEXT


def test_what_a_death_left_to_be_overwritten_is_overwritten_at_the_next_start(path):
    with closing(Vault(path, KEY)) as vault:
        vault.seal(ACME, ONE, "credential", Secret(TEXT))
        sealed = ciphertext(vault, ONE, "credential")
        with vault._writing():
            vault._connection.execute("DELETE FROM secret WHERE subject = ?", (ONE,))
        died = {each.name: each.read_bytes() for each in path.parent.iterdir()}
    for name, content in died.items():
        (path.parent / name).write_bytes(content)
    assert sealed in files(path)
    with closing(Vault(path, KEY)):
        assert sealed not in files(path)


def test_everything_of_one_subject_is_forgotten_at_once(path):
    with closing(Vault(path, KEY)) as vault:
        for purpose in ("credential", "grant", "settings"):
            vault.seal(ACME, ONE, purpose, Secret(TEXT))
        vault.seal(ACME, TWO, "grant", Secret(TEXT))
        sealed = ciphertext(vault, ONE, "grant")
        vault.forget_all(ONE)
        vault.forget_all(ONE)
        assert [vault.open(ACME, ONE, each) for each in ("credential", "grant", "settings")] == [
            *(None, None, None)
        ]
        assert vault.open(ACME, TWO, "grant").reveal() == TEXT
        assert sealed not in files(path)
    Vault(path, KEY).close()


def test_secrets_are_counted():
    with closing(Vault(None, KEY)) as vault:
        assert vault.count() == 0
        vault.seal(ACME, ONE, "credential", Secret(TEXT))
        vault.digest_key(ACME)
        assert vault.count() == 2


@pytest.mark.parametrize(
    "change",
    [
        f"subject = {TWO}",
        f"tenant = {UMBRELLA}, subject = {TWO}",
        "purpose = 'other'",
        "sealed = substr(sealed, 2)",
        "nonce = zeroblob(12)",
    ],
)
def test_no_secret_can_be_put_in_anothers_place_or_changed(path, change):
    """Whoever may write the file cannot make one tenant's calls with another one's credential."""
    with closing(Vault(path, KEY)) as vault:
        vault.seal(ACME, ONE, "credential", Secret(TEXT))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"UPDATE secret SET {change} WHERE subject = {ONE}")
    with closing(Vault(path, KEY)) as vault:
        place = next(
            (subject, purpose)
            for subject in (ONE, TWO)
            for purpose in ("credential", "other")
            if vault._connection.execute(
                "SELECT 1 FROM secret WHERE subject = ? AND purpose = ?", (subject, purpose)
            ).fetchone()
        )
        tenant = UMBRELLA if "tenant" in change else ACME
        with pytest.raises(VaultUnusable, match="tampered with") as refused:
            vault.open(tenant, *place)
        assert TEXT not in str(refused.value)


def test_the_version_of_its_key_is_bound_to_a_secret_too():
    """An older key that became known opens nothing that was sealed after it."""
    both = keyring.Ring(keys={1: Secret(KEY.hex()), 2: Secret(KEY.hex())})
    version, *sealed = both.seal(ACME, ONE, "credential", TEXT.encode())
    assert both.unseal(ACME, ONE, "credential", (version, *sealed)) == TEXT.encode()
    with pytest.raises(InvalidTag):
        both.unseal(ACME, ONE, "credential", (1, *sealed))


def test_one_tenants_secret_is_not_opened_for_another():
    with closing(Vault(None, KEY)) as vault:
        vault.seal(ACME, ONE, "credential", Secret(TEXT))
        with pytest.raises(VaultUnusable):
            vault.open(UMBRELLA, ONE, "credential")


def test_each_tenant_has_a_key_of_its_own_for_digests_and_keeps_it(path):
    with closing(Vault(path, KEY)) as vault:
        acme, umbrella = vault.digest_key(ACME), vault.digest_key(UMBRELLA)
    assert acme != umbrella
    assert len(acme) == 32
    with closing(Vault(path, KEY)) as vault:
        assert (vault.digest_key(ACME), vault.digest_key(UMBRELLA)) == (acme, umbrella)


# -- names ----------------------------------------------------------------------------------------


def test_a_name_keeps_its_subject(path):
    with closing(Vault(path, KEY)) as vault:
        acme = vault.enrol("tenant", "acme")
        assert vault.enrol("tenant", "acme") == acme
        assert vault.enrol("provider", "acme") != acme
        assert vault.enrol("connection", "acme/weather") != acme
        assert vault.subject("tenant", "umbrella") is None
    with closing(Vault(path, KEY)) as vault:
        assert vault.subject("tenant", "acme") == acme
        assert vault.name(acme) == "acme"


def test_what_has_no_name_is_called_by_its_number():
    with closing(Vault(None, KEY)) as vault:
        assert vault.name(77) == "#77"


@given(st.lists(st.integers(0, 50), max_size=5), st.integers(0, 20))
def test_a_number_of_which_the_log_speaks_is_never_given_again(reserved, enrolled):
    with closing(Vault(None, KEY)) as vault:
        vault.enrol("tenant", "first")
        known = {vault.enrol("connection", f"acme/{number}") for number in range(enrolled)}
        for number in reserved:
            vault.reserve(number)
        assert vault.enrol("tenant", "new") > max([0, *known, *reserved])
        assert vault.subject("connection", "acme/0") == (min(known) if known else None)


def test_a_new_vault_beside_a_log_that_knows_connections_is_refused():
    """Names and credentials lay in the old one; new subjects would show every row twice."""
    with closing(Vault(None, KEY)) as vault, pytest.raises(VaultUnusable, match="is new, but"):
        vault.reserve(7)


# -- the file -------------------------------------------------------------------------------------


def test_only_its_owner_can_read_a_vault(path):
    before = os.umask(0)
    try:
        with closing(Vault(path, KEY)) as vault:
            vault.seal(ACME, ONE, "credential", Secret(TEXT))
            modes = {each.name: each.stat().st_mode & 0o777 for each in path.parent.iterdir()}
    finally:
        os.umask(before)
    assert modes == {"vault": 0o600, "vault-wal": 0o600, "vault-shm": 0o600}


def test_a_vault_that_others_could_read_is_shut_and_the_log_says_so(path):
    Vault(path, KEY).close()
    path.chmod(0o644)
    wal = path.with_name("vault-wal")
    wal.touch()
    wal.chmod(0o640)
    with capture_logs() as said, closing(Vault(path, KEY)):
        assert path.stat().st_mode & 0o777 == 0o600
        assert wal.stat().st_mode & 0o777 == 0o600
    assert [(line["event"], line["file"], line["mode"]) for line in said] == [
        ("file-was-open-to-others", str(path), "0644"),
        ("file-was-open-to-others", str(wal), "0640"),
    ]
    with capture_logs() as said:
        Vault(path, KEY).close()
    assert said == []


def test_a_file_that_is_no_vault_is_refused_with_a_sentence(path):
    path.write_bytes(b"dear diary\n" * 1000)
    with pytest.raises(VaultUnusable, match=r"cannot be opened .*put the vault back from your"):
        Vault(path, KEY)


def test_a_vault_with_damaged_pages_is_refused_with_a_sentence(path):
    with closing(Vault(path, KEY)) as vault:
        vault.seal(ACME, ONE, "credential", Secret(TEXT))
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(VaultUnusable, match=r"cannot be opened .*put the vault back from your"):
        Vault(path, KEY)


def test_a_vault_in_a_directory_that_is_not_there_is_refused_with_a_sentence(tmp_path):
    with pytest.raises(VaultUnusable, match="cannot be opened"):
        Vault(tmp_path / "nowhere" / "vault", KEY)


def test_what_finds_no_room_is_not_kept_and_the_vault_goes_on(path):
    with closing(Vault(path, KEY)) as vault:
        vault.seal(ACME, ONE, "credential", Secret(TEXT))
        (pages,) = vault._connection.execute("PRAGMA page_count").fetchone()
        vault._connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(VaultFull):
            vault.seal(ACME, ONE, "grant", Secret("x" * 10_000))
        assert vault.open(ACME, ONE, "grant") is None
        assert vault.open(ACME, ONE, "credential").reveal() == TEXT
        vault._connection.execute(f"PRAGMA max_page_count = {pages + 10}")
        vault.seal(ACME, ONE, "grant", Secret(TEXT))
        assert vault.open(ACME, ONE, "grant").reveal() == TEXT


def test_a_vault_that_could_not_write_is_not_trusted_again(path):
    """After a failed sync SQLite would accept the next commit on what never reached the disk."""
    with closing(Vault(path, KEY)) as vault:
        vault._connection.execute("PRAGMA query_only = ON")
        with pytest.raises(VaultUnusable, match=r"cannot be written .*start rounds again"):
            vault.seal(ACME, ONE, "credential", Secret(TEXT))
        vault._connection.execute("PRAGMA query_only = OFF")
        with pytest.raises(VaultUnusable, match="start rounds again"):
            vault.seal(ACME, ONE, "credential", Secret(TEXT))
        with pytest.raises(VaultUnusable, match="start rounds again"):
            vault.open(ACME, ONE, "credential")


# -- the vault and its key ------------------------------------------------------------------------


@pytest.fixture
def state(tmp_path):
    """A state directory in which a daemon has lived."""
    directory = tmp_path.resolve() / "state"
    directory.mkdir()
    with closing(open_vault(directory, None)) as vault:
        vault.seal(ACME, ONE, "credential", Secret(TEXT))
    (directory / "log").touch()
    return directory


def refusal(state):
    """The sentence; nothing in the directory is touched."""
    before = {each.name: each.read_bytes() for each in state.iterdir()}
    with pytest.raises(VaultUnusable) as refused:
        open_vault(state, None)
    after = {each.name: each.read_bytes() for each in state.iterdir()}
    assert after == before
    sentence = str(refused.value)
    assert "\n" not in sentence
    return sentence


def test_a_vault_and_its_key_are_made_and_opened_together(state):
    assert sorted(each.name for each in state.iterdir()) == ["log", "vault", "vault.key"]
    with closing(open_vault(state, None)) as vault:
        assert vault.open(ACME, ONE, "credential").reveal() == TEXT
        assert (vault.key_version, vault.ring.path) == (1, state / "vault.key")


def test_a_key_of_an_earlier_version_of_rounds_is_good(state):
    """It was one bare line."""
    key = state / "vault.key"
    key.write_text(key.read_text().split()[1] + "\n")
    with closing(open_vault(state, None)) as vault:
        assert vault.open(ACME, ONE, "credential").reveal() == TEXT


def test_a_vault_that_was_copied_without_its_key_says_what_is_missing(state):
    (state / "vault.key").unlink()
    sentence = refusal(state)
    assert f"the vault's key {state / 'vault.key'} is gone" in sentence
    assert "or from the host that the vault was copied from" in sentence


def test_the_key_of_another_vault_is_refused_at_the_door(state):
    (state / "vault.key").write_text(OTHER_KEY.hex())
    assert refusal(state) == (
        f"the vault {state / 'vault'} was sealed with another key than the one in "
        f"{state / 'vault.key'}; put the right key back from your backup"
    )


def test_the_key_of_another_vault_that_has_been_replaced_since_is_refused_too(state):
    (state / "vault.key").write_text(f"2 {OTHER_KEY.hex()}")
    sentence = refusal(state)
    assert f"the vault {state / 'vault'} is sealed with key 1" in sentence
    assert f"{state / 'vault.key'} holds key 2" in sentence


def test_half_a_key_and_an_empty_one_are_refused(state):
    key = state / "vault.key"
    key.write_text(key.read_text()[:40])
    assert f"the vault's key {key} is damaged: line 1" in refusal(state)
    key.write_text("")
    assert f"the vault's key {key} is empty" in refusal(state)


def test_a_vault_that_is_gone_is_not_replaced_by_a_new_one(state):
    """A new one would lie under what is put back later: names, numbers, and its leftover WAL."""
    (state / "vault").unlink()
    sentence = refusal(state)
    assert f"the vault {state / 'vault'} is gone, but the log beside it is there" in sentence
    assert "put the vault back from a backup, with its key" in sentence


def test_a_death_between_key_and_vault_does_no_harm(tmp_path):
    made = keyring.load(tmp_path / "vault.key", None, fresh=True)
    with closing(open_vault(tmp_path, None)) as vault:
        assert vault.ring.keys[1].reveal() == made.keys[1].reveal()


def test_one_key_alone_may_be_given_as_it_is():
    with closing(Vault(None, KEY)) as vault:
        assert (vault.key_version, vault.ring.path) == (1, None)
        assert vault.ring.keys[1].reveal() == KEY.hex()
