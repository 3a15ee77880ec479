import json
import pickle

import msgspec
import pytest

from daemon.secret import Secret

TEXT = "s3cr3t-of-acme"
SECRET = Secret(TEXT)


@pytest.mark.parametrize(
    "shown",
    [
        str(SECRET),
        repr(SECRET),
        f"{SECRET}",
        f"{SECRET:>40}",
        "%s %r" % (SECRET, SECRET),  # noqa: UP031 - old ways of printing leak as well
        str([SECRET]),
        str({"key": SECRET}),
        repr(ValueError(SECRET)),
        msgspec.json.encode({"key": SECRET}, enc_hook=str).decode(),
    ],
)
def test_a_secret_is_not_seen_however_it_is_printed(shown):
    assert TEXT not in shown
    assert "Secret(…)" in shown


@pytest.mark.parametrize(
    "encode", [json.dumps, msgspec.json.encode, msgspec.msgpack.encode, pickle.dumps]
)
def test_a_secret_cannot_be_encoded(encode):
    with pytest.raises(TypeError) as refused:
        encode(SECRET)
    assert TEXT not in str(refused.value)


def test_a_secret_has_no_attributes_to_be_dumped():
    assert not hasattr(SECRET, "__dict__")


def test_secrets_are_neither_compared_nor_counted():
    """An == on them would take a time that tells how much of a guess is right."""
    with pytest.raises(TypeError, match="not compared"):
        assert Secret(TEXT) == SECRET
    with pytest.raises(TypeError, match="unhashable"):
        hash(SECRET)


def test_there_is_one_way_out():
    assert SECRET.reveal() == TEXT
