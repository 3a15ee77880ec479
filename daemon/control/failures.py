"""Which class of failures costs a tenant most, and what are retries worth?"""

from datetime import timedelta
from functools import partial

from msgspec.structs import asdict

from daemon.control import history
from daemon.control.desk import Desk, Refused
from daemon.control.failure_messages import FailureCost, Failures, FailuresQuery
from daemon.read_model import failures
from daemon.read_model.failures import Asked
from events.terms import Caller


async def show(desk: Desk, wish: FailuresQuery, by: Caller) -> Failures:
    """Raises Refused."""
    tenant, connection, of = _whose(desk, wish)
    now = desk.journal.clock.now()
    asked = Asked(tenant=tenant, connection=connection, since=now - timedelta(days=wish.days))
    seq, found = await history.ask(desk, partial(failures.read, asked))
    classes = [FailureCost(**asdict(each)) for each in found]
    return Failures(seq=seq, now=now, of=of, days=wish.days, classes=classes)


def _whose(desk: Desk, wish: FailuresQuery) -> tuple[int, int | None, str]:
    """The tenant, the connection where it is one's alone, and what that is called."""
    if (wish.tenant is None) == (wish.connection is None):
        raise Refused("invalid", "name a tenant, or a connection: one of them")
    if wish.connection is not None:
        subject, known = desk.ever(wish.connection)
        return known.tenant, subject, wish.connection
    assert wish.tenant is not None, "one of them is named"
    return history.enrolled(desk, "tenant", wish.tenant), None, wish.tenant
