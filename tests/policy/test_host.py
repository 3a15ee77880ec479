"""What is noted of the vault's key, and when is it nothing new?"""

from daemon.commands import NoteVaultKey
from events.schema import FLEET, VaultKeyRotated
from events.terms import Caller
from tests.policy.transcript import given

BY = Caller(uid=0, role="admin")
SECOND = VaultKeyRotated(version=2, sealed=12, by=BY)


def note(version, **rest):
    return NoteVaultKey(version=version, sealed=12, **rest)


def test_another_key_is_a_fact_with_who_wanted_it():
    given().when(note(2, by=BY)).then((FLEET, SECOND))


def test_a_fleet_begins_with_the_first_key_and_says_nothing_of_it():
    given().when(note(1)).then()


def test_what_a_life_noted_the_next_one_does_not_note_again():
    given((FLEET, SECOND)).when(note(2)).then()
    assert given((FLEET, SECOND)).world.fleet.vault_key == 2


def test_what_a_life_died_before_it_could_note_the_next_one_notes():
    """Nobody is named then: who wanted it died with that life."""
    given((FLEET, SECOND)).when(note(3)).then((FLEET, VaultKeyRotated(version=3, sealed=12)))


def test_a_vault_put_back_from_before_is_noted_too():
    given((FLEET, SECOND)).when(note(1)).then((FLEET, VaultKeyRotated(version=1, sealed=12)))
    again = given((FLEET, SECOND), (FLEET, VaultKeyRotated(version=1, sealed=12))).world
    assert again.fleet.vault_key == 1
