"""Does each shipped provider file speak as its provider's documentation says, and understand it?"""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from daemon import provider_file
from events.terms import FailureClass, NeedReason
from tests.conversations import conversation
from tests.conversations.conversation import Conversation
from tests.conversations.replay import replay
from tests.test_shipped_providers import PROVIDERS


def shown(name: str):
    rows = conversation.load(name).shows
    return pytest.param(name, marks=[pytest.mark.requirement(row) for row in rows], id=name)


@pytest.mark.parametrize("name", [shown(name) for name in conversation.names()])
async def test_a_provider_is_spoken_to_as_it_is_documented(name, tmp_path):
    wrong = await played(name, conversation.load(name), tmp_path)
    assert not wrong, wrong


@pytest.mark.requirement("A20")
@pytest.mark.parametrize("name", conversation.names())
def test_a_conversation_meets_what_a_life_meets(name):
    """A limit, and another failure; where a person consents, a renewal and the grant's end."""
    told = conversation.load(name)
    failures = [failure for sync in told.syncs for failure in sync.outcome.failures]
    assert FailureClass.RATE_LIMITED in {failure.cause for failure in failures}
    assert {failure.cause for failure in failures} - {FailureClass.RATE_LIMITED}
    if told.authorise is not None:
        assert "token-refreshed" in [each for sync in told.syncs for each in sync.outcome.events]
        assert NeedReason.REFUSED in {
            sync.outcome.grant.reason for sync in told.syncs if sync.outcome.grant
        }


async def played(name: str, told: Conversation, directory, **bounds: float) -> str:
    file = provider_file.load(PROVIDERS / f"{name}.toml")
    return await replay(told, file, directory, **bounds)


# That a conversation which goes otherwise than told is noticed: by its first sync, changed.


@pytest.fixture
def first():
    return conversation.load("dexcom").syncs[0]


@pytest.fixture
def play(first, tmp_path):
    async def play(**changed) -> str:
        told = replace(conversation.load("dexcom"), syncs=(replace(first, **changed),))
        return await played("dexcom", told, tmp_path)

    return play


async def test_what_goes_as_told_is_not_complained_of(play):
    assert await play() == ""


async def test_a_request_with_another_query_is_shown_beside_the_expected_one(first, play):
    token, egvs, *others = first.exchanges
    other = replace(egvs, query={**egvs.query, "endDate": "2026-04-30T00:00:01"})
    wrong = await play(exchanges=(token, other, *others))
    assert f"dexcom: {first.title}\n" in wrong
    assert '-    "endDate": "2026-04-30T00:00:01",\n+    "endDate": "2026-04-30T00:00:00",' in wrong


async def test_a_request_without_an_expected_header_is_noticed(first, play):
    token, egvs, *others = first.exchanges
    other = replace(egvs, headers={"X-Version": "3"})
    assert '+    "X-Version": null' in await play(exchanges=(token, other, *others))


async def test_another_form_is_noticed(first, play):
    token, *others = first.exchanges
    other = replace(token, form={**(token.form or {}), "scope": "offline_access"})
    assert '-    "scope": "offline_access"' in await play(exchanges=(other, *others))


async def test_a_body_that_was_not_expected_is_noticed(first, play):
    token, *others = first.exchanges
    assert '+  "form": {' in await play(exchanges=(replace(token, form=None), *others))


async def test_a_request_too_many_is_noticed(first, play):
    wrong = await play(exchanges=first.exchanges[:-1])
    assert "nothing more was expected, but there came" in wrong
    assert "https://api.dexcom.eu/v3/users/self/devices" in wrong


async def test_a_request_too_few_is_noticed(first, play):
    wrong = await play(exchanges=(*first.exchanges, first.exchanges[-1]))
    assert "never came: GET https://api.dexcom.eu/v3/users/self/devices" in wrong


async def test_other_records_are_noticed(first, play):
    told = replace(first.outcome, records={**first.outcome.records, "calibrations": "[]"})
    assert '+        "value": 117' in await play(outcome=told)


async def test_records_that_nobody_spoke_of_are_noticed(first, play):
    records = dict(first.outcome.records)
    del records["calibrations"]
    told = replace(first.outcome, records=records)
    assert '+        "value": 117' in await play(outcome=told)


async def test_another_ending_is_noticed(first, play):
    told = replace(first.outcome, cause=FailureClass.SERVER)
    assert '-  "cause": "server",' in await play(outcome=told)


async def test_another_token_is_noticed(first, play):
    assert first.outcome.grant is not None
    told = replace(first.outcome, grant=replace(first.outcome.grant, refresh="REFRESH-0"))
    assert '-    "refresh": "REFRESH-0"' in await play(outcome=told)


async def test_other_events_are_noticed(first, play):
    told = replace(first.outcome, events=first.outcome.events[1:])
    assert '+    "sync-started",' in await play(outcome=told)


async def test_another_due_time_is_noticed(first, play):
    told = replace(first.outcome, due=first.now)
    assert '-  "due": "2026-04-30T15:30:00Z"' in await play(outcome=told)


async def test_a_person_who_is_sent_elsewhere_is_noticed(first, tmp_path):
    told = conversation.load("dexcom")
    assert told.authorise is not None
    elsewhere = replace(told.authorise, query={**told.authorise.query, "prompt": "consent"})
    told = replace(told, authorise=elsewhere, syncs=(first,))
    assert '-    "prompt": "consent",' in await played("dexcom", told, tmp_path)


async def test_a_sync_that_is_not_due_is_noticed(first, tmp_path):
    early = replace(first, now=first.now + timedelta(minutes=59), exchanges=())
    told = replace(conversation.load("dexcom"), syncs=(first, early))
    assert "nothing was due" in await played("dexcom", told, tmp_path, patience_s=0.5)


async def test_a_secret_in_an_event_is_noticed(tmp_path):
    """The credential is a word that the log has anyway."""
    told = conversation.load("finale")
    first = told.syncs[0]
    bare = tuple(replace(each, headers={}) for each in first.exchanges)
    told = replace(told, credential="KEY:stock", syncs=(replace(first, exchanges=bare),))
    assert "an event holds a secret" in await played("finale", told, tmp_path)
