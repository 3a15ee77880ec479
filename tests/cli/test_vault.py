"""How is the vault's key replaced by typing?"""

import pytest

from tests.cli.world import KEY, world


@pytest.fixture
def daemon():
    with world() as made:
        made.start()
        for name in ("acme/keyed", "umbrella/keyed"):
            words = ("connection", "add", name, "--credential-stdin")
            assert made.rounds(*words, stdin=f"{KEY}\n").code == 0
            assert made.rounds("sync", name, "--wait").code == 0
        yield made


def test_one_line_seals_everything_under_a_new_key_and_says_what_to_back_up(daemon):
    key = daemon.home.state.resolve() / "vault.key"
    before = key.read_text()
    typed = daemon.rounds("vault", "rotate")
    assert (typed.code, typed.err) == (0, "")
    assert typed.out == (  # two credentials, and each tenant's key for digests
        f"sealed 4 secrets anew under key 2; back up {key} now: older backups of the vault need "
        "the key from before\n"
    )
    assert key.read_text().startswith("2 ")
    assert before.split()[-1] not in key.read_text()
    assert daemon.rounds("sync", "acme/keyed", "--wait").code == 0


def test_programs_get_the_number_of_the_event_and_everybody_sees_who_did_it(daemon):
    done = daemon.rounds("vault", "rotate", "--json").document
    (seq,) = done["events"]
    (line,) = [
        line
        for line in daemon.rounds("log", "show", "--limit", "5").out.splitlines()
        if line.split()[0] == str(seq)
    ]
    assert "fleet" in line
    assert "the vault's key is now key " in line
    assert " by " in line
    assert line.endswith("; 4 secrets sealed anew")


def test_the_daemons_log_says_it_without_striking_anything_out(daemon):
    assert daemon.rounds("vault", "rotate").code == 0
    line = daemon.hear("vault-key-rotated")
    assert (line["version"], line["sealed"]) == (2, 4)


def test_without_a_daemon_nothing_is_replaced():
    with world() as made:
        assert made.rounds("vault", "rotate").code == 5


def test_its_help_has_an_example(daemon):
    assert "rounds vault rotate" in daemon.rounds("vault", "rotate", "--help").out
    assert "rotate" in daemon.rounds("vault", "--help").out
