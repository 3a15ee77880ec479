"""Is an error inside a 200 told from a good answer, by its type and never by chance?"""

import json
from datetime import timedelta

import msgspec
import pytest

from daemon import answers, failures
from daemon.exchange import CallLost, Response
from daemon.provider_file import AnswerErrors
from events.terms import FailureClass

CODES = {
    "path": "status",
    "wait": "retry_in",
    "ok": (0, "fine"),
    "auth": (100, "expired"),
    "rate_limited": (601,),
    "not_found": (404, True),
    "invalid": (1.5,),
    "server": (503, ""),
}


def response(document, **rest):
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return Response(status=200, headers={}, body=body, duration_ms=7, size=len(body), **rest)


def lost(document, **declared) -> CallLost | None:
    errors = msgspec.convert({**CODES, **declared}, AnswerErrors, strict=True)
    try:
        answers.check(errors, response(document))
    except CallLost as loss:
        return loss
    return None


def cause(document, **declared) -> FailureClass | None:
    loss = lost(document, **declared)
    return None if loss is None else loss.cause


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        (0, None),
        ("fine", None),
        (None, None),
        (100, FailureClass.AUTH),
        ("expired", FailureClass.AUTH),
        (601, FailureClass.RATE_LIMITED),
        (404, FailureClass.NOT_FOUND),
        (1.5, FailureClass.INVALID),
        (503, FailureClass.SERVER),
        ("", FailureClass.SERVER),
        (7, FailureClass.INVALID),
        ([], FailureClass.INVALID),
        ({"code": 0}, FailureClass.INVALID),
    ],
)
def test_a_code_means_what_the_file_says_and_any_other_is_an_error(code, meaning):
    assert cause({"status": code, "rows": [{"id": 1}]}) is meaning


@pytest.mark.parametrize("code", [False, "0", 0.0, "100", 100.0, 1, "True", "fine "])
def test_what_only_looks_like_a_code_is_another_one(code):
    assert cause({"status": code}) is FailureClass.INVALID


def test_true_is_not_one_and_one_is_not_true():
    assert cause({"status": True}) is FailureClass.NOT_FOUND
    assert cause({"status": True}, not_found=[1]) is FailureClass.INVALID
    assert cause({"status": 1}, ok=[True]) is FailureClass.INVALID


def test_a_code_that_stands_nowhere_is_what_the_file_says():
    assert cause({"status": 7}, other="server") is FailureClass.SERVER
    assert cause({"status": 7}, other="rate-limited") is FailureClass.RATE_LIMITED


def test_an_answer_without_a_code_is_good():
    assert cause({"rows": []}) is None
    assert cause([]) is None
    assert cause("status") is None


def test_the_code_may_lie_deep():
    assert cause({"meta": {"errors": [{"code": 100}]}}, path="meta.errors[0].code")
    assert cause({"meta": {"errors": []}}, path="meta.errors[0].code") is None


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"{", b'{"status": NaN}', b"\xff\xfe", b"[" * 100_000, b'{"status": 1e999}'],
)
def test_what_is_no_json_is_left_to_who_reads_the_records(body):
    assert lost(body) is None


@pytest.mark.parametrize("path", ["sum(@)", "status.x", "length(status)"])
def test_an_expression_that_does_not_apply_finds_no_error(path):
    assert lost({"status": 7}, path=path) is None


def test_a_byte_order_mark_hides_no_error():
    assert cause(b"\xef\xbb\xbf" + b'{"status": 100}') is FailureClass.AUTH


def test_a_loss_says_how_the_call_went_and_holds_no_word_of_the_providers():
    loss = lost({"status": 100, "error": "token abc has expired"})
    assert loss is not None
    assert (loss.status, loss.duration_ms, loss.bytes) == (200, 7, 49)
    assert "abc" not in f"{loss.message}{loss!r}"
    assert loss.__context__ is None


@pytest.mark.parametrize(
    ("asked", "wait"),
    [
        (30, timedelta(seconds=30)),
        (0.5, timedelta(seconds=0.5)),
        (1e300, failures.RETRY_AFTER_MAX),
        (10**30, failures.RETRY_AFTER_MAX),
        (0, None),
        (-30, None),
        (True, None),
        ("30", None),
        (None, None),
        ([30], None),
    ],
)
def test_a_wait_inside_the_answer_is_heeded_where_waiting_helps(asked, wait):
    limited = lost({"status": 601, "retry_in": asked})
    assert limited is not None
    assert limited.retry_after == wait
    failing = lost({"status": 503, "retry_in": asked})
    assert failing is not None
    assert failing.retry_after == wait
    refused = lost({"status": 100, "retry_in": asked})
    assert refused is not None
    assert refused.retry_after is None


def test_a_wait_that_cannot_be_read_is_none():
    limited = lost({"status": 601, "retry_in": 30}, wait="sum(retry_in)")
    assert limited is not None
    assert limited.retry_after is None


def test_a_report_is_not_looked_into(tmp_path):
    errors = msgspec.convert(CODES, AnswerErrors)
    with (tmp_path / "report").open("wb+") as file:
        file.write(b'{"status": 100}')
        answers.check(errors, response(b'{"status": 100}', file=file))
        assert file.tell() == 15


def test_without_a_table_nothing_is_looked_for():
    answers.check(None, response({"status": 100}))
