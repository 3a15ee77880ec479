"""What does `rounds provider check` say of a file, and of a provider that is tried?"""

import re
from pathlib import Path

import pytest

from daemon import configuration
from tests.cli.test_looking import ESCAPE
from tests.cli.world import KEY, terminal, world

pytestmark = pytest.mark.requirement("A20")

SHIPPED = sorted(file.stem for file in configuration.SHIPPED.glob("*.toml"))
REPORT = """\
sep=;
Order ID;Ordered on;Qty;Price;Note
00017;2026-11-01;3;1,50;
00018;2026-11-02;12;2;"a;b"
"""


@pytest.fixture(scope="module")
def home():
    """A home with providers' files, and no daemon."""
    with world() as made:
        yield made


def file(home, name="tried", **tables):
    home.home.provide(name, home.provider.url, **tables)
    return str(home.home.root / f"providers/{name}.toml")


def facts(typed):
    """What was said, by name, on one line each."""
    return dict(re.findall(r"^(\S+(?: \S+)?)  +(.*)$", typed.out, re.MULTILINE))


# What a file says.


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_provider_is_explained_by_its_name(home, name):
    typed = home.rounds("provider", "check", name)
    assert (typed.code, typed.err) == (0, "")
    assert typed.out.startswith(f"{configuration.SHIPPED / name}.toml: good\n")
    assert home.rounds("provider", "check", name, "--json").document["good"]


@pytest.mark.parametrize("name", SHIPPED)
def test_on_a_terminal_nothing_is_wider_than_it(home, name):
    shown = ESCAPE.sub("", terminal(home, "provider", "check", name).out)
    assert max(map(len, shown.splitlines())) <= 80


def test_oauth_is_explained_to_who_has_to_register_it(home):
    said = facts(home.rounds("provider", "check", "withings"))
    assert "a person authorises each connection" in said["credential"]
    assert "`rounds provider client withings`" in said["application"]
    assert said["scopes"] == "user.metrics, user.activity"
    assert said["redirect URI"].startswith("http://127.0.0.1:8723/callback, to be registered")
    assert said["access token"].startswith("lives 3 h")
    assert "the old refresh token is sent again: it stays good for 8 h" in said["in doubt"]
    assert "dies 365 days after its last refresh" in said["idle"]


def test_errors_inside_a_200_are_explained(home):
    said = facts(home.rounds("provider", "check", "withings"))["errors"]
    assert said.startswith("status inside a 200 says how it went; good is none or 0; 100, 101")
    assert "601: too many requests" in said
    assert re.search(r"214, .* and \d+ more: the request is refused", said)
    assert "any other: the provider failed" in said


def test_settings_retirement_and_limits_are_explained(home):
    said = facts(home.rounds("provider", "check", "dexcom"))
    assert "(api.dexcom.com where it is left out); one of" in said["setting host"]
    assert said["rate"] == "the provider allows 60,000 calls in 1 h for the application"
    said = facts(home.rounds("provider", "check", "fitbit"))
    assert said["retired"] == (
        "switched off on 2026-11-02: no connection can be added; its successor is google_health"
    )
    assert "Fitbit-Rate-Limit-Reset says when to go on, in seconds" in said["rate headers"]
    said = facts(home.rounds("provider", "check", "strava"))
    assert "2,000 calls in 1 day by the clock, in UTC" in said["rate"]
    assert "X-RateLimit-Limit and X-RateLimit-Usage list" in said["rate headers"]


def test_days_are_explained_with_the_bounds_of_today(home):
    window = {"days": 3, "format": "unix", "end": "inclusive", "timezone": "Pacific/Auckland"}
    stream = {"path": "/d", "params": {"from": "{start}", "to": "{end}"}, "primary_key": ["id"]}
    path = file(home, streams={"days": {**stream, "mode": "window", "window": window}})
    said = facts(home.rounds("provider", "check", path))
    assert said["request"].endswith("/d?from={start}&to={end}")
    assert "the last 3 days, today included" in said["days"]
    assert "midnight to midnight in Pacific/Auckland" in said["days"]
    start, end = map(int, re.findall(r"is (\d+)", said["today"]))
    assert end - start in {23 * 3600 - 1, 24 * 3600 - 1, 25 * 3600 - 1}
    assert said["today"].endswith("the end is the day's last moment")


def test_a_report_is_explained(home):
    csv = {
        "skip_lines": 1,
        "decimal": ",",
        "rename": {"Order ID": "order"},
        "types": {"Qty": "integer"},
    }
    path = file(home, streams={"orders": {"path": "/o", "primary_key": ["order"], "csv": csv}})
    said = facts(home.rounds("provider", "check", path))
    assert said["records"] == "a CSV report: after 1 line, a header, then a row a record"
    assert said["renamed"] == "Order ID to order"
    assert said["types"].startswith("Qty integer; others found in the values")
    assert "as is found in each report" in said["delimited"]
    assert "the decimal mark is ','" in said["values"]


def test_what_is_neither_a_file_nor_a_provider_is_said_with_those_there_are(home):
    typed = home.rounds("provider", "check", "nope")
    assert typed.code == 2
    known = re.search(r"nope is neither a file nor a provider that is known \((.*)\)", typed.err)
    assert {*SHIPPED, "weather"} <= set(known[1].split(", "))


def test_the_users_own_file_goes_before_a_shipped_one(home):
    path = file(home, name="oura", streams={"days": {"path": "/days", "primary_key": ["date"]}})
    try:
        assert home.rounds("provider", "check", "oura").out.startswith(f"{path}: good\n")
    finally:
        Path(path).unlink()


def test_the_shell_completes_providers_and_files(home):
    typed = home.rounds(
        _ROUNDS_COMPLETE="bash_complete", COMP_WORDS="rounds provider check our", COMP_CWORD="3"
    )
    assert typed.out.splitlines() == ["plain,oura", "file,our"]


# What a provider answers.


def test_settings_that_are_missing_or_wrong_are_said_before_anything_is_sent(home):
    asked = []
    home.provider.routes["/acme/days"] = lambda request, _: (asked.append(1), (200, []))[1]
    settings = {"account": {"title": "the account's name", "pattern": "[a-z]+"}, "site": {}}
    stream = {"path": "/{account}/days", "primary_key": ["id"]}
    path = file(home, settings=settings, streams={"days": stream})
    typed = home.rounds("provider", "check", path, "--try")
    assert (typed.code, typed.out) == (2, "")
    assert "say account (the account's name), site: add --set account=… --set site=…" in typed.err
    assert home.rounds("provider", "check", path, "--set", "nope=1").code == 2
    wrong = home.rounds("provider", "check", path, "--set", "account=ACME")
    assert "the value of account is not allowed" in wrong.err
    given = ("--set", "account=acme", "--set", "site=x")
    assert "/acme/days" in facts(home.rounds("provider", "check", path, *given))["request"]
    assert not asked
    assert home.rounds("provider", "check", path, "--try", *given).code == 0
    assert asked == [1]


def oauth(home, **auth):
    url = home.provider.url
    return {
        "kind": "oauth2",
        "token_url": f"{url}/token",
        "authorize_url": f"{url}/authorize",
        "header": "X-Access",
        "prefix": "Token ",
        **auth,
    }


def bearing(request, _):
    known = request.headers["X-Access"] == f"Token {KEY}"
    return (200, [{"id": 1}]) if known else (401, [])


def test_an_access_token_is_taken_for_oauth(home):
    home.provider.routes["/owned"] = bearing
    path = file(home, auth=oauth(home), streams={"days": {"path": "/owned", "primary_key": ["id"]}})
    words = ("provider", "check", path, "--try")
    good = home.rounds(*words, "--credential-stdin", stdin=KEY)
    assert good.code == 0
    assert "days: 1 record in" in good.out
    assert home.rounds(*words, "--credential-stdin", stdin="another").code == 1
    missing = home.rounds(*words)
    assert missing.code == 1
    assert "the access token is not set; nothing was sent" in missing.out
    assert missing.err.endswith("rounds: the provider was not asked, see above: days\n")
    asked = terminal(home, *words, typed=KEY, after="Access token for tried (hidden)")
    assert asked.code == 0
    assert KEY not in f"{asked}{good}"


def test_a_provider_that_was_not_asked_for_want_of_a_credential_is_not_blamed(home):
    days = {"days": {"path": "/owned", "primary_key": ["id"]}}
    keyed = file(home, auth={"kind": "api_key", "header": "X-Key"}, streams=days)
    missing = home.rounds("provider", "check", keyed, "--try")
    assert "the credential is not set; nothing was sent" in missing.out
    assert missing.err.endswith("rounds: the provider was not asked, see above: days\n")


def test_where_nobody_is_asked_id_and_secret_get_a_token(home):
    home.provider.routes["/owned"] = bearing
    auth = oauth(home, grant="client_credentials")
    del auth["authorize_url"]
    path = file(home, auth=auth, streams={"days": {"path": "/owned", "primary_key": ["id"]}})
    words = ("provider", "check", path, "--try", "--credential-stdin")
    stdin = "ours:secret"
    home.provider.forms["/token"] = lambda form: (
        (200, {"access_token": KEY, "token_type": "bearer"})
        if (form["client_id"], form["client_secret"]) == ("ours", "secret")
        else (401, {"error": "invalid_client"})
    )
    good = home.rounds(*words, stdin=stdin)
    assert good.code == 0
    assert KEY not in good.out
    lost = home.rounds(*words, stdin="ours:another")
    assert lost.code == 1
    assert "no token came: " in lost.out


def test_today_is_asked_for_where_a_stream_goes_day_by_day(home):
    home.provider.routes["/daily"] = lambda _, query: (200, [{"id": query["day"]}])
    stream = {"path": "/daily", "params": {"day": "{day}"}, "primary_key": ["id"]}
    path = file(home, streams={"days": {**stream, "mode": "window", "window": {}}})
    typed = home.rounds("provider", "check", path, "--try", "--json").document["tried"]["days"]
    assert typed["records"] == 1
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", typed["day"])
    assert (
        f"days of {typed['day']}: 1 record in"
        in home.rounds("provider", "check", path, "--try").out
    )


def test_a_report_that_is_being_made_is_waited_for_and_its_first_rows_are_shown(home):
    turns = iter([(202, ""), (202, ""), (200, REPORT)] * 2)
    home.provider.routes["/report"] = lambda request, query: next(turns)
    stream = {"path": "/report", "primary_key": ["Order ID"]}
    csv = {"skip_lines": 1, "decimal": ",", "types": {"Price": "number"}}
    limits = {"poll_s": 0.01}
    path = file(home, limits=limits, streams={"orders": {**stream, "csv": csv}})
    typed = home.rounds("provider", "check", path, "--try")
    assert typed.code == 0
    assert "orders: 2 records in" in typed.out
    assert "written in utf-8, delimited by semicolons" in typed.out
    assert re.search(r"^column +type +row 1 +row 2$", typed.out, re.MULTILINE)
    assert re.search(r"^Order ID +text +00017 +00018$", typed.out, re.MULTILINE)
    assert re.search(r"^Price +number +1\.5 +2", typed.out, re.MULTILINE)
    assert re.search(r"^Note +text +a;b$", typed.out, re.MULTILINE)
    tried = home.rounds("provider", "check", path, "--try", "--json").document["tried"]["orders"]
    assert tried["fields"]["Qty"] == "integer"
    assert tried["report"]["first"][0]["Order ID"] == "00017"


def test_a_report_that_is_none_says_what_is_wrong(home):
    home.provider.routes["/report"] = lambda request, query: (200, "id,n\n1,2,3\n")
    stream = {"path": "/report", "primary_key": ["id"], "csv": {}}
    path = file(home, streams={"orders": stream})
    typed = home.rounds("provider", "check", path, "--try")
    assert typed.code == 1
    assert "orders: row 2 of the report has more fields" in typed.out


def test_an_error_inside_a_200_is_one(home):
    home.provider.routes["/inside"] = lambda request, query: (200, {"status": 601, "body": []})
    errors = {"path": "status", "ok": [0], "rate_limited": [601]}
    stream = {"path": "/inside", "records": "body", "primary_key": ["id"]}
    path = file(home, errors=errors, streams={"days": stream})
    typed = home.rounds("provider", "check", path, "--try")
    assert typed.code == 1
    assert "days: the provider wants fewer requests" in typed.out
