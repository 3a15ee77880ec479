import copy
import faulthandler
import io
import json
import logging
import marshal
import pickle
import pprint
import traceback

import msgspec
import pytest
import structlog
from rich.console import Console
from rich.traceback import Traceback

from daemon import logs
from daemon.secret import Secret

pytestmark = pytest.mark.requirement("A16")

TEXT = "s3cr3t-of-acme"
SECRET = Secret(TEXT)


class Envelope(msgspec.Struct, frozen=True):
    inside: Secret


# -- printing -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "shown",
    [
        str(SECRET),
        repr(SECRET),
        ascii(SECRET).replace("\\u2026", "…"),
        f"{SECRET}",
        f"{SECRET!r:>40}",
        f"{SECRET:>40}",
        "%s %r" % (SECRET, SECRET),  # noqa: UP031 - old ways of printing leak as well
        "{0} {0!r}".format(SECRET),  # noqa: UP032 - and these
        str([SECRET]),
        str({"key": SECRET}),
        repr(Envelope(SECRET)),
        repr(ValueError(SECRET)),
        pprint.pformat({"key": [SECRET]}),
        msgspec.json.encode({"key": SECRET}, enc_hook=str).decode(),
        json.dumps({"key": SECRET}, default=str, ensure_ascii=False),
    ],
)
def test_a_secret_is_not_seen_however_it_is_printed(shown):
    assert TEXT not in shown
    assert "Secret(…)" in shown


def test_a_secret_has_no_attributes_to_be_dumped():
    assert not hasattr(SECRET, "__dict__")


# -- encoding -------------------------------------------------------------------------------------


@pytest.mark.parametrize("carried", [SECRET, [SECRET], {"key": SECRET}, Envelope(SECRET)])
@pytest.mark.parametrize(
    "encode",
    [
        json.dumps,
        msgspec.json.encode,
        msgspec.msgpack.encode,
        msgspec.to_builtins,
        pickle.dumps,
        lambda carried: pickle.dumps(carried, protocol=0),
        marshal.dumps,
        copy.deepcopy,
    ],
)
def test_a_secret_cannot_be_encoded_alone_or_in_anything(encode, carried):
    with pytest.raises((TypeError, ValueError)) as refused:
        encode(carried)
    assert TEXT not in str(refused.value)


@pytest.mark.parametrize(
    "leak",
    [
        copy.copy,
        vars,
        bytes,
        Secret.__getstate__,
        Secret.__reduce__,
        lambda secret: secret.__reduce_ex__(4),
    ],
)
def test_a_secret_cannot_be_copied_or_taken_apart(leak):
    with pytest.raises(TypeError) as refused:
        leak(SECRET)
    assert TEXT not in str(refused.value)


# -- accidents ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "compare",
    [
        lambda: Secret(TEXT) == SECRET,
        lambda: Secret(TEXT) != SECRET,
        lambda: SECRET == TEXT,
        lambda: TEXT == SECRET,
        lambda: SECRET in ["another", Secret(TEXT)],
        lambda: Envelope(SECRET) == Envelope(Secret(TEXT)),
        lambda: Secret(TEXT) > SECRET,
        lambda: hash(SECRET),
        lambda: {SECRET},
        lambda: hash(Envelope(SECRET)),
    ],
)
def test_secrets_are_neither_compared_nor_counted(compare):
    """An == on them would take a time that tells how much of a guess is right."""
    with pytest.raises(TypeError):
        compare()


@pytest.mark.parametrize(
    "use",
    [
        lambda: "Bearer " + SECRET,
        lambda: SECRET + "\n",
        lambda: ", ".join(each for each in ["another", SECRET]),
        lambda: list(SECRET),
        lambda: len(SECRET),
        lambda: SECRET[0],
        lambda: "s3" in SECRET,
        lambda: SECRET or "nothing",
        lambda: not SECRET,
        lambda: int(SECRET),
    ],
)
def test_a_secret_is_not_taken_for_a_text_or_for_a_truth(use):
    with pytest.raises(TypeError) as refused:
        use()
    assert TEXT not in str(refused.value)


def test_whether_there_is_one_can_be_asked():
    assert SECRET is not None
    assert Secret("") is not None


def test_there_is_one_way_out():
    assert SECRET.reveal() == TEXT


# -- tracebacks -----------------------------------------------------------------------------------


@pytest.fixture
def crash():
    """What a crash raises, out of a frame whose variables hold a secret."""

    def use(credential):
        headers = {"authorization": credential}
        raise ZeroDivisionError(len(headers))

    with pytest.raises(ZeroDivisionError) as raised:
        use(SECRET)
    return raised.value


@pytest.fixture(autouse=True)
def _as_before():
    before = structlog.get_config()
    yield
    structlog.configure(**before)


def test_our_log_tells_places_and_no_variables(crash):
    out = io.StringIO()
    logs.set_up(out)
    structlog.get_logger().error("actor-crashed", exc_info=crash)
    assert " in use" in out.getvalue()
    assert "authorization" not in out.getvalue()
    assert TEXT not in out.getvalue()


@pytest.mark.parametrize(
    "shown",
    [
        lambda crash: str(
            structlog.tracebacks.ExceptionDictTransformer(show_locals=True)(
                (type(crash), crash, crash.__traceback__)
            )
        ),
        lambda crash: "".join(
            traceback.TracebackException.from_exception(crash, capture_locals=True).format()
        ),
        lambda crash: _rich(
            Traceback.from_exception(type(crash), crash, crash.__traceback__, show_locals=True)
        ),
        lambda crash: _rich({"frame": crash.__traceback__.tb_next.tb_frame.f_locals}),
    ],
    ids=["structlog", "traceback", "rich", "rich's pretty printer"],
)
def test_a_traceback_with_every_variable_shows_that_there_is_a_secret_and_not_which(crash, shown):
    text = shown(crash)
    assert "authorization" in text
    assert "Secret(…)" in text
    assert TEXT not in text


def test_the_dump_of_a_hanging_or_dying_process_shows_no_variables(tmp_path):
    def hang(credential):
        assert credential is SECRET
        with (tmp_path / "dump").open("w") as file:
            faulthandler.dump_traceback(file)

    hang(SECRET)
    dumped = (tmp_path / "dump").read_text()
    assert "in hang" in dumped
    assert TEXT not in dumped


def test_a_log_of_another_make_shows_nothing_either(caplog):
    logging.getLogger("other").warning("sent %s with %r", SECRET, {"key": SECRET})
    assert "Secret(…)" in caplog.text
    assert TEXT not in caplog.text


@pytest.mark.parametrize(
    "renderer",
    [
        structlog.processors.JSONRenderer(),
        structlog.processors.KeyValueRenderer(),
        structlog.processors.LogfmtRenderer(),
        structlog.dev.ConsoleRenderer(),
    ],
    ids=lambda renderer: type(renderer).__name__,
)
def test_no_renderer_of_structlog_shows_a_secret(renderer):
    text = renderer(None, "info", {"event": "sent", "with": SECRET, "in": [SECRET]})
    assert TEXT not in text
    assert "Secret(" in text


def _rich(what):
    console = Console(file=io.StringIO(), width=200)
    console.print(what)
    return console.file.getvalue()
