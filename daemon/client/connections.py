"""How do connections come, move, go, and get at somebody's account?

Written by `python -m tests.client.writing` from the operations: change those.
"""

from daemon.client.asker import Asker
from daemon.control.account_messages import (
    AuthorizeAnswer,
    AuthorizeBegun,
    AuthorizeWish,
    ProviderClient,
)
from daemon.control.messages import ConnectionName, Done, NewConnection, Nothing
from daemon.control.provider_messages import RelinkWish


class ConnectionsOperations(Asker):
    async def add(
        self,
        connection: str,
        *,
        provider: str | None = None,
        interval: str | None = None,
        credential: str | None = None,
        settings: dict[str, str] | None = None,
    ) -> Done:
        """Add a connection; of one that is there, change what is given.

        A connection to add. `interval` as in the configuration; `credential` goes to the vault.

        ```python
        await rounds.add("globex/weather", interval="1h")
        ```
        """
        return await self._post(
            "add",
            NewConnection(
                connection=connection,
                provider=provider,
                interval=interval,
                credential=credential,
                settings=settings,
            ),
            Done,
        )

    async def relink(
        self,
        connection: str,
        *,
        provider: str | None = None,
        name: str | None = None,
        credential: str | None = None,
        settings: dict[str, str] | None = None,
        dry_run: bool = False,
    ) -> Done:
        """Move a connection, with its past, to the provider that follows its own.

        Move a connection to the provider that follows its own, or to `provider`.

        It is called `name` then, where that is given. With `dry_run` it is only said what would
        come of it.

        ```python
        told = await rounds.relink("acme/tracker", dry_run=True)
        print(told.message)
        ```
        """
        return await self._post(
            "relink",
            RelinkWish(
                connection=connection,
                provider=provider,
                name=name,
                credential=credential,
                settings=settings,
                dry_run=dry_run,
            ),
            Done,
        )

    async def remove(self, connection: str) -> Done:
        """Remove a connection.

        Names one connection: tenant/provider or tenant/provider/account.

        ```python
        await rounds.remove("globex/weather")
        ```
        """
        return await self._post("remove", ConnectionName(connection=connection), Done)

    async def authorize_begin(
        self, connection: str, *, redirect_uri: str | None = None
    ) -> AuthorizeBegun:
        """Begin to authorise a connection: say where a browser must go.

        Begin to authorise a connection; the browser is to come back to `redirect_uri`.

        ```python
        begun = await rounds.authorize_begin("acme/health")
        print("open this in a browser:", begun.url)
        ```
        """
        return await self._post(
            "authorize-begin",
            AuthorizeWish(connection=connection, redirect_uri=redirect_uri),
            AuthorizeBegun,
        )

    async def authorize_finish(self, connection: str, state: str, answer: str) -> Done:
        """Finish authorising a connection by what the browser brought back.

        What the browser brought back: the address that it ended at, or the bare code.

        ```python
        begun = await rounds.authorize_begin("acme/health")
        print("open this in a browser:", begun.url)
        address = input("and paste the address that it ends at: ")
        await rounds.authorize_finish("acme/health", begun.state, address)
        ```
        """
        return await self._post(
            "authorize-finish",
            AuthorizeAnswer(connection=connection, state=state, answer=answer),
            Done,
        )

    async def provider_client(
        self, provider: str, client_id: str, *, client_secret: str | None = None
    ) -> Done:
        """Keep the id and secret of our own application at a provider.

        The id and secret of our own application at a provider; a public one has no secret.

        ```python
        await rounds.provider_client("health", "our-id", client_secret="s3cret")
        ```
        """
        return await self._post(
            "provider-client",
            ProviderClient(provider=provider, client_id=client_id, client_secret=client_secret),
            Done,
        )

    async def vault_rotate(self) -> Done:
        """Seal every secret anew, under a new key.

        ```python
        print((await rounds.vault_rotate()).message)
        ```
        """
        return await self._post("vault-rotate", Nothing(), Done)
