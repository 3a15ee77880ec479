"""When is a token refreshed, and what follows from how that went?"""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from daemon import commands
from daemon.decide.tokens import KEEP_ALIVE, KEEP_ALIVE_RETRY
from events import schema
from events.terms import (
    Caller,
    DoubtReason,
    FailureClass,
    GrantPolicy,
    InterruptReason,
    Kind,
    NeedReason,
    RefreshReason,
    RunOptions,
    ScheduleReason,
    WayOut,
)
from projections.grant import Phase
from tests.policy.transcript import (
    FIFTH,
    HOUR,
    KEPT,
    MACHINE,
    MINUTE,
    NOON,
    ONE,
    OTHER,
    PERSON,
    PROVIDER,
    REMOVED,
    REQUESTED,
    SECOND,
    account,
    activate,
    authorised,
    failed,
    given,
    grant,
    in_doubt,
    intended,
    lose,
    lost,
    needed,
    pair,
    refresh_failed,
    refreshed,
    renew,
    running,
    scheduled,
    started,
    succeeded,
)

DAY = timedelta(days=1)
MOMENT = timedelta(microseconds=1)
BY = Caller(uid=1000, role="operator")
IDLE = GrantPolicy(way_out=WayOut.TRY_ONCE, idle=8 * DAY)


def authorise(generation=1, **more):
    return commands.Authorise(subject=ONE, pair=commands.Pair(**pair(generation, **more)), by=BY)


# -- when: just before use, as the run asks -------------------------------------------------------


@pytest.mark.requirement("C1")
@pytest.mark.parametrize(
    ("start", "threshold"),
    [
        ({}, 30 * MINUTE),
        ({"kind": Kind.BACKFILL}, 30 * MINUTE),
        ({"kind": Kind.MANUAL}, 5 * MINUTE),
        ({"kind": Kind.MANUAL, "options": RunOptions(days=3)}, 5 * MINUTE),
        ({"options": RunOptions(threshold=2 * MINUTE)}, 2 * MINUTE),
        ({"kind": Kind.MANUAL, "options": RunOptions(threshold=HOUR)}, HOUR),
        ({"options": RunOptions(threshold=timedelta())}, timedelta()),
    ],
)
def test_a_token_is_refreshed_when_it_expires_within_the_threshold_of_its_run(start, threshold):
    past, at = running(**start), NOON + HOUR - threshold
    given(*past).when(renew(), at).then()
    given(*past).when(renew(), at + MOMENT).then((ONE, intended(sync=FIFTH)))


@pytest.mark.requirement("C1")
def test_the_thresholds_are_settings():
    policy = schema.PolicySet(
        interval=HOUR,
        concurrency=1,
        crash_delay=MINUTE,
        crash_delay_max=HOUR,
        refresh_before=50 * MINUTE,
        refresh_before_manual=40 * MINUTE,
    )
    scheduled_run = (*KEPT, (0, policy), (ONE, started()))
    manual_run = (*KEPT, (0, policy), (ONE, started(kind=Kind.MANUAL)))
    at = NOON + 15 * MINUTE
    given(*scheduled_run).when(renew(sync=6), at).then((ONE, intended(sync=6)))
    given(*manual_run).when(renew(sync=6), at).then()
    at = NOON + 21 * MINUTE
    given(*manual_run).when(renew(sync=6), at).then((ONE, intended(sync=6)))


@pytest.mark.requirement("C1")
def test_once_a_sync_has_begun_only_what_is_about_to_expire_is_refreshed():
    past, at = running(), NOON + HOUR - 30 * SECOND
    given(*past).when(renew(going_on=True), at).then()
    given(*past).when(renew(going_on=True), at + MOMENT).then((ONE, intended(sync=FIFTH)))


@pytest.mark.requirement("C1")
def test_without_a_run_only_what_is_about_to_expire_is_refreshed():
    at = NOON + HOUR - 30 * SECOND
    given(*KEPT).when(renew(sync=None), at).then()
    given(*KEPT).when(renew(sync=None), at + MOMENT).then((ONE, intended()))


@pytest.mark.requirement("C1")
def test_no_timer_refreshes_a_token():
    """However near its end: until something is due, nothing starts, and only a run renews."""
    past = (*KEPT, (ONE, scheduled(NOON + 6 * HOUR)))
    given(*past).when(commands.Start(subject=ONE), NOON + HOUR).then()


def test_what_the_provider_refuses_is_refreshed_however_new_it_is():
    given(*running()).when(renew(refused=1, going_on=True), NOON).then(
        (ONE, intended(RefreshReason.REFUSED, sync=FIFTH))
    )


def test_what_was_refused_before_it_was_replaced_is_not_refreshed_again():
    """Two calls of one sync are refused alike; the second finds the first one's new token."""
    past = running(intended(sync=FIFTH), refreshed(2, sync=FIFTH))
    given(*past).when(renew(kept=2, refused=1, going_on=True), NOON).then()


@pytest.mark.parametrize("start", [{}, {"kind": Kind.MANUAL}])
def test_a_grant_that_would_die_of_idleness_is_renewed_by_the_next_run_too(start):
    past = account(IDLE, authorised(renew_by=NOON, expires_at=NOON + 9 * DAY), started(**start))
    given(*past).when(renew(), NOON - MOMENT).then()
    given(*past).when(renew(), NOON).then((ONE, intended(RefreshReason.IDLE, sync=FIFTH)))


def test_a_connection_without_oauth_has_nothing_to_refresh():
    given(*account(None, started())).when(renew(kept=None)).then()
    given(*KEPT).when(commands.Renew(subject=OTHER, kept=1)).then()
    given(*KEPT, (ONE, REMOVED)).when(renew(), NOON + HOUR).then()


# -- never two at once ----------------------------------------------------------------------------


@pytest.mark.requirement("C2")
def test_a_token_is_never_refreshed_twice_at_once():
    past = running(intended(sync=FIFTH))
    for wish in (renew(), renew(refused=1), renew(going_on=True)):
        given(*past).when(wish, NOON + HOUR).then()


@pytest.mark.requirement("C2")
def test_a_new_pair_is_in_use_from_the_event_on():
    past = running(intended(sync=FIFTH))
    given(*past).when(activate()).then((ONE, refreshed(2, sync=FIFTH)))
    after = grant((*past, (ONE, refreshed(2, expires_at=NOON + 2 * HOUR))))
    assert (after.phase, after.generation, after.token) == (Phase.GOOD, 2, "token 2")
    assert after.expires_at == NOON + 2 * HOUR


@pytest.mark.requirement("C2")
def test_where_no_new_refresh_token_comes_the_old_one_stays():
    wish = activate(2, token="token 1", rotated=False)
    given(*running(intended(sync=FIFTH))).when(wish).then(
        (ONE, refreshed(2, token="token 1", rotated=False, sync=FIFTH))
    )


@pytest.mark.parametrize(
    "past",
    [
        KEPT,
        running(),
        running(intended(sync=FIFTH), refreshed(2)),
        (),
    ],
)
def test_an_outcome_of_what_was_never_intended_is_none(past):
    given(*past).when(activate()).then()
    given(*past).when(lose()).then()


def test_a_refresh_that_is_open_is_closed_though_the_file_speaks_of_oauth_no_more():
    past = account(None, intended(generation=0))
    [(_, event)] = given(*past).when(lose()).decided
    assert isinstance(event, schema.RefreshFailed)
    [(_, event)] = given(*past).when(activate()).decided
    assert isinstance(event, schema.TokenRefreshed)


@pytest.mark.requirement("C9")
def test_refreshes_are_counted_with_the_last_of_them():
    past = (*KEPT, (ONE, intended()), (ONE, refreshed(2), NOON + MINUTE))
    again = (*past, (ONE, intended(generation=2)), (ONE, refreshed(3), NOON + HOUR))
    assert (grant(KEPT).refreshes, grant(KEPT).refreshed_at) == (0, None)
    assert (grant(past).refreshes, grant(past).refreshed_at) == (1, NOON + MINUTE)
    assert (grant(again).refreshes, grant(again).refreshed_at) == (2, NOON + HOUR)


@pytest.mark.requirement("C9")
def test_neither_an_authorisation_nor_a_failure_counts_as_a_refresh():
    past = (*KEPT, (ONE, intended()), (ONE, refreshed(2)))
    others = (intended(generation=2), refresh_failed(generation=2), authorised(3))
    assert grant((*past, *((ONE, each) for each in others))).refreshes == 1


@pytest.mark.requirement("C9")
def test_the_count_and_the_generations_outlive_a_removal():
    """Else an old pair, left in the vault, would pass for newer than the new grant's first."""
    past = (*KEPT, (ONE, intended()), (ONE, refreshed(2), NOON + MINUTE), (ONE, REMOVED))
    back = grant((*past, (ONE, schema.ConnectionAdded(tenant=2, provider=PROVIDER))))
    assert (back.refreshes, back.refreshed_at) == (1, NOON + MINUTE)
    assert (back.phase, back.generation, back.token) == (Phase.NONE, 2, "")


# -- what did not go well -------------------------------------------------------------------------


@pytest.mark.requirement("C3")
def test_a_refused_grant_needs_a_person_and_nothing_starts():
    past = running(intended(sync=FIFTH))
    wish = lose(FailureClass.AUTH, status=400, error="invalid_grant")
    refusal = needed(NeedReason.REFUSED, error="invalid_grant", sync=FIFTH)
    given(*past).when(wish).then((ONE, refusal))
    ended = (*past, (ONE, refusal), (ONE, failed(FIFTH, lost(cause=FailureClass.AUTH))))
    due = (*ended, (ONE, scheduled(NOON + HOUR)))
    given(*due).when(commands.Start(subject=ONE), NOON + DAY).then()
    given(*due).when(renew(), NOON + DAY).then()
    after = grant(due)
    assert (after.phase, after.reason, after.error) == (
        Phase.NEEDED,
        NeedReason.REFUSED,
        "invalid_grant",
    )


@pytest.mark.requirement("C3")
@pytest.mark.parametrize(
    ("cause", "status", "error"),
    [
        (FailureClass.NETWORK, None, ""),
        (FailureClass.TIMEOUT, None, ""),
        (FailureClass.SERVER, 500, ""),
        (FailureClass.SERVER, 503, "temporarily_unavailable"),
        (FailureClass.RATE_LIMITED, 429, ""),
        (FailureClass.AUTH, 401, "invalid_client"),
        (FailureClass.INVALID, 400, "invalid_request"),
    ],
)
def test_any_other_failure_leaves_the_grant_as_good_as_before(cause, status, error):
    past = running(intended(sync=FIFTH))
    failure = refresh_failed(cause, status=status, error=error)
    given(*past).when(lose(cause, status=status, error=error)).then((ONE, failure))
    after = (*past, (ONE, failure))
    assert grant(after) == replace(grant(running()), before=Phase.GOOD)
    given(*after).when(renew(), NOON + 45 * MINUTE).then((ONE, intended(sync=FIFTH)))


def test_a_machine_that_is_refused_needs_nobody():
    """Nobody could consent for it; it is told at each sync, until its credential is mended."""
    past = account(MACHINE, intended(RefreshReason.FIRST, 0, token="", sync=FIFTH))
    wish = lose(FailureClass.AUTH, status=400, error="invalid_grant")
    given(*past).when(wish).then(
        (
            ONE,
            refresh_failed(FailureClass.AUTH, 0, status=400, error="invalid_grant"),
        )
    )


# -- the first token ------------------------------------------------------------------------------


def test_where_nobody_has_consented_yet_a_person_is_needed():
    given(*account(PERSON, started())).when(renew(None, 4)).then(
        (ONE, needed(NeedReason.NEW, 0, sync=4))
    )


def test_a_machine_fetches_its_first_token_itself():
    first = intended(RefreshReason.FIRST, 0, token="", sync=4)
    past = account(MACHINE, started())
    given(*past).when(renew(None, 4)).then((ONE, first))
    given(*past, (ONE, first)).when(activate(1, token="", sync=4)).then(
        (ONE, refreshed(1, token="", sync=4))
    )


@pytest.mark.requirement("C3")
def test_a_machine_whose_first_token_did_not_come_asks_again():
    first = intended(RefreshReason.FIRST, 0, token="", sync=4)
    past = account(MACHINE, started(), first, refresh_failed(generation=0))
    assert grant(past).phase is Phase.NONE
    given(*past).when(renew(None, 4)).then((ONE, first))


def test_a_machine_asks_anew_with_a_new_credential():
    past = account(MACHINE, authorised(3, token=""), schema.CredentialSet())
    given(*past).when(renew(3)).then(
        (ONE, intended(RefreshReason.FIRST, 3, token="", sync=FIFTH)),
    )


def test_a_failure_with_a_new_credential_does_not_bring_the_old_ones_token_back():
    past = account(
        MACHINE,
        authorised(3, token=""),
        schema.CredentialSet(),
        intended(RefreshReason.FIRST, 3, token=""),
        refresh_failed(generation=3),
    )
    given(*past).when(renew(3)).then(
        (ONE, intended(RefreshReason.FIRST, 3, token="", sync=FIFTH)),
    )


# -- a grant without a refresh token --------------------------------------------------------------

BARE = account(PERSON, authorised(token=""), started())


def test_a_token_that_cannot_be_refreshed_is_used_to_its_end():
    given(*BARE).when(renew(), NOON + HOUR - MOMENT).then()
    given(*BARE).when(renew(), NOON + HOUR).then((ONE, needed(NeedReason.EXPIRED, sync=FIFTH)))


def test_a_token_that_cannot_be_refreshed_and_is_refused_needs_a_person():
    given(*BARE).when(renew(refused=1)).then((ONE, needed(NeedReason.EXPIRED, sync=FIFTH)))


@pytest.mark.requirement("C3")
def test_a_path_that_a_program_picks_is_no_proof_against_a_token_that_cannot_be_refreshed():
    wish, need = renew(refused=1, sync=None, program=True), needed(NeedReason.EXPIRED)
    given(*BARE).when(wish, NOON + HOUR - MOMENT).then()
    given(*BARE).when(wish, NOON + HOUR).then((ONE, need))


def test_what_is_refused_to_a_program_is_refreshed_where_it_can_be():
    wish = renew(refused=1, sync=None, program=True)
    given(*KEPT).when(wish).then((ONE, intended(RefreshReason.REFUSED)))


# -- a person authorises --------------------------------------------------------------------------


def test_a_beginning_is_noted_with_who_began():
    begun = schema.AuthorisationBegun(by=BY)
    wish = commands.BeginAuthorisation(subject=ONE, by=BY)
    given(*account(PERSON)).when(wish).then((ONE, begun))
    given(*account(None)).when(wish).then()
    given().when(wish).then()
    assert grant(account(PERSON, begun)).beginning


def test_what_is_authorised_starts_at_once():
    past = account(PERSON, needed(NeedReason.NEW, 0), scheduled(NOON + 6 * HOUR))
    events = (
        (ONE, authorised(by=BY)),
        (ONE, scheduled(NOON + MINUTE, ScheduleReason.AUTHORISED)),
    )
    given(*past).when(authorise(), NOON + MINUTE).then(*events)
    given(*past, *events).when(commands.Start(subject=ONE), NOON + MINUTE).then(
        (ONE, started(NOON + MINUTE))
    )


def test_what_was_due_already_when_it_is_authorised_keeps_its_due_time():
    past = account(PERSON, needed(NeedReason.NEW, 0))
    given(*past).when(authorise(), NOON + MINUTE).then((ONE, authorised(by=BY)))


def test_what_has_no_plan_is_planned_when_it_is_authorised():
    declared, added, *_ = account(PERSON)
    given(declared, added).when(authorise()).then(
        (ONE, authorised(by=BY)), (ONE, scheduled(NOON, ScheduleReason.AUTHORISED))
    )


@pytest.mark.parametrize("past", [(), account(None), account(PERSON, REMOVED)])
def test_what_is_gone_or_speaks_no_oauth_is_not_authorised(past):
    given(*past).when(authorise()).then()


def test_an_authorisation_ends_the_need_and_the_doubt():
    past = account(
        PERSON,
        authorised(),
        intended(),
        in_doubt(),
        needed(NeedReason.IN_DOUBT, error="invalid_grant"),
        authorised(2),
    )
    after = grant(past)
    assert (after.phase, after.reason, after.error) == (Phase.GOOD, None, "")
    assert (after.doubted_at, after.tries, after.authorised_at) == (None, 0, NOON)


def test_an_authorisation_overtakes_a_renewal_that_waits_for_its_turn():
    """Else the renewal would hold its place in the fleet for ever: its outcome is of no grant."""
    past = (*KEPT, (ONE, intended()))
    closed = (ONE, in_doubt(reason=DoubtReason.OVERTAKEN))
    given(*past).when(authorise(2)).then(closed, (ONE, authorised(2, by=BY)))
    after = (*past, closed, (ONE, authorised(2)))
    assert given(*after).world.fleet.running == frozenset()
    given(*after).when(activate(3)).then()


# -- grants that die of idleness ------------------------------------------------------------------


def test_a_grant_is_renewed_long_before_it_dies():
    by = NOON + KEEP_ALIVE * 8 * DAY
    past = account(IDLE)
    given(*past).when(authorise()).then((ONE, authorised(renew_by=by, by=BY)))
    given(*past, (ONE, authorised()), (ONE, intended())).when(activate(sync=None)).then(
        (ONE, refreshed(2, renew_by=by))
    )


def test_a_grant_without_a_refresh_token_cannot_be_kept_alive():
    given(*account(IDLE)).when(authorise(token="")).then((ONE, authorised(token="", by=BY)))
    first = intended(RefreshReason.FIRST, 0, token="")
    past = account(replace(MACHINE, idle=DAY), first)
    given(*past).when(lose(sync=None)).then((ONE, refresh_failed(generation=0, sync=None)))


@pytest.mark.requirement("C1")
def test_an_idle_grant_is_kept_alive_between_syncs():
    past = (*account(IDLE, authorised(renew_by=NOON)), (ONE, scheduled(NOON + HOUR)))
    start = commands.Start(subject=ONE)
    given(*past).when(start, NOON - MOMENT).then()
    given(*past).when(start).then((ONE, intended(RefreshReason.IDLE)))
    world = given(*past, (ONE, intended(RefreshReason.IDLE))).world
    assert world.fleet.running == {ONE}, "it takes a place like any other work"


@pytest.mark.requirement("C1")
def test_a_failed_renewal_is_tried_again_within_the_hour():
    past = account(IDLE, authorised(renew_by=NOON), intended(RefreshReason.IDLE))
    failure = refresh_failed(renew_by=NOON + KEEP_ALIVE_RETRY, sync=None)
    given(*past).when(lose(sync=None)).then((ONE, failure))
    later = (*past, (ONE, failure), (ONE, scheduled(NOON + DAY)))
    given(*later).when(commands.Start(subject=ONE), NOON + KEEP_ALIVE_RETRY).then(
        (ONE, intended(RefreshReason.IDLE))
    )


@pytest.mark.parametrize(
    "ending",
    [
        refreshed(2),
        refresh_failed(sync=None),
        in_doubt(),
        needed(NeedReason.REFUSED),
    ],
)
def test_a_renewal_gives_its_place_back_however_it_ends(ending):
    past = (*KEPT, (ONE, intended(RefreshReason.IDLE)))
    assert given(*past).world.fleet.running == {ONE}
    assert given(*past, (ONE, ending)).world.fleet.running == frozenset()


@pytest.mark.parametrize(
    "ending",
    [
        refreshed(2, sync=FIFTH),
        refresh_failed(),
        in_doubt(sync=FIFTH),
        needed(NeedReason.REFUSED, sync=FIFTH),
    ],
)
def test_a_refresh_for_a_sync_leaves_the_place_to_its_sync(ending):
    past = running(intended(sync=FIFTH), ending)
    assert given(*past).world.fleet.running == {ONE}
    assert given(*past, (ONE, succeeded(FIFTH))).world.fleet.running == frozenset()


def test_nothing_else_happens_while_a_renewal_ends_with_a_shutdown():
    """Its outcome is never cut short: it holds the only token that is left."""
    past = (*KEPT, (ONE, intended(RefreshReason.IDLE)))
    wish = commands.Interrupt(subject=ONE, sync=FIFTH, reason=InterruptReason.SHUTDOWN)
    given(*past).when(wish).then()


# -- our own client, and another credential -------------------------------------------------------


def test_our_client_at_a_provider_is_set():
    wish = commands.SetClient(subject=PROVIDER, by=BY)
    event = schema.ProviderClientSet(by=BY)
    given(*KEPT).when(wish).then((PROVIDER, event))
    given().when(wish).then()
    before = given(*KEPT).world
    assert given(*KEPT, (PROVIDER, event)).world.providers == before.providers


def connect(**more):
    return commands.Connect(subject=ONE, tenant=2, provider=PROVIDER, **more)


def test_another_credential_needs_a_persons_consent_anew():
    """Nothing starts in between that could only fail."""
    events = ((ONE, schema.CredentialSet(by=BY)), (ONE, needed(NeedReason.NEW)))
    wish = connect(credential=True, by=BY)
    given(*KEPT).when(wish).then(*events)
    given(*KEPT, *events).when(commands.Start(subject=ONE)).then()
    refusal = (ONE, needed(NeedReason.REFUSED))
    given(*KEPT, refusal).when(wish).then(*events)


def test_another_credential_during_a_sync_leaves_the_sync_its_place():
    events = ((ONE, schema.CredentialSet()), (ONE, needed(NeedReason.NEW, sync=FIFTH)))
    given(*running()).when(connect(credential=True)).then(*events)
    assert given(*running(), *events).world.fleet.running == {ONE}


def test_another_credential_closes_a_renewal_that_is_open():
    past = (*KEPT, (ONE, intended()))
    events = (
        (ONE, in_doubt(reason=DoubtReason.OVERTAKEN)),
        (ONE, schema.CredentialSet()),
        (ONE, needed(NeedReason.NEW)),
    )
    given(*past).when(connect(credential=True)).then(*events)
    assert given(*past, *events).world.fleet.running == frozenset()


@pytest.mark.parametrize(
    ("wish", "purpose"), [({"settings": True}, "settings"), ({"secret": True}, "client-secret")]
)
def test_other_settings_and_another_secret_leave_the_grant_alone(wish, purpose):
    event = schema.CredentialSet(purpose=purpose)
    given(*KEPT).when(connect(**wish)).then((ONE, event))
    assert grant((*KEPT, (ONE, event))) == grant(KEPT)


def test_a_machines_credential_needs_no_person():
    given(*account(MACHINE)).when(connect(credential=True)).then((ONE, schema.CredentialSet()))


def test_a_new_connection_waits_for_its_person():
    declared, added, due = account(PERSON)
    given(declared).when(connect()).then(added, (ONE, needed(NeedReason.NEW, 0)), due)
    given(declared, added, (ONE, needed(NeedReason.NEW, 0)), due).when(
        commands.Start(subject=ONE)
    ).then()


def test_what_needs_a_person_refuses_a_request_and_says_why():
    past = (*KEPT, (ONE, needed(NeedReason.REFUSED)))
    [(_, skipped)] = given(*past).when(commands.Request(subject=ONE)).decided
    assert (skipped.reason.value, skipped.due, skipped.request) == ("not-authorised", NOON, None)


def test_a_request_that_stood_when_the_grant_was_refused_is_served_once_it_is_authorised():
    past = (*KEPT, (ONE, REQUESTED), (ONE, needed(NeedReason.REFUSED)))
    given(*past).when(commands.Start(subject=ONE)).then()
    given(*past, (ONE, authorised(2))).when(commands.Start(subject=ONE)).then(
        (ONE, started(NOON, 1, request=5))
    )


# -- a renewal, and the clock ---------------------------------------------------------------------


@pytest.mark.requirement("C1")
def test_a_renewal_goes_back_with_the_clock_and_not_on_with_it():
    alive = account(IDLE, authorised(renew_by=NOON + HOUR), scheduled(NOON))
    earlier = (ONE, schema.RenewalScheduled(renew_by=NOON))
    given(*alive).when(commands.Review(subject=ONE, by=-HOUR)).then(earlier)
    given(*alive).when(commands.Review(subject=ONE, by=HOUR)).then()
    assert grant((*alive, earlier)).renew_by == NOON


@pytest.mark.requirement("X6")
def test_a_renewal_without_its_pair_in_the_vault_asks_a_person():
    idle = (*account(IDLE, authorised()), (ONE, intended(RefreshReason.IDLE)))
    given(*idle).when(lose(missing=True, sync=None)).then((ONE, needed(NeedReason.LOST)))


def test_an_application_s_renewal_without_its_pair_waits_for_a_sync():
    past = (*account(MACHINE, authorised()), (ONE, intended(RefreshReason.IDLE)))
    failed = refresh_failed(sync=None)
    given(*past).when(lose(missing=True, sync=None)).then((ONE, failed))
