"""How are settings and breakers looked at, and set?

Written by `python -m tests.client.writing` from the operations: change those.
"""

from collections.abc import Sequence

from daemon.client.asker import Asker, Moment
from daemon.control.messages import Done, Nothing
from daemon.control.policy_messages import (
    BreakerOf,
    Breakers,
    PolicyAnswer,
    PolicyOf,
    PolicyReset,
    PolicyWish,
)


class SettingsOperations(Asker):
    async def policy(
        self,
        *,
        connection: str | None = None,
        tenant: str | None = None,
        provider: str | None = None,
        at: Moment | None = None,
    ) -> PolicyAnswer:
        """Look at every setting that holds somewhere, and at who said so.

        Whose settings: at most one of these; the fleet's where none is named.

        ```python
        for each in (await rounds.policy(connection="acme/weather")).settings:
            print(each.name, each.value, each.source)
        ```
        """
        return await self._get(
            "policy",
            PolicyOf(connection=connection, tenant=tenant, provider=provider),
            PolicyAnswer,
            at=at,
        )

    async def policy_set(
        self,
        settings: dict[str, str],
        *,
        connection: str | None = None,
        tenant: str | None = None,
        provider: str | None = None,
    ) -> Done:
        """Set settings for the fleet, a provider, a tenant or a connection.

        Settings to set, as they are typed after `rounds policy set`.

        ```python
        await rounds.policy_set({"interval": "2h"}, tenant="acme")
        ```
        """
        return await self._post(
            "policy-set",
            PolicyWish(connection=connection, tenant=tenant, provider=provider, settings=settings),
            Done,
        )

    async def policy_reset(
        self,
        *,
        connection: str | None = None,
        tenant: str | None = None,
        provider: str | None = None,
        names: Sequence[str] = (),
    ) -> Done:
        """Take back settings that were set by command.

        Settings to take back; all that were set by command where none is named.

        ```python
        await rounds.policy_reset(tenant="acme", names=["interval"])
        ```
        """
        return await self._post(
            "policy-reset",
            PolicyReset(connection=connection, tenant=tenant, provider=provider, names=list(names)),
            Done,
        )

    async def breakers(self, *, at: Moment | None = None) -> Breakers:
        """Look at the breakers that are not closed, and at every provider's.

        ```python
        for each in (await rounds.breakers()).breakers:
            print(each.name, each.state, each.until)
        ```
        """
        return await self._get("breakers", Nothing(), Breakers, at=at)

    async def breaker_open(
        self, *, connection: str | None = None, provider: str | None = None
    ) -> Done:
        """Open a breaker: nothing is asked behind it until it is closed.

        Which breaker: a connection's or a provider's.

        ```python
        await rounds.breaker_open(provider="weather")
        ```
        """
        return await self._post(
            "breaker-open", BreakerOf(connection=connection, provider=provider), Done
        )

    async def breaker_close(
        self, *, connection: str | None = None, provider: str | None = None
    ) -> Done:
        """Close a breaker.

        Which breaker: a connection's or a provider's.

        ```python
        await rounds.breaker_close(provider="weather")
        ```
        """
        return await self._post(
            "breaker-close", BreakerOf(connection=connection, provider=provider), Done
        )

    async def breaker_reset(
        self, *, connection: str | None = None, provider: str | None = None
    ) -> Done:
        """Close a breaker, and forget what it had counted.

        Which breaker: a connection's or a provider's.

        ```python
        await rounds.breaker_reset(connection="acme/weather")
        ```
        """
        return await self._post(
            "breaker-reset", BreakerOf(connection=connection, provider=provider), Done
        )
