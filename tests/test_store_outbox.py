"""Does what is to be written lie in the data store until it is over, as it was given?"""

from contextlib import closing

import pytest
from msgspec.structs import replace

from daemon.store.core import Store
from daemon.store.outbox import Letter

pytestmark = pytest.mark.requirement("E6")

WHOLE = Letter(
    method="PUT",
    path="/orders/7?dry=0",
    headers={"content-type": "text/plain", "if-match": '"é"'},
    body=b"\x00\xff raw",
    kind="write",
    key="k1",
)
BARE = Letter(method="DELETE", path="/orders/7", headers={}, body=None, kind="write", key=None)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data"


@pytest.mark.parametrize("letter", [WHOLE, BARE], ids=["whole", "bare"])
def test_it_is_read_as_it_was_given_also_by_the_next_life(path, letter):
    with closing(Store(path)) as store:
        row = store.put_letter(3, letter)
    with closing(Store(path)) as store:
        assert store.letter(3, row) == letter
        assert store.letter(4, row) is None, "it is another connection's"
        assert store.letter(3, row + 1) is None


def test_the_paths_of_many_are_asked_for_at_once_and_cut_where_they_are_long(path):
    asked = []
    with closing(Store(path)) as store:
        rows = [store.put_letter(number, replace(BARE, path=f"/{number}")) for number in range(3)]
        long = store.put_letter(3, replace(BARE, path="/" + "x" * 4000))
        store._connection.set_trace_callback(asked.append)
        found = store.letter_paths([*rows, long, 99])
    assert found == dict(zip(rows, ("/0", "/1", "/2"), strict=True)) | {long: "/" + "x" * 199}
    assert len(asked) == 1


def test_a_row_that_went_never_comes_again(path):
    with closing(Store(path)) as store:
        row = store.put_letter(3, WHOLE)
        store.discard_letters([row])
        assert store.letter(3, row) is None
        assert store.put_letter(3, WHOLE) == row + 1


def test_after_a_crash_it_holds_what_the_log_says_and_says_what_is_missing(path):
    with closing(Store(path)) as store:
        kept, unknown, of_other = (store.put_letter(3, WHOLE) for _ in range(3))
        assert store.reconcile_letters({kept: 3, of_other: 4, 99: 3}) == [of_other, 99]
        assert store.letter(3, kept) == WHOLE
        assert store.letter(3, unknown) is store.letter(3, of_other) is None


def test_what_is_somebodys_is_not_in_its_representation():
    assert repr(WHOLE) == "Letter(PUT, write)"
