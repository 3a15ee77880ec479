"""What does a person's browser do between the authorize URL and the redirect to loopback?"""

from urllib.parse import parse_qs, urljoin, urlsplit

import httpx

HOPS_MAX = 10  # oidc-provider takes three: its login, back, and the redirect
WAIT_S = 20.0


async def given(authorize_url: str) -> str:
    """Consent, and return the URL that the browser would now fetch: the redirect_uri, answered.

    Raises AssertionError when the server leads elsewhere or shows a page.
    """
    async with _browser() as browser:
        return await _follow(browser, authorize_url)


async def delivered(authorize_url: str) -> httpx.Response:
    """Consent and fetch the redirect; what the program that listens there shows to the person."""
    async with _browser() as browser:
        return await browser.get(await _follow(browser, authorize_url))


def _browser() -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=WAIT_S, trust_env=False, verify=False)


async def _follow(browser: httpx.AsyncClient, authorize_url: str) -> str:
    (redirect_uri,) = parse_qs(urlsplit(authorize_url).query)["redirect_uri"]
    url = authorize_url
    for _ in range(HOPS_MAX):
        answer = await browser.get(url)
        assert answer.is_redirect, f"{answer.status_code} instead of a redirect: {answer.text}"
        url = urljoin(url, answer.headers["location"])
        if url.partition("?")[0] == redirect_uri:
            return url
    raise AssertionError(f"{HOPS_MAX} redirects, and none to {redirect_uri}")
