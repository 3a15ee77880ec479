from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from daemon import configuration
from daemon.configuration import Settings
from daemon.duration import NAMED_INTERVALS, duration
from daemon.strict_toml import ConfigurationError
from events.schema import PolicySet
from projections.fleet import DEFAULT_POLICY

PROVIDER = """
name = "{name}"
base_url = "https://api.example.com"
[streams.{stream}]
path = "/days"
primary_key = ["id"]
"""


@pytest.fixture
def write(tmp_path):
    """Write a file beside the configuration, which is `rounds.toml`."""

    def write(name, text):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    return write


@pytest.fixture
def load(tmp_path):
    return lambda: configuration.load(tmp_path / "rounds.toml")


@pytest.fixture
def refused(load):
    """The one sentence with which the configuration is refused."""

    def refused():
        with pytest.raises(ConfigurationError) as error:
            load()
        return str(error.value)

    return refused


def declare(write, name="weather", stream="days"):
    return write(f"providers/{name}.toml", PROVIDER.format(name=name, stream=stream))


# -- reading --------------------------------------------------------------------------------------


def test_a_file_that_is_not_there_is_one_without_settings(load):
    found = load()
    assert found.settings == Settings()
    assert (found.own, found.files) == (frozenset(), ())


AS_SHIPPED = {
    "spread": 0.1,
    "failover_enabled": True,
    "day_pause": timedelta(milliseconds=100),
    "batch_pause": timedelta(seconds=1),
}
"""What holds where nobody says otherwise, and did not for logs from before it could be said."""


def test_without_settings_the_policy_is_the_default():
    assert configuration.policy(Settings()) == replace(DEFAULT_POLICY, **AS_SHIPPED)


def test_what_is_written_is_in_force(load, write):
    file = write(
        "rounds.toml",
        """
        state = "/srv/rounds"
        socket = "/srv/rounds.sock"
        [sync]
        interval = "15m"
        concurrency = 3
        [crash]
        delay = "5s"
        delay_max = "2h"
        [connections."acme/weather"]
        interval = "daily"
        [connections."acme/weather/second"]
        provider = "weather"
        credential_file = "/srv/key"
        """,
    )
    provider = declare(write)
    found = load()
    assert configuration.policy(found.settings) == PolicySet(
        interval=timedelta(minutes=15),
        concurrency=3,
        crash_delay=timedelta(seconds=5),
        crash_delay_max=timedelta(hours=2),
        **AS_SHIPPED,
    )
    assert found.settings.state == "/srv/rounds"
    assert [*found.settings.connections] == ["acme/weather", "acme/weather/second"]
    assert found.own == {"weather"}
    assert found.files == (file, provider)


def test_drop_ins_are_merged_table_by_table_in_the_order_of_their_names(load, write):
    write("rounds.toml", 'state = "/a"\n[sync]\ninterval = "1h"\nconcurrency = 1\n')
    write("rounds.toml.d/20-b.toml", "[sync]\nconcurrency = 3\n")
    write("rounds.toml.d/10-a.toml", 'state = "/b"\n[sync]\nconcurrency = 2\nstop_within = "5s"\n')
    write("rounds.toml.d/notes.txt", "this is no TOML")
    write("providers/.#weather.toml", "an editor's lock is none either")
    found = load()
    assert found.settings.state == "/b"
    assert found.settings.sync == configuration.SyncSettings(
        interval="1h", concurrency=3, stop_within="5s"
    )
    assert [file.name for file in found.files] == ["rounds.toml", "10-a.toml", "20-b.toml"]


def test_drop_ins_need_no_main_file_and_add_to_a_connection(load, write):
    declare(write)
    write("rounds.toml.d/a.toml", '[connections."acme/weather"]\ninterval = "1h"\n')
    write("rounds.toml.d/b.toml", '[connections."acme/weather"]\ncredential_file = "/key"\n')
    assert load().settings.connections["acme/weather"] == configuration.Declared(
        interval="1h", credential_file="/key"
    )


# -- refusing -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "place", "found", "expected"),
    [
        ("[sync]\nconcurrency = 0", "sync.concurrency", "is 0 (an integer)", "at least 1"),
        ('[sync]\nconcurrency = "3"', "sync.concurrency", 'is "3" (a string)', "an integer"),
        ('[sync]\ninterval = "soon"', "sync.interval", 'is "soon"', "a string matching"),
        ('[sync]\ninterval = "0s"', "sync.interval", 'is "0s"', "a string matching"),
        ('[sync]\ninterval = "6h\\n"', "sync.interval", 'is "6h', "a string matching"),
        ('[sync]\ninterval = "99999d"', "sync.interval", 'is "99999d"', "a string matching"),
        ('state = "here"', "state", 'is "here"', "a string matching"),
        ("sync = 3", "sync", "is 3 (an integer)", "a table"),
        (
            '[connections."a/b"]\ninterval = 5',
            'connections."a/b".interval',
            "is 5",
            "a string matching",
        ),
    ],
)
def test_an_error_names_file_key_what_was_found_and_what_was_expected(
    write, refused, text, place, found, expected
):
    file = write("rounds.toml", text)
    sentence = refused()
    assert sentence.startswith(f"{file}: {place} {found}")
    assert "expected" in sentence
    assert expected in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize(
    ("text", "place", "nearest"),
    [
        ("[snyc]", "snyc", "sync"),
        ("[sync]\nconcurency = 3", "sync.concurency", "concurrency"),
        ('[connections."a/b"]\nintervall = "1h"', 'connections."a/b".intervall', "interval"),
    ],
)
def test_an_unknown_key_names_the_nearest(write, refused, text, place, nearest):
    write("rounds.toml", text)
    assert f"{place} is not a known key; did you mean {nearest}?" in refused()


def test_an_error_in_a_drop_in_names_that_very_file(write, refused):
    write("rounds.toml", "[sync]\nconcurrency = 3")
    drop_in = write("rounds.toml.d/a.toml", "[sync]\nconcurrency = true")
    assert refused().startswith(f"{drop_in}: sync.concurrency is true (a boolean)")


def test_a_file_that_is_no_toml_names_line_and_column(write, refused):
    file = write("rounds.toml", "[sync]\ninterval = ")
    assert refused().startswith(f"{file}: line 2, column")


@pytest.mark.requirement("X7")
@pytest.mark.parametrize(
    ("named", "why"),
    [
        ({"a/weather": "b/weather"}, "b/weather is another tenant's"),
        ({"a/weather": "nobody"}, "'nobody' is not tenant/provider"),
        ({"a/weather": "a/weather/2", "a/weather/2": None}, "is declared too; take its table out"),
        ({"a/weather": "a/x", "a/weather/2": "a/x"}, "a/x becomes a/weather already"),
        ({"a/weather": "a/weather"}, None),
        ({"a/weather": "a/x", "a/weather/2": "a/y"}, None),
    ],
)
def test_what_a_connection_was_is_one_that_moves(write, load, refused, named, why):
    declare(write)
    tables = [
        f'[connections."{name}"]\n' + (f'was = "{was}"\n' if was else "")
        for name, was in named.items()
    ]
    write("rounds.toml.d/a.toml", "".join(tables))
    if why:
        assert why in refused()
    else:
        assert load()


@pytest.mark.parametrize(
    "name", ["acme", "acme/", "/weather", "a/b/c/d", "acme/-x", "ac me/w", "ä/b"]
)
def test_a_connection_is_named_tenant_and_provider_and_perhaps_account(write, refused, name):
    declare(write)
    drop_in = write("rounds.toml.d/a.toml", f'[connections."{name}"]\n')
    assert refused().startswith(f"{drop_in}: connections: {name!r} is not tenant/provider")


@pytest.mark.parametrize("name", ["acme/weather", "acme/weather/2", "a.b_c@d+e-f/weather/x@y.org"])
def test_a_good_name_is_taken(write, load, name):
    declare(write)
    write("rounds.toml", f'[connections."{name}"]\n')
    assert configuration.check_name(name) is None
    assert [*load().settings.connections] == [name]


def test_a_name_that_goes_on_after_its_line_is_refused():
    assert configuration.check_name("acme/weather\n") is not None


def test_a_connection_without_its_provider_names_the_file_that_is_missing(write, refused, tmp_path):
    declare(write)
    file = write("rounds.toml", '[connections."acme/wether"]\n')
    assert refused().startswith(
        f"{file}: connections.acme/wether needs the provider wether, but there is no "
        f"{tmp_path / 'providers/wether'}.toml (known: "
    )
    assert "weather" in refused()


def test_two_streams_do_not_share_a_view(write, refused):
    declare(write, "a_b", "c")
    declare(write, "a", "b_c")
    sentence = refused()
    assert "a.b_c" in sentence
    assert "a_b.c" in sentence
    assert "SQL view a_b_c; rename one of them" in sentence


@pytest.mark.parametrize(
    ("provider", "stream"), [("sqlite", "days"), ("record", "current"), ("staged", "key")]
)
def test_a_view_does_not_take_a_name_of_the_database(write, refused, provider, stream):
    declare(write, provider, stream)
    assert f"SQL view {provider}_{stream}, a name that the database needs" in refused()


def test_a_provider_file_is_called_as_its_provider(write, refused):
    file = write("providers/other.toml", PROVIDER.format(name="weather", stream="days"))
    assert refused().startswith(f'{file}: name is "weather", expected "other"')


# -- durations ------------------------------------------------------------------------------------


@given(st.integers(1, 9999), st.sampled_from("smhd"))
def test_a_duration_is_a_number_and_a_unit(number, unit):
    seconds = {"s": 1, "m": 60, "h": 3600, "d": 86400}[unit]
    assert duration(f"{number}{unit}") == timedelta(seconds=number * seconds)


@pytest.mark.parametrize("name", NAMED_INTERVALS)
def test_an_interval_may_have_a_name(name):
    assert duration(name) == NAMED_INTERVALS[name]


@pytest.mark.parametrize("longest", ["9999999s", "9999999m", "9999999h", "9999d"])
def test_the_longest_durations_stay_inside_the_calendar(write, load, longest):
    """A due time is a date: one that no calendar holds would stop the daemon."""
    write("rounds.toml", f'[sync]\ninterval = "{longest}"\n')
    interval = configuration.policy(load().settings).interval
    assert datetime(2100, 1, 1, tzinfo=UTC) + 2 * interval > datetime(2100, 1, 1, tzinfo=UTC)
