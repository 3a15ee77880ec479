"""Which class of failures costs a tenant most, and what are retries worth?"""

from datetime import timedelta
from functools import partial

from msgspec.structs import asdict

from daemon.control import history, sourcing
from daemon.control.desk import Desk, Refused
from daemon.control.failure_messages import FailureCost, Failures, FailuresQuery
from daemon.control.whose import enrolled
from daemon.read_model import failures
from daemon.read_model.failures import Asked
from events.terms import Caller


async def show(desk: Desk, wish: FailuresQuery, by: Caller) -> Failures:
    """Raises Refused."""
    tenant, connection, of = whose(desk, wish.tenant, wish.connection)
    now = desk.journal.clock.now()
    asked = Asked(tenant=tenant, connection=connection, since=now - timedelta(days=wish.days))
    seq, found = await history.ask(desk, partial(failures.read, asked))
    classes = [FailureCost(**asdict(each)) for each in found]
    sources = len(sourcing.subjects(desk, wish.tenant)) if wish.tenant is not None else 0
    return Failures(seq=seq, now=now, of=of, days=wish.days, classes=classes, sources=sources)


def whose(desk: Desk, tenant: str | None, connection: str | None) -> tuple[int, int | None, str]:
    """The tenant, the connection where it is one's alone, and what that is called. Raises Refused.

    One of them is named.
    """
    if (tenant is None) == (connection is None):
        raise Refused("invalid", "name a tenant, or a connection: one of them")
    if connection is not None:
        subject, known = desk.ever(connection)
        return known.tenant, subject, connection
    assert tenant is not None, "one of them is named"
    return enrolled(desk, "tenant", tenant), None, tenant
