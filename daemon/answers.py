"""Does an answer that looks good hold an error, as the provider's file declares?"""

import collections
from datetime import timedelta
from typing import Any

import trio

from daemon import failures, json_answer, selector
from daemon.exchange import Request, Response, lost
from daemon.json_stream import Reading, TooLarge
from daemon.provider_file import AnswerErrors
from events.terms import FailureClass

_SENTENCES = {
    FailureClass.AUTH: "the provider refused our token in an answer that came as good (200)",
    FailureClass.RATE_LIMITED: "the provider wants fewer requests, in an answer that came as good",
    FailureClass.NOT_FOUND: "the provider knows nothing there, in an answer that came as good",
    FailureClass.SERVER: "the provider failed, in an answer that came as good (200)",
}
_OTHER = "the provider reported an error in an answer that came as good; see errors in its file"


async def checked(errors: AnswerErrors | None, request: Request, response: Response) -> None:
    """Raise CallLost where the answer's JSON holds an error, also one that lies in a file.

    Its file is closed then. A CSV report is not looked into.
    """
    if response.file is None or errors is None or request.records_at is None:
        check(errors, response)
        return
    good = False
    try:
        reading = Reading(response.file, request.records_at, _type(response))
        if await trio.to_thread.run_sync(_skimmed, reading):
            _check(errors, response, reading.rest)
        good = True
    finally:
        if not good:
            response.file.close()


def _skimmed(reading: Reading) -> bool:
    """Read all but the records. False for what whoever reads the records says better."""
    try:
        collections.deque(reading.entries(), maxlen=0)
    except (json_answer.NotJson, TooLarge):
        return False
    return True


def check(errors: AnswerErrors | None, response: Response) -> None:
    """Raise CallLost where the answer's JSON holds an error; other answers are not looked into."""
    if errors is None or response.file is not None:
        return
    try:
        document = json_answer.decode(response.body, _type(response))
    except json_answer.NotJson:
        return  # whoever reads the records says so better
    _check(errors, response, document)


def _check(errors: AnswerErrors, response: Response, document: Any) -> None:
    try:
        code = selector.select(errors.path, document)
    except selector.BadExpression:
        return
    cause = meaning(errors, code)
    if cause is None:
        return
    raise lost(response, cause, _SENTENCES.get(cause, _OTHER), wait(errors, cause, document))


def meaning(errors: AnswerErrors, code: Any) -> FailureClass | None:
    """Return what a code in the body means, None where all is well."""
    if code is None or _among(code, errors.ok):
        return None
    for cause, codes in (
        (FailureClass.AUTH, errors.auth),
        (FailureClass.RATE_LIMITED, errors.rate_limited),
        (FailureClass.NOT_FOUND, errors.not_found),
        (FailureClass.INVALID, errors.invalid),
        (FailureClass.SERVER, errors.server),
    ):
        if _among(code, codes):
            return cause
    return errors.other


def wait(errors: AnswerErrors, cause: FailureClass, document: Any) -> timedelta | None:
    """Return how long an answer with an error asks us to wait; None where it does not say."""
    if errors.wait is None or not failures.heeds_hint(cause):
        return None
    try:
        seconds = selector.select(errors.wait, document)
    except selector.BadExpression:
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds <= 0:
        return None
    return timedelta(seconds=min(seconds, failures.RETRY_AFTER_MAX.total_seconds()))


def _type(response: Response) -> str:
    return response.headers.get("content-type", "")


def _among(code: Any, codes: tuple[Any, ...]) -> bool:
    """Compare with types: in Python, True would be 1."""
    return any(type(code) is type(each) and code == each for each in codes)
