"""What the configuration says of sources and of their port is good, or refused with a sentence."""

from datetime import timedelta

import pytest

from daemon import configuration, source_file
from daemon.source_file import PATTERNS, SourceTable
from daemon.strict_toml import ConfigurationError
from events.sources import Pattern


@pytest.fixture
def load(tmp_path):
    def load(text):
        path = tmp_path / "rounds.toml"
        path.write_text(text)
        return configuration.load(path).settings

    return load


def test_there_is_no_port_unless_it_is_asked_for(load):
    assert load("").ingest.listen is None


@pytest.mark.requirement("D2")
@pytest.mark.parametrize("listen", ["127.0.0.1:8788", "127.8.9.10:1", "[::1]:65535"])
def test_the_port_is_on_loopback(load, listen):
    host, port = source_file.address(load(f'[ingest]\nlisten = "{listen}"\n').ingest.listen)
    assert f"{host}:{port}" == listen.replace("[", "").replace("]", "")


@pytest.mark.requirement("D2")
@pytest.mark.parametrize(
    ("listen", "says"),
    [
        ("0.0.0.0:8788", "is not on loopback"),
        ("192.168.1.7:8788", "is not on loopback"),
        ("[::]:8788", "is not on loopback"),
        ("[::ffff:8.8.8.8]:80", "is not an address"),
        ("localhost:8788", "is not an address with a port"),
        ("127.0.0.1", "is not an address with a port"),
        ("127.0.0.1:0", "is not an address with a port"),
        ("127.0.0.1:65536", "is not an address with a port"),
        ("127.0.0.1:٨", "is not an address with a port"),
        ("127.1:80", "is not an IP address"),
        ("[1:2]:80", "is not an IP address"),
        ("", "is not an address with a port"),
    ],
)
def test_a_port_that_others_could_reach_is_refused(load, listen, says):
    with pytest.raises(ConfigurationError, match=r"ingest\.listen: ") as refused:
        load(f'[ingest]\nlisten = "{listen}"\n')
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[sources.alice]\npattern = "ios"', "sources: 'alice' is not tenant/source"),
        ('[sources."a/b/c"]\npattern = "ios"', "sources: 'a/b/c' is not tenant/source"),
        ('[sources."a/b"]\n', "pattern"),
        ('[sources."a/b"]\npattern = "fax"', "pattern"),
        ('[sources."a/b"]\npattern = "ios"\nlate = "1h"', "late"),
        ('[sources."a/b"]\npattern = "ios"\nlate_after = "1h"', "sources.a/b would be late before"),
        ('[ingest]\nhosts = ["https://x"]', "ingest.hosts: 'https://x' is not a host's name"),
        ("[ingest]\nrequests_a_minute = 0", "requests_a_minute"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(load, text, says):
    with pytest.raises(ConfigurationError) as refused:
        load(text)
    assert says in str(refused.value)


@pytest.mark.parametrize("pattern", Pattern)
def test_a_pattern_holds_where_nothing_else_is_said(pattern):
    assert source_file.expectation(SourceTable(pattern=pattern)) == PATTERNS[pattern]


def test_what_a_source_says_of_itself_goes_before_its_pattern():
    table = SourceTable(pattern=Pattern.IOS, expected_every="2d", night=False)
    found = source_file.expectation(table)
    assert (found.every, found.late_after) == (timedelta(days=2), timedelta(days=2))
    assert not found.night
