"""How is something done now: synced, paused, fetched again?

Written by `python -m tests.client.writing` from the operations: change those.
"""

from datetime import date

from daemon.client.asker import Asker
from daemon.control.account_messages import BackfillWish, SyncAllWish, SyncWish
from daemon.control.messages import ConnectionName, Done
from daemon.control.policy_messages import RetryWish


class ActOperations(Asker):
    async def sync(
        self,
        connection: str,
        *,
        days: int | None = None,
        threshold: str | None = None,
        failed_days: bool = False,
        force: bool = False,
    ) -> Done:
        """Sync a connection now.

        Sync now; the rest holds for this run alone.

        `days` is how many days windows go back, `threshold` for how long a token must still be
        good, and `failed_days` asks for those days alone that failed before. With `force` neither
        breakers nor limits keep it waiting.

        ```python
        done = await rounds.sync("acme/weather")
        print(done.message)
        ```
        """
        return await self._post(
            "sync",
            SyncWish(
                connection=connection,
                days=days,
                threshold=threshold,
                failed_days=failed_days,
                force=force,
            ),
            Done,
        )

    async def sync_all(self, *, tenant: str | None = None, provider: str | None = None) -> Done:
        """Sync all connections now, or a tenant's, or a provider's, and sum them up.

        Sync all connections now, or all of a tenant, or at a provider, and sum them up.

        ```python
        print((await rounds.sync_all(tenant="acme")).message)
        ```
        """
        return await self._post("sync-all", SyncAllWish(tenant=tenant, provider=provider), Done)

    async def retry(self, connection: str, *, force: bool = False) -> Done:
        """Try now what waits to be tried again, or what failed last.

        ```python
        print((await rounds.retry("acme/broken")).message)
        ```
        """
        return await self._post("retry", RetryWish(connection=connection, force=force), Done)

    async def pause(self, connection: str) -> Done:
        """Pause a connection: nothing of it starts until it is resumed.

        Names one connection: tenant/provider or tenant/provider/account.

        ```python
        await rounds.pause("acme/weather")
        ```
        """
        return await self._post("pause", ConnectionName(connection=connection), Done)

    async def resume(self, connection: str) -> Done:
        """Resume a connection that is paused.

        Names one connection: tenant/provider or tenant/provider/account.

        ```python
        await rounds.resume("acme/weather")
        ```
        """
        return await self._post("resume", ConnectionName(connection=connection), Done)

    async def cancel(self, connection: str) -> Done:
        """Cancel a connection's sync that runs, or that was asked for.

        Names one connection: tenant/provider or tenant/provider/account.

        ```python
        print((await rounds.cancel("acme/slow")).message)
        ```
        """
        return await self._post("cancel", ConnectionName(connection=connection), Done)

    async def backfill(
        self,
        connection: str,
        first: date,
        last: date,
        *,
        batch: int = 30,
        threshold: str | None = None,
    ) -> Done:
        """Fetch days of the past, the newest first, some of them a sync.

        Fetch days of the past, both ends included, `batch` of them a sync.

        ```python
        await rounds.backfill("acme/nights", date(2026, 1, 1), date(2026, 3, 31), batch=30)
        ```
        """
        return await self._post(
            "backfill",
            BackfillWish(
                connection=connection, first=first, last=last, batch=batch, threshold=threshold
            ),
            Done,
        )
