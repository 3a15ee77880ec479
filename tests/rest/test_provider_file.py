"""Is a provider's file taken only where a provider can be spoken to by it?"""

import pytest

from daemon import provider_file
from daemon.auth_file import ApiKey, NoAuth
from daemon.paging_file import CursorPaging, NoPaging, PagePaging
from daemon.provider_file import Limits, ProviderFile
from daemon.stream_file import Cursor, Stream
from daemon.strict_toml import ConfigurationError
from events.terms import Mode, Reaction

SMALL = """
name = "weather"
base_url = "https://api.example.com/v1"
[streams.days]
path = "/days.json"
primary_key = ["date"]
"""

LARGE = """
name = "weather"
title = "Seattle weather"
base_url = "http://127.0.0.1:8080/v1/"
[auth]
kind = "api_key"
header = "X-Api-Key"
prefix = "Bearer "
[limits]
timeout_s = 5
body_bytes_max = 1024
pages_max = 3
sync_timeout_s = 60.5
[streams.days]
path = "/days"
method = "POST"
params = {units = "metric", page = 2, exact = true, ratio = 0.5}
headers = {X-Version = "3"}
body = {filter = {after = 2026-01-01, tags = ["a"]}}
records = "data.rows[?good]"
primary_key = ["date", "station"]
mode = "incremental"
empty = "accept"
[streams.days.paging]
kind = "cursor"
path = "meta.next"
param = "after"
in = "body"
[streams.days.cursor]
field = "updated_at"
param = "since"
initial = "2020-01-01"
[streams.hours]
path = "/hours"
primary_key = ["at"]
paging = {kind = "page", size_param = "per_page", size = 50}
"""


@pytest.fixture
def load(tmp_path):
    def write_and_load(text: str, name: str = "weather.toml") -> ProviderFile:
        (tmp_path / name).write_text(text)
        return provider_file.load(tmp_path / name)

    return write_and_load


def test_a_small_file_has_the_documented_defaults(load):
    provider = load(SMALL)
    assert (provider.auth, provider.limits, provider.title) == (NoAuth(), Limits(), "")
    assert (Limits().timeout_s, Limits().body_bytes_max) == (30.0, 16 * 1024 * 1024)
    assert [Limits().silence(whole) for whole in (5, 30, 300)] == [10, 10, 300]
    assert Limits(silence_s=20).silence(300) == 20
    assert (Limits().pages_max, Limits().sync_timeout_s) == (10_000, 3600.0)
    days = provider.streams["days"]
    assert days == Stream(path="/days.json", primary_key=("date",))
    assert (days.method, days.records, days.paging) == ("GET", "@", NoPaging())
    assert (days.mode, days.empty, days.cursor) == (Mode.FULL, Reaction.ROLLBACK, None)


def test_a_large_file_is_read_whole(load):
    provider = load(LARGE)
    assert provider.auth == ApiKey(header="X-Api-Key", prefix="Bearer ")
    days = provider.streams["days"]
    assert days.paging == CursorPaging(path="meta.next", param="after", place="body")
    assert days.cursor == Cursor(field="updated_at", param="since", initial="2020-01-01")
    assert provider.streams["hours"].paging == PagePaging(size_param="per_page", size=50)


def test_the_digest_is_of_what_is_said_not_of_how(load):
    first = provider_file.digest(load(LARGE))
    assert len(first) == 64
    params = 'params = {units = "metric", page = 2, exact = true, ratio = 0.5}'
    turned = 'params = {ratio = 0.5, exact = true, units = "metric", page = 2} # same'
    assert params in LARGE
    assert provider_file.digest(load(LARGE.replace(params, turned))) == first
    assert provider_file.digest(load(LARGE.replace("page = 2", "page = 3"))) != first
    assert provider_file.digest(load(LARGE.replace('"body"', '"query"'))) != first


def stream(line: str) -> str:
    return f"{SMALL}{line}\n"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (SMALL.replace('"weather"', '"whether"'), 'name is "whether", expected "weather"'),
        (SMALL.replace('"weather"', '"Weather"'), 'name is "Weather" (a string), expected a'),
        (SMALL.replace('"weather"', '"weather\\n"'), "name is "),
        (SMALL.replace("days]", "Days]"), "streams.Days is not a possible name"),
        (SMALL.replace('["date"]', "[]"), "streams.days.primary_key is an array of 0"),
        (SMALL.replace('["date"]', '["a", "a"]'), "streams.days: primary_key names a field twice"),
        (SMALL.replace('primary_key = ["date"]', ""), "streams.days.primary_key is missing"),
        (SMALL.replace('"/days.json"', '"days"'), "streams.days.path is "),
        (SMALL.replace('"/days.json"', '"https://x/"'), "streams.days.path is "),
        (SMALL.replace('"/days.json"', '"/days?x=1"'), "streams.days.path is "),
        ('name = "weather"\nbase_url = "http://x"\nstreams = {}', "streams has 0 entries"),
        (stream("records = 'a['"), "streams.days: records: 'a[' is not a JMESPath expression"),
        (stream("method = 'PUT'"), 'streams.days.method is "PUT" (a string), expected "GET" or'),
        (
            stream("mode = 'ful'"),
            'streams.days.mode is "ful" (a string), expected "full", "window" or',
        ),
        (stream("empty = 1"), "streams.days.empty is 1 (an integer), expected "),
        (stream("body = {a = 1}"), 'streams.days: a body needs method = "POST"'),
        (stream("paging = {kind = 'page', in = 'body'}"), "streams.days: a body needs method"),
        (stream("paging = {kind = 'pages'}"), 'streams.days.paging.kind is "pages" (a string)'),
        (stream("paging = {kind = 'next_url'}"), "streams.days.paging.path is missing"),
        (stream("paging = {kind = 'next_url', path = '!'}"), "streams.days.paging: path: '!'"),
        (stream("paging = {kind = 'page', size_param = 'n'}"), "streams.days.paging: size_param"),
        (stream("paging = {kind = 'offset', size = 0}"), "streams.days.paging.size is 0"),
        (stream("cursor = {field = 'a', param = 'b'}"), "streams.days: cursor needs mode = "),
        (stream("watch = ['rain', 'a[']"), "streams.days: watch[1]: 'a[' is not a JMESPath"),
        (stream("watch = ['rain', 'rain']"), "streams.days: watch names rain twice"),
        (stream("watch = ['']"), "streams.days.watch[0] is "),
        (stream("watch = 'rain'"), 'streams.days.watch is "rain" (a string), expected an array'),
        (stream(f"watch = {[f'f{each}' for each in range(17)]}"), "streams.days.watch is an array"),
        (stream("headers = {Authorization = 'x'}"), "streams.days: headers may not set author"),
        (stream("headers = {'a b' = 'x'}"), 'streams.days.headers."a b" is not a possible name'),
        (stream('headers = {a = "x\\r\\ny: z"}'), "streams.days.headers.a is "),
        (stream("params = {a = []}"), "streams.days.params.a is an array of 0, expected a string"),
        (stream("pth = 1"), "streams.days.pth is not a known key; did you mean path?"),
        (SMALL + "[auth]\nkind = 'api_key'", "auth: exactly one of header and query is needed"),
        (SMALL + "[auth]\nkind = 'api_key'\nheader = 'a'\nquery = 'b'", "auth: exactly one of"),
        (SMALL + "[auth]\nkind = 'api_key'\nprefix = 'a'\nquery = 'b'", "auth: prefix goes with"),
        (SMALL + "[auth]\nkind = 'oauth'", 'auth.kind is "oauth" (a string), expected "none", '),
        (SMALL + "[auth]\nheader = 'x'", "auth.kind is missing, expected "),
        (SMALL + "[limits]\ntimeout_s = 0", "limits.timeout_s is 0 (an integer), expected a "),
        (SMALL + "[limits]\npages_max = 0", "limits.pages_max is 0 (an integer), expected an "),
        (SMALL + "[limits]\nsync_timeout_s = inf", "limits.sync_timeout_s is inf, expected a fin"),
    ],
)
def test_a_wrong_file_is_refused_with_its_place(load, tmp_path, text, sentence):
    with pytest.raises(ConfigurationError) as caught:
        load(text)
    assert str(caught.value).startswith(f"{tmp_path}/weather.toml: {sentence}")


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("api.example.com", "not an absolute"),
        ("/v1", "not an absolute"),
        ("ftp://api.example.com", "not an absolute"),
        ("https://", "not an absolute"),
        ("https://api example.com", "not an absolute"),
        ("https://api.example.com:port", "not an absolute"),
        ("https://[::1", "not an absolute"),
        ("https://höst", "not an absolute"),
        ("https://evil.example\\\\@api.example.com", "not an absolute"),
        ("https://user:hunter2@api.example.com", "credentials are set per connection"),
        ("https://api.example.com?key=hunter2", "a query or a fragment"),
        ("https://api.example.com/#", "a query or a fragment"),
    ],
)
def test_a_base_url_is_absolute_and_bare(load, url, why):
    with pytest.raises(ConfigurationError, match=why) as caught:
        load(SMALL.replace("https://api.example.com/v1", url))
    assert "hunter2" not in str(caught.value)
