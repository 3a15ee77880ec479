"""When do many calls for one thing each go as one?"""

import json

import pytest
import trio

from daemon.exchange import CallLost
from events.terms import FailureClass
from tests.gateway.programs import OTHER
from tests.gateway.test_sharing import sharing

pytestmark = pytest.mark.requirement("E4")

BATCH = {"path": "/items?ids={ids}", "records": "items", "key": "id", "wait_s": 0.5}
ENDPOINTS = {"/items/{id}": {"batch": BATCH}}


def items(asked):
    """What a provider says that knows all but number 9."""
    if "ids=" not in asked.path:
        return json.dumps({"id": int(asked.path.rpartition("/")[2]), "alone": True}).encode()
    ids = asked.path.partition("ids=")[2].split(",")
    return json.dumps({"items": [{"id": int(each)} for each in ids if each != "9"]}).encode()


def batching(test, answer=items, batch=BATCH):
    async def scene(programs, asked):
        programs.answer = answer
        await test(programs, asked)

    sharing(scene, endpoints={"/items/{id}": {"batch": batch}})


def test_each_is_told_its_own():
    async def test(programs, asked):
        for number in (7, 8, 9):
            await asked.ask(f"/items/{number}")
        await trio.sleep(3)
        assert programs.paths() == ["/items?ids=7,8,9"]
        assert [each.status for each in asked.told[:2]] == [200, 200]
        assert [json.loads(each.body) for each in asked.told[:2]] == [{"id": 7}, {"id": 8}]
        assert asked.told[2].status == 404

    batching(test)


def test_who_is_alone_goes_alone():
    async def test(programs, asked):
        await asked.ask("/items/7")
        await trio.sleep(3)
        assert programs.paths() == ["/items/7"]
        assert json.loads(asked.told[0].body) == {"id": 7, "alone": True}

    batching(test)


def test_a_full_batch_leaves_at_once():
    async def test(programs, asked):
        for number in (1, 2, 3):
            await asked.ask(f"/items/{number}")
        await trio.sleep(0.3)  # less than wait_s
        assert programs.paths() == ["/items?ids=1,2"]
        await trio.sleep(3)
        assert programs.paths() == ["/items?ids=1,2", "/items/3"]

    batching(test, batch=BATCH | {"size": 2})


def test_no_batch_holds_calls_of_two_tenants():
    async def test(programs, asked):
        await asked.ask("/items/1")
        await asked.ask("/items/2", name=OTHER)
        await trio.sleep(3)
        assert sorted(programs.paths()) == ["/items/1", "/items/2"]

    batching(test)


def test_a_value_that_could_be_two_goes_alone():
    async def test(programs, asked):
        await asked.ask("/items/1,2")
        await asked.ask("/items/3")
        await asked.ask("/items/4")
        await trio.sleep(3)
        assert sorted(programs.paths()) == ["/items/1,2", "/items?ids=3,4"]

    batching(test, answer=lambda _: b'{"items": []}')


@pytest.mark.parametrize("said", [b"no JSON", b'{"items": 5}', b"[]"])
def test_an_answer_that_is_no_list_of_records_is_malformed(said):
    async def test(programs, asked):
        await asked.ask("/items/1")
        await asked.ask("/items/2")
        await trio.sleep(3)
        assert {each.cause for each in asked.told} == {FailureClass.MALFORMED}

    batching(test, answer=lambda _: said)


def test_all_share_the_loss_of_their_batch():
    async def test(programs, asked):
        await asked.ask("/items/1")
        await asked.ask("/items/2")
        await trio.sleep(3)
        assert [str(each) for each in asked.told] == ["no"] * 2

    batching(test, answer=lambda _: CallLost(FailureClass.AUTH, "no"))


def test_others_go_on_where_the_one_that_led_has_no_more_time():
    async def test(programs, asked):
        await asked.ask("/items/1", timeout_s=0.7)
        await asked.ask("/items/2", timeout_s=10)
        await trio.sleep(9)
        assert asked.told[0].cause is FailureClass.CANCELLED
        assert json.loads(asked.told[1].body)["id"] == 2

    batching(test)
