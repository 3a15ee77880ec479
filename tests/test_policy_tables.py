"""What does the configuration say of settings, and what is said of one that says it wrong?"""

import re
from datetime import timedelta

import pytest

from daemon import configuration, policy_file
from daemon.policy_file import PolicyTable
from daemon.strict_toml import ConfigurationError
from events.policy import Backoff, PolicySet

MINUTE = timedelta(minutes=1)
WEATHER = """
name = "weather"
base_url = "https://api.example.com"
[streams.days]
path = "/days"
primary_key = ["id"]
"""


@pytest.fixture
def load(tmp_path):
    (tmp_path / "providers").mkdir()
    (tmp_path / "providers" / "weather.toml").write_text(WEATHER)

    def load(text):
        file = tmp_path / "rounds.toml"
        file.write_text(text)
        return configuration.load(file)

    return load


@pytest.mark.requirement("A19")
def test_the_configuration_has_settings_of_all_and_of_single_ones(load):
    policy = load(
        """
        [policy]
        retry_delay = "15m"
        retry_backoff = "fixed"
        concurrency = 3
        spread = 0
        [policy.providers.weather]
        breaker_open = "2m"
        [policy.tenants.acme]
        quiet_hours_start = "23:00"
        quiet_hours_end = "06:00"
        timezone = "Europe/Madrid"
        priority_order = ["weather"]
        [policy.connections."acme/weather"]
        stream_intervals = { days = "15m" }
        fallback = "acme/weather/second"
        """
    ).settings.policy
    assert policy.providers == {"weather": PolicyTable(breaker_open="2m")}
    assert policy.tenants["acme"].priority_order == ("weather",)
    assert policy.connections["acme/weather"].stream_intervals == {"days": "15m"}
    held = policy_file.over(
        PolicySet(
            interval=MINUTE, concurrency=1, crash_delay=MINUTE, crash_delay_max=MINUTE, spread=0.2
        ),
        policy,
    )
    assert (held.retry_delay, held.retry_backoff) == (15 * MINUTE, Backoff.FIXED)
    assert (held.concurrency, held.spread, held.interval) == (3, 0, MINUTE)


def test_policy_goes_before_what_the_same_file_says_of_syncs(load):
    found = load('[sync]\ninterval = "1h"\n[policy]\ninterval = "2h"\n')
    assert configuration.policy(found.settings).interval == 120 * MINUTE


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[policy]\nspread = 0.6", "policy.spread is 0.6"),
        ("[policy]\nspread = nan", "policy.spread is nan"),
        ("[policy]\nspred = 0.1", "policy.spred is not a known key; did you mean spread?"),
        ("[policy]\nenabled = 1", "policy.enabled is 1 (an integer), expected true or false"),
        (
            '[policy.tenants.acme]\nretry_delay = "soon"',
            'policy.tenants.acme.retry_delay is "soon"',
        ),
        ('[policy]\ntimezone = "Mars"', "policy: timezone is not known; write one as"),
        (
            '[policy.connections."acme/weather"]\nquiet_hours_end = "24:00"',
            'policy.connections."acme/weather".quiet_hours_end is "24:00"',
        ),
        ('[policy]\nfallback = "a/b"', "policy: fallback is a connection's alone"),
        (
            "[policy.tenants.acme]\nconcurrency = 3",
            "policy.tenants.acme: concurrency is the fleet's alone",
        ),
        ("[policy.tenants.acme]\ncaller_reads = 0", "policy.tenants.acme.caller_reads is 0"),
        (
            "[policy.providers.weather]\ncaller_writes = 3",
            "policy.providers.weather: caller_writes is a tenant's, or the fleet's",
        ),
        (
            '[policy.connections."acme/weather"]\nretry_budget = 0.1',
            "policy.connections.acme/weather: retry_budget is a provider's, or the fleet's",
        ),
        ('[policy.tenants.""]\nspread = 0.1', "policy.tenants: '' is no tenant's name"),
        ('[policy.tenants."a/b"]\nspread = 0.1', "policy.tenants: 'a/b' is no tenant's name"),
        (
            "[policy.providers.nope]\nspread = 0.1",
            "policy.providers.nope: there is no such provider",
        ),
        (
            '[policy.providers.weather]\nstream_intervals = { hours = "1h" }',
            "policy.providers.weather: weather has no stream hours (it has: days)",
        ),
        (
            '[policy.connections."acme/weather"]\nstream_intervals = { hours = "1h" }',
            "policy.connections.acme/weather: weather has no stream hours (it has: days)",
        ),
        (
            '[policy.connections."acme"]\nspread = 0.1',
            "policy.connections: 'acme' is not tenant/provider",
        ),
    ],
)
def test_an_error_names_file_and_key(load, tmp_path, text, sentence):
    with pytest.raises(ConfigurationError) as error:
        load(text)
    assert str(error.value).startswith(f"{tmp_path / 'rounds.toml'}: {sentence}")
    assert "\n" not in str(error.value)


@pytest.mark.requirement("A10")
@pytest.mark.parametrize(
    ("fallback", "wrong"),
    [
        ("acme/weather/second", None),
        ("acme/weather", "acme/weather cannot be its own fallback"),
        ("bob/weather", "bob/weather is another tenant's"),
        ("acmes/weather", "acmes/weather is another tenant's"),
        ("acme", "'acme' is not tenant/provider or tenant/provider/account"),
    ],
)
def test_a_fallback_is_another_connection_of_the_same_tenant(load, fallback, wrong):
    text = f'[policy.connections."acme/weather"]\nfallback = "{fallback}"'
    if wrong is None:
        assert load(text).settings.policy.connections["acme/weather"].fallback == fallback
        return
    with pytest.raises(ConfigurationError, match=re.escape(wrong)):
        load(text)


def test_a_connection_whose_name_does_not_tell_its_provider_may_have_streams_of_any(load):
    text = '[policy.connections."acme/mine"]\nstream_intervals = { hours = "1h" }'
    assert load(text).settings.policy.connections["acme/mine"].stream_intervals == {"hours": "1h"}
