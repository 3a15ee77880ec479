"""Who was told of whom: is it noted, and shown to whoever asks?"""

import pwd

import pytest

from tests.cli.world import world

pytestmark = pytest.mark.requirement("D7")
ROOT = pwd.getpwuid(0).pw_name


@pytest.fixture(scope="module")
def daemon():
    """One that was asked for this and that, and started again, which notes it."""
    with world("acme/weather", "birch/weather") as made:
        made.start()
        made.rounds("sync", "acme/weather", "--wait")
        for _ in range(3):
            made.rounds("connection", "show", "birch/weather")
        made.rounds("status")
        made.stop()
        made.start()
        yield made


def test_the_reads_of_one_tenant_are_its_own_and_those_of_all(daemon):
    reads = daemon.rounds("audit", "reads", "--tenant", "birch", "--json").lines
    (own,) = [each for each in reads if each["tenants"] == ["birch"]]
    assert own["operations"] == {"connection": 3}
    assert own["role"] == "admin"
    (every,) = [each for each in reads if each["tenants"] is None]
    assert every["operations"]["status"] == 1
    assert own["since"] <= own["at"]


def test_of_all_tenants_there_are_more(daemon):
    reads = daemon.rounds("audit", "reads", "--json").lines
    assert {str(each["tenants"]) for each in reads} == {"['acme']", "['birch']", "None"}
    assert [each["event"] for each in reads] == sorted(each["event"] for each in reads)


def test_a_table_says_who_asked_for_what(daemon):
    typed = daemon.rounds("audit", "reads", "--tenant", "birch", "--since", "1")
    head, *rows = typed.out.splitlines()
    assert head.split() == ["event", "from", "to", "who", "role", "of", "asked"]
    assert any(ROOT in row and "connection (3)" in row for row in rows)


def test_one_page_follows_another(daemon):
    whole = daemon.rounds("audit", "reads", "--json").lines
    one = daemon.rounds("audit", "reads", "--limit", "1", "--json").lines
    assert one == whole[:1]


def test_the_log_tells_it_in_a_line(daemon):
    lines = daemon.rounds("log", "show", "--limit", "200").out.splitlines()
    assert any("birch" in line and f"read by {ROOT} (admin)" in line for line in lines)
    assert any(f"all tenants read by {ROOT} (admin)" in line for line in lines)


def test_a_tenant_that_is_not_there_is_not_found(daemon):
    typed = daemon.rounds("audit", "reads", "--tenant", "nobody")
    assert typed.code == 3
    assert "there is no tenant nobody" in typed.err


def test_where_nobody_read_anything_it_says_so(daemon):
    typed = daemon.rounds("audit", "reads", "--since", "now")
    assert (typed.code, typed.out) == (
        0,
        "nobody read anything since now, up to a minute ago\n",
    )


@pytest.mark.parametrize("since", ["2999-01-01", "never", "99999999"])
def test_a_moment_that_is_none_is_refused(daemon, since):
    assert daemon.rounds("audit", "reads", "--since", since).code in {2, 3}
