"""Where master keys lie, in which form, and what is said where one is lost, wrong or damaged."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon import keyring
from daemon.keyring import CREDENTIAL, KeyFixed, Ring, VaultUnusable
from daemon.secret import Secret

pytestmark = pytest.mark.requirement("A16")

ONE, TWO, THREE = "ab" * 32, "cd" * 32, "ef" * 32


@pytest.fixture
def key(tmp_path):
    return tmp_path / "vault.key"


def put(path, content, mode=0o600):
    path.touch(mode)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def load(path, credentials=None, *, fresh=False):
    return keyring.load(path, credentials, fresh=fresh)


def digits(ring):
    return {version: each.reveal() for version, each in ring.keys.items()}


# -- the file -------------------------------------------------------------------------------------


def test_a_new_vault_gets_a_key_that_only_its_owner_can_read(key):
    made = load(key, fresh=True)
    assert key.stat().st_mode & 0o777 == 0o600
    assert list(made.keys) == [1]
    assert len(bytes.fromhex(made.keys[1].reveal())) == 32
    assert digits(load(key)) == digits(made)
    assert [each.name for each in key.parent.iterdir()] == ["vault.key"]


def test_two_vaults_have_two_keys(tmp_path):
    a, b = (digits(load(tmp_path / name, fresh=True)) for name in "ab")
    assert a != b


@pytest.mark.parametrize(
    "content, held",
    [
        (ONE, {1: ONE}),
        (f"{ONE}\n", {1: ONE}),
        (f"{ONE.upper()}\r\n", {1: ONE.upper()}),
        (f"7 {ONE}\n", {7: ONE}),
        (f"{ONE}\n2 {TWO}\n", {1: ONE, 2: TWO}),
        (f"1 {ONE}\n2\t{TWO}\n9  {THREE}\n\n", {1: ONE, 2: TWO, 9: THREE}),
    ],
)
def test_a_file_holds_a_key_a_line_the_newest_last_and_a_bare_one_is_the_first(key, content, held):
    put(key, content)
    ring = load(key)
    assert digits(ring) == held
    assert ring.newest == max(held)
    assert ring.replacing == (len(held) > 1)


@given(st.dictionaries(st.integers(1, keyring.VERSION_MAX), st.binary(min_size=32, max_size=32)))
def test_what_is_written_is_read(tmp_path, keys):
    keys = {version: keys[version] for version in sorted(keys)} or {1: bytes(32)}
    path = tmp_path.resolve() / "vault.key"
    ring = Ring(
        keys={version: Secret(each.hex()) for version, each in keys.items()}, path=path, file=True
    )
    keyring.write(ring)
    assert digits(load(path)) == digits(ring)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_death_while_the_key_was_written_does_no_harm_and_leaves_nothing(key):
    """What was half written lies beside the key's place."""
    beside = key.with_name("vault.key.new")
    put(beside, "0123")
    load(key, fresh=True)
    assert not beside.exists()
    put(beside, f"1 {ONE}\n2 {TWO}\n")
    load(key)
    assert not beside.exists()


def test_a_link_stays_a_link_when_the_key_behind_it_is_replaced(tmp_path):
    kept, link = tmp_path / "kept" / "key", tmp_path / "vault.key"
    kept.parent.mkdir()
    put(kept, ONE)
    link.symlink_to(kept)
    keyring.write(keyring.with_new(load(link)))
    assert link.is_symlink()
    assert list(load(link).keys) == [1, 2]
    assert kept.stat().st_mode & 0o777 == 0o600


def test_a_ring_shows_no_key(key):
    ring = load(key, fresh=True)
    assert ring.keys[1].reveal() not in f"{ring!r} {ring}"


# -- what is wrong with it ------------------------------------------------------------------------


def refusal(*args, **rest):
    """The sentence, which names the file and shows nothing of what is in it."""
    with pytest.raises(VaultUnusable) as refused:
        load(*args, **rest)
    sentence = str(refused.value)
    assert str(args[0]) in sentence
    assert "\n" not in sentence
    assert all(each[:8] not in sentence for each in (ONE, TWO))
    return sentence


def test_a_lost_key_is_not_replaced_by_another(key):
    sentence = refusal(key)
    assert "is gone" in sentence
    assert "put the key back from a backup, or from the host that the vault was copied" in sentence
    assert not key.exists()


def test_a_credential_that_systemd_no_longer_gives_is_named(key, tmp_path):
    assert "nor does systemd give the credential rounds-vault-key" in refusal(key, tmp_path)


@pytest.mark.parametrize(
    "content, words",
    [
        (b"", "is empty; put the right key back from your backup"),
        (b" \n", "is empty"),
        (ONE[:32], "line 1 is not 64 hexadecimal digits"),
        (b"zz" * 32, "line 1 is not 64 hexadecimal digits"),
        (ONE + "00", "line 1 is not"),
        (ONE[:30] + " " + ONE[30:], "line 1 is not"),
        (b"\xff" * 64, "line 1 is not"),
        ("\u0661 " + ONE, "line 1 is not"),
        (f"0 {ONE}", "line 1 is not"),
        (f"{ONE}\n2 {TWO[:40]}", "line 2 is not 64 hexadecimal digits"),
        (f"{ONE}\n{TWO}\n", "key 1 on line 2 comes after one as new; give every line its version"),
        (f"2 {TWO}\n1 {ONE}\n", "key 1 on line 2"),
        (f"2 {TWO}\n2 {ONE}\n", "key 2 on line 2"),
    ],
)
@pytest.mark.parametrize("fresh", [True, False])
def test_what_is_no_key_is_refused_and_not_shown(key, content, words, fresh):
    put(key, content)
    assert words in refusal(key, fresh=fresh)


def test_a_file_without_end_is_not_read_to_its_end(key):
    put(key, b"\n" * (2 * keyring.FILE_MAX) + ONE.encode())
    assert "is empty" in refusal(key)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_that_others_can_read_is_refused_with_the_remedy(key, mode):
    put(key, ONE)
    key.chmod(mode)
    assert f"(mode {mode:04o}); type: chmod 600 {key}" in refusal(key)


def test_a_directory_in_its_place_is_named(key):
    key.mkdir(mode=0o700)
    assert "cannot be read (Is a directory)" in refusal(key)


def test_a_key_that_cannot_be_written_is_named(key):
    nowhere = key.parent / "nowhere" / "vault.key"
    with pytest.raises(VaultUnusable, match=f"{nowhere} cannot be written .*check the disk"):
        load(nowhere, fresh=True)


# -- systemd's credential -------------------------------------------------------------------------


@pytest.fixture
def credentials(tmp_path):
    directory = tmp_path / "credentials"
    directory.mkdir()
    return directory


def test_systemds_credential_goes_before_the_file(key, credentials):
    put(key, ONE)
    assert digits(load(key, credentials)) == {1: ONE}
    put(credentials / CREDENTIAL, TWO)
    assert digits(load(key, credentials)) == {1: TWO}
    assert load(key, credentials).path == credentials / CREDENTIAL


def test_a_damaged_credential_is_named_and_the_file_is_not_taken_instead(key, credentials):
    put(key, ONE)
    put(credentials / CREDENTIAL, TWO[:10])
    with pytest.raises(VaultUnusable, match=f"{credentials / CREDENTIAL} is damaged"):
        load(key, credentials)


def test_a_key_that_systemd_gives_is_replaced_by_whoever_owns_it(key, credentials):
    put(credentials / CREDENTIAL, f"3 {TWO}")
    with pytest.raises(KeyFixed, match=r"add a line to it: 4, a space and 64 .* restart roundsd"):
        keyring.with_new(load(key, credentials))


# -- replacing ------------------------------------------------------------------------------------


def test_a_new_key_comes_beside_the_old_and_then_stays_alone(key):
    old = load(key, fresh=True)
    both = keyring.with_new(old)
    assert list(both.keys) == [1, 2]
    assert both.keys[1] is old.keys[1]
    assert both.keys[2].reveal() != old.keys[1].reveal()
    assert digits(load(key)) == digits(old), "nothing is written by that alone"
    keyring.write(both)
    assert digits(load(key)) == digits(both)
    alone = keyring.newest_alone(load(key))
    keyring.write(alone)
    assert digits(load(key)) == {2: both.keys[2].reveal()}
    assert both.keys[1].reveal() not in key.read_text()
