"""What is noted of the vault's key and a provider's file, and when is it nothing new?"""

import pytest
from msgspec.structs import replace

from daemon.commands import DeclareProvider, NoteVaultKey
from events.schema import FLEET, AuthorisationWaived, RenewalScheduled, VaultKeyRotated
from events.terms import Caller, NeedReason
from projections.connection import next_start, next_work
from tests.policy.transcript import (
    DECLARED,
    KEPT,
    MACHINE,
    NOON,
    ONE,
    PERSON,
    PROVIDER,
    REMOVED,
    SOON,
    account,
    given,
    in_doubt,
    intended,
    needed,
)

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


# -- a provider's file ----------------------------------------------------------------------------


def declare(grant):
    return DeclareProvider(
        subject=PROVIDER, declaration=replace(DECLARED, digest="d2", grant=grant)
    )


WAITING = account(PERSON, needed(NeedReason.NEW, 0))


@pytest.mark.parametrize("grant", [None, MACHINE])
def test_who_waits_for_a_person_that_is_needed_no_more_waits_no_longer(grant):
    wish, waived = declare(grant), (ONE, AuthorisationWaived())
    given(*WAITING).when(wish).then((PROVIDER, wish.declaration), waived)
    after = given(*WAITING, (PROVIDER, wish.declaration), waived).world.connections[ONE]
    assert next_start(after) == NOON


@pytest.mark.parametrize("past", [KEPT, (*WAITING, (ONE, REMOVED))])
def test_what_waits_for_nobody_is_left_as_it_is(past):
    given(*past).when(declare(None)).then((PROVIDER, declare(None).declaration))


def test_another_file_that_needs_a_person_too_changes_nothing_for_who_waits():
    given(*WAITING).when(declare(PERSON)).then((PROVIDER, declare(PERSON).declaration))
    given(*WAITING).when(
        DeclareProvider(subject=PROVIDER, declaration=replace(DECLARED, grant=PERSON))
    ).then()


@pytest.mark.requirement("X6")
def test_a_doubt_that_waited_for_its_file_is_settled_once_that_is_back():
    """The daemon died in a refresh, and its next life had a file without OAuth."""
    closed = (ONE, in_doubt(renew_by=None))
    past = (*KEPT, (ONE, intended()), (PROVIDER, declare(None).declaration), closed)
    wish = DeclareProvider(subject=PROVIDER, declaration=replace(DECLARED, grant=PERSON))
    woken = (ONE, RenewalScheduled(renew_by=SOON))
    given(*past).when(wish).then((PROVIDER, wish.declaration), woken)
    after = given(*past, (PROVIDER, wish.declaration), woken).world.connections[ONE]
    assert next_work(after) == NOON
