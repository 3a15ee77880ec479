"""What follows from each class of failure, and of which class is what has only text?"""

import pytest

from daemon.decide import failure
from daemon.decide.failure import FINAL_WORDS, PASSING_WORDS, RULES, Turn
from events.terms import FailureClass

TABLE = """
class         retried  opens  whose turn
network       yes      yes    ours
timeout       yes      yes    theirs
rate-limited  yes      no     ours
server        yes      yes    theirs
auth          no       no     person
not-found     no       no     person
invalid       no       no     person
malformed     no       no     person
empty         no       no     theirs
retired       no       no     person
cancelled     no       no     person
internal      no       no     makers
"""
ROWS = [line.split() for line in TABLE.strip().splitlines()[1:]]


@pytest.mark.requirement("E5")
@pytest.mark.parametrize(("name", "retried", "opens", "turn"), ROWS, ids=[row[0] for row in ROWS])
def test_a_class_says_whether_it_is_tried_again_whether_breakers_count_it_and_whose_turn_it_is(
    name, retried, opens, turn
):
    cause = FailureClass(name)
    assert failure.is_retried(cause) is (retried == "yes")
    assert failure.opens(cause) is (opens == "yes")
    assert RULES[cause].turn is Turn(turn)


@pytest.mark.requirement("E5")
def test_every_class_has_its_rule_and_its_own_sentence():
    assert {*RULES} == {*FailureClass} == {FailureClass(row[0]) for row in ROWS}
    sentences = {rule.sentence for rule in RULES.values()}
    assert len(sentences) == len(RULES)
    assert all(len(sentence.split()) >= 4 for sentence in sentences)


@pytest.mark.requirement("E5")
def test_breakers_count_nothing_that_is_not_tried_again():
    """What a person must see to would else keep all the others from a healthy provider."""
    assert all(rule.retried for rule in RULES.values() if rule.opens)


# -- text alone -----------------------------------------------------------------------------------

RECOVERABLE = {
    "network is unreachable": FailureClass.NETWORK,
    "read timeout": FailureClass.TIMEOUT,
    "rate limit exceeded": FailureClass.RATE_LIMITED,
    "HTTP Error 503": FailureClass.SERVER,
    "connection reset by peer": FailureClass.NETWORK,
    "dns lookup failed": FailureClass.NETWORK,
    "ssl handshake failed": FailureClass.NETWORK,
    "gateway timeout": FailureClass.SERVER,
}
FINAL = {
    "empty response data": FailureClass.EMPTY,
    "invalid api credentials": FailureClass.AUTH,
    "schema validation error": FailureClass.MALFORMED,
    "unauthorized": FailureClass.AUTH,
    "malformed json data": FailureClass.MALFORMED,
}


@pytest.mark.requirement("B3")
@pytest.mark.parametrize("change", [str, str.upper, str.title, "it said: {}, alas".format])
@pytest.mark.parametrize(("text", "cause"), RECOVERABLE.items(), ids=RECOVERABLE)
def test_what_may_pass_is_tried_again_however_it_is_written(text, cause, change):
    assert failure.of_text(change(text)) is cause
    assert failure.is_retried(cause)


@pytest.mark.requirement("B3")
@pytest.mark.parametrize("change", [str, str.upper, str.title, "it said: {}, alas".format])
@pytest.mark.parametrize(("text", "cause"), FINAL.items(), ids=FINAL)
def test_what_does_not_pass_is_not_tried_again_however_it_is_written(text, cause, change):
    assert failure.of_text(change(text)) is cause
    assert not failure.is_retried(cause)


@pytest.mark.requirement("B3")
@pytest.mark.parametrize("passing", RECOVERABLE)
@pytest.mark.parametrize("final", FINAL)
def test_what_does_not_pass_wins_wherever_it_stands(final, passing):
    for text in (f"{passing}: {final}", f"{final}: {passing}"):
        assert not failure.is_retried(failure.of_text(text))


@pytest.mark.requirement("B3")
@pytest.mark.parametrize("text", ["", "it just stopped", "exit status 4", "HTTP Error 404", "50"])
def test_text_that_says_neither_is_not_tried_again(text):
    assert not failure.is_retried(failure.of_text(text))


@pytest.mark.requirement("B3")
def test_each_pattern_of_the_document_is_there_and_no_other():
    assert {pattern for pattern, _ in PASSING_WORDS} == {
        "network",
        "timeout",
        "rate limit",
        r"5\d{2}",
        "connection",
        "dns",
        "ssl",
        "gateway timeout",
    }
    assert {pattern for pattern, _ in FINAL_WORDS} == {
        "empty.*data",
        "invalid.*credentials",
        "schema.*error",
        "unauthorized",
        "malformed.*data",
    }


@pytest.mark.requirement("B3")
def test_a_five_and_two_digits_are_a_server_error_inside_any_number():
    r"""The document's `/5\d{2}/` is bound to no word: the 500 in 1500 matches it too.

    So `read 1500 rows, then stopped` is tried again, which costs a few retries; that much is the
    document's. But where words say what happened, they are believed before any digits.
    """
    assert failure.of_text("read 1500 rows, then stopped") is FailureClass.SERVER
    assert failure.of_text("connection refused after 1500 ms") is FailureClass.NETWORK
    assert failure.of_text("timeout after 25000 ms") is FailureClass.TIMEOUT
    assert failure.of_text("unauthorized, request 45123") is FailureClass.AUTH
