"""How does a program call a provider, and what becomes of its writes?

Written by `python -m tests.client.writing` from the operations: change those.
"""

from collections.abc import Mapping
from typing import Literal

from daemon.client.asker import Asker, Moment
from daemon.control.gateway_messages import (
    CacheDropped,
    CacheOf,
    CacheQuery,
    KeptAnswers,
    RequestAnswer,
    RequestWish,
)
from daemon.control.messages import Done
from daemon.control.outbox_messages import OutboxQuery, WriteAnswer, WriteName, Writes


class GatewayOperations(Asker):
    async def request(
        self,
        connection: str,
        path: str,
        *,
        method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] = "GET",
        headers: Mapping[str, str] | None = None,
        body: str | None = None,
        body_base64: bytes | None = None,
        kind: Literal["read", "write", "rpc", "auth"] | None = None,
        key: str | None = None,
        timeout_s: float = 30.0,
        fresh: bool = False,
        queue: bool = True,
    ) -> RequestAnswer:
        """Make one call as a connection.

        `path` goes on from the provider's base URL.

        `body` is the text to be sent, or `body_base64` the bytes: 1 MiB at most. `key` makes a
        write one that may be sent twice; it is refused where its provider's file names no header
        for it. `kind` is told from the method where it is left out; its tenant's limits on programs
        are by kind. With `fresh` the provider itself has to answer. Without `queue` a write is not
        delivered later where its provider is down: it fails.

        ```python
        answer = await rounds.request("acme/weather", "/days?page=0", timeout_s=10)
        print(answer.status, answer.source, answer.body)
        ```
        """
        return await self._post(
            "request",
            RequestWish(
                connection=connection,
                method=method,
                path=path,
                headers=dict(headers or {}),
                body=body,
                body_base64=body_base64,
                kind=kind,
                key=key,
                timeout_s=timeout_s,
                fresh=fresh,
                queue=queue,
            ),
            RequestAnswer,
            seconds=timeout_s,
        )

    async def cache(self, *, connection: str | None = None) -> KeptAnswers:
        """Look at what is kept of answers to programs.

        What is kept: how much of which connection, and each answer of one that is named.

        ```python
        kept = await rounds.cache(connection="acme/weather")
        print([(each.path, each.use) for each in kept.answers])
        ```
        """
        return await self._get("cache", CacheQuery(connection=connection), KeptAnswers)

    async def cache_drop(self, connection: str, *, path: str | None = None) -> CacheDropped:
        """Give up kept answers of a connection: all, or those at a path and below it.

        All of a connection, or what lies at a path and below it.

        ```python
        print((await rounds.cache_drop("acme/weather", path="/days")).answers)
        ```
        """
        return await self._post(
            "cache-drop", CacheOf(connection=connection, path=path), CacheDropped
        )

    async def outbox(self, *, connection: str | None = None, at: Moment | None = None) -> Writes:
        """List the writes that wait for their provider.

        All that wait, or one connection's.

        ```python
        for each in (await rounds.outbox(connection="acme/orders")).writes:
            print(each.write, each.phase, each.held_by, each.due)
        ```
        """
        return await self._get("outbox", OutboxQuery(connection=connection), Writes, at=at)

    async def outbox_write(self, write: int) -> WriteAnswer:
        """Look at one write that waits, with all that is to be written.

        Names one write that waits, by the number under which it was queued.

        ```python
        waiting = (await rounds.outbox(connection="acme/orders")).writes
        print((await rounds.outbox_write(waiting[0].write)).body)
        ```
        """
        return await self._get("outbox-write", WriteName(write=write), WriteAnswer)

    async def outbox_retry(self, write: int) -> Done:
        """Try a write that waits again now; one in doubt is sent once more.

        Names one write that waits, by the number under which it was queued.

        ```python
        waiting = (await rounds.outbox(connection="acme/orders")).writes
        await rounds.outbox_retry(waiting[0].write)
        ```
        """
        return await self._post("outbox-retry", WriteName(write=write), Done)

    async def outbox_delivered(self, write: int) -> Done:
        """Say of a write in doubt that it did arrive.

        Names one write that waits, by the number under which it was queued.

        ```python
        waiting = (await rounds.outbox(connection="acme/orders")).writes
        for each in waiting:
            if each.phase == "in-doubt":  # and the provider shows that it is there
                await rounds.outbox_delivered(each.write)
        ```
        """
        return await self._post("outbox-delivered", WriteName(write=write), Done)

    async def outbox_drop(self, write: int) -> Done:
        """Give up a write that waits.

        Names one write that waits, by the number under which it was queued.

        ```python
        waiting = (await rounds.outbox(connection="acme/orders")).writes
        await rounds.outbox_drop(waiting[-1].write)
        ```
        """
        return await self._post("outbox-drop", WriteName(write=write), Done)
