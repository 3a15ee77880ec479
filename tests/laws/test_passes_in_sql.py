"""What a pass came to is a row with a summary, under the keys that people know."""

import json
from datetime import UTC, datetime

import pytest

from daemon.read_model.facts import Facts
from daemon.read_model.file import Position, ReadModel, Standing
from events.envelope import Recorded
from events.passes import PassEnded, PassError
from events.schema import ConnectionAdded
from events.terms import FailureClass

AT = datetime(2026, 5, 4, tzinfo=UTC)
NAMES = ((1, "google-fit"), (2, "acme"), (3, "acme/google-fit"), (4, "acme/google-fit/work"))
FAILED = (
    PassError(connection=3, cause=FailureClass.AUTH),
    PassError(connection=4, cause=FailureClass.RATE_LIMITED),
)


def ended(errors):
    return PassEnded(
        number=None,
        begun=AT,
        duration_ms=900,
        total=5,
        successful=3,
        failed=len(errors),
        others=0,
        refreshes=1,
        days=21,
        records=340,
        errors=errors,
    )


def asked(errors, question):
    """Of a pass at the provider, in which these failed."""
    facts, model = Facts({}), ReadModel(None, "one")
    past = [(each, ConnectionAdded(tenant=2, provider=1)) for each in (3, 4)]
    for seq, (subject, event) in enumerate([*past, (1, ended(errors))], 1):
        facts.fold(Recorded(seq=seq, at=AT, subject=subject, event=event))
    model.write(Position(seq=3, at=AT), facts.take(), facts.members, Standing(names=NAMES))
    return model.connection.execute(question).fetchone()


@pytest.mark.requirement("B14")
def test_a_summary_has_its_sums_under_the_keys_that_people_know():
    keys = ("total_users", "successful_syncs", "failed_syncs", "tokens_refreshed",
            "total_days_synced", "total_sessions_synced")  # fmt: skip
    columns = ", ".join(f"details->>'{key}'" for key in keys)
    found = asked(FAILED, f"SELECT {columns} FROM google_fit_sync_metrics")
    assert found == (5, 3, 2, 1, 21, 340)
    (details,) = asked(FAILED, "SELECT details FROM sync_metrics")
    assert json.loads(details).keys() == {*keys, "errors"}


@pytest.mark.requirement("B14")
def test_a_summarys_errors_say_whose_they_are():
    (errors,) = asked(FAILED, "SELECT details->'errors' FROM sync_metrics")
    assert json.loads(errors) == [
        {"user_id": "acme", "connection": "acme/google-fit", "error": "auth"},
        {"user_id": "acme", "connection": "acme/google-fit/work", "error": "rate-limited"},
    ]


def test_where_nothing_failed_there_is_an_empty_list():
    assert asked((), "SELECT details->'errors' FROM sync_metrics") == ("[]",)
