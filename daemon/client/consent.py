"""How is it written down who consents to details, and asked who was told of whom?

Written by `python -m tests.client.writing` from the operations: change those.
"""

from daemon.client.asker import Asker, Moment
from daemon.control.audit_messages import ReadsQuery, TenantReads
from daemon.control.consent_messages import ConsentAnswer, ConsentOf, ConsentWish
from daemon.control.messages import Done


class ConsentOperations(Asker):
    async def consent(self, tenant: str, *, at: Moment | None = None) -> ConsentAnswer:
        """Look at whether a tenant consents to detailed monitoring, and who says so.

        ```python
        consent = await rounds.consent("acme")
        print(consent.monitored, consent.said, consent.words)
        ```
        """
        return await self._get("consent", ConsentOf(tenant=tenant), ConsentAnswer, at=at)

    async def consent_grant(self, tenant: str, *, words: str | None = None) -> Done:
        """Write down that a tenant consents: details are kept from now on.

        `words` say who consented, or does no more, and how: they lie in the vault.

        ```python
        await rounds.consent_grant("acme", words="signed on paper, kept with the contract")
        ```
        """
        return await self._post("consent-grant", ConsentWish(tenant=tenant, words=words), Done)

    async def consent_withdraw(self, tenant: str, *, words: str | None = None) -> Done:
        """Write down that a tenant consents no more: no details are kept.

        `words` say who consented, or does no more, and how: they lie in the vault.

        ```python
        print((await rounds.consent_withdraw("acme", words="by phone")).message)
        ```
        """
        return await self._post("consent-withdraw", ConsentWish(tenant=tenant, words=words), Done)

    async def audit_reads(
        self,
        *,
        tenant: str | None = None,
        since: str | None = None,
        after: int | None = None,
        limit: int = 100,
    ) -> TenantReads:
        """Look at who was told of a tenant, or of anybody, and when.

        Who was told of a tenant, or of anybody: from a moment on, or after an event.

        ```python
        told = await rounds.audit_reads(tenant="acme", limit=20)
        print([(each.at, each.uid, each.operations) for each in told.reads])
        ```
        """
        return await self._get(
            "audit-reads",
            ReadsQuery(tenant=tenant, since=since, after=after, limit=limit),
            TenantReads,
        )
