import sqlite3
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.secret import Secret
from daemon.vault import CREDENTIAL, Vault, VaultUnusable, load_key

KEY, OTHER_KEY = bytes(32), bytes([1]) * 32
TEXT = "s3cr3t-of-acme"
ACME, UMBRELLA, ONE, TWO = 1, 2, 11, 12
texts = st.text(st.characters(codec="utf-8"))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "vault"


def files(path):
    return b"".join(each.read_bytes() for each in path.parent.iterdir())


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


def test_another_key_is_refused_at_the_door(path):
    Vault(path, KEY).close()
    with pytest.raises(VaultUnusable, match=r"another key.*from your backup"):
        Vault(path, OTHER_KEY)
    Vault(path, KEY).close()


@pytest.mark.parametrize(
    "change",
    [
        f"subject = {TWO}",
        f"tenant = {UMBRELLA}, subject = {TWO}",
        "purpose = 'other'",
        "key = 2",
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
    with closing(Vault(path, KEY)) as vault:
        vault.seal(ACME, ONE, "credential", Secret(TEXT))
        for each in path.parent.iterdir():
            assert each.stat().st_mode & 0o077 == 0, each.name


def test_a_file_that_is_no_vault_is_refused_with_a_sentence(path):
    path.write_bytes(b"dear diary\n" * 1000)
    with pytest.raises(VaultUnusable, match="cannot be opened"):
        Vault(path, KEY)


def test_a_vault_in_a_directory_that_is_not_there_is_refused_with_a_sentence(tmp_path):
    with pytest.raises(VaultUnusable, match="cannot be opened"):
        Vault(tmp_path / "nowhere" / "vault", KEY)


# -- the key --------------------------------------------------------------------------------------


@pytest.fixture
def key(tmp_path):
    return tmp_path / "vault.key"


def test_a_new_vault_gets_a_key_that_only_its_owner_can_read(key):
    made = load_key(key, None, fresh=True)
    assert len(made) == 32
    assert key.stat().st_mode & 0o777 == 0o600
    assert load_key(key, None, fresh=False) == made
    assert [each.name for each in key.parent.iterdir()] == ["vault.key"]


def test_two_vaults_have_two_keys(tmp_path):
    assert load_key(tmp_path / "a", None, fresh=True) != load_key(tmp_path / "b", None, fresh=True)


def test_a_death_while_the_key_was_made_does_no_harm(key):
    """What was half written lies beside the key's place, and is made anew."""
    key.with_name("vault.key.new").write_text("0123")
    assert len(load_key(key, None, fresh=True)) == 32


def test_a_lost_key_is_not_replaced_by_another(key):
    with pytest.raises(VaultUnusable, match=r"is gone.*from a backup"):
        load_key(key, None, fresh=False)
    assert not key.exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_that_others_can_read_is_refused_with_the_remedy(key, mode):
    load_key(key, None, fresh=True)
    key.chmod(mode)
    with pytest.raises(VaultUnusable, match=f"mode {mode:04o}.*chmod 600 {key}"):
        load_key(key, None, fresh=False)


@pytest.mark.parametrize("content", [b"", b"00", b"zz" * 32, b"00" * 33, b"\xff" * 64])
def test_what_is_no_key_is_refused_and_not_shown(key, content):
    key.touch(0o600)
    key.write_bytes(content)
    with pytest.raises(VaultUnusable, match="is not 64 hexadecimal digits") as refused:
        load_key(key, None, fresh=True)
    assert not content or content.decode("latin-1") not in str(refused.value)


def test_systemds_credential_goes_before_the_file(key, tmp_path):
    load_key(key, None, fresh=True)
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    assert load_key(key, credentials, fresh=False) == load_key(key, None, fresh=False)
    (credentials / CREDENTIAL).write_text("ab" * 32 + "\n")
    assert load_key(key, credentials, fresh=False) == bytes([0xAB]) * 32
