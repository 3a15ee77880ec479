"""How does a provider want to be shown who asks, and what is known of its tokens?"""

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta

from daemon.file_table import (
    HeaderName,
    HeaderValue,
    Table,
    Text,
    check_expression,
    check_secret_url,
)

Status: TypeAlias = Annotated[int, Meta(ge=400, le=499)]
Scope: TypeAlias = Annotated[str, Meta(pattern=r"^[\x21\x23-\x5b\x5d-\x7e]+\Z")]
"""RFC 6749, section 3.3."""


class NoAuth(Table, frozen=True, kw_only=True, tag_field="kind", tag="none"):
    """The provider asks for no credential."""


class ApiKey(Table, frozen=True, kw_only=True, tag_field="kind", tag="api_key"):
    """The credential goes into one header, or into one query parameter."""

    header: HeaderName | None = None
    query: Text | None = None
    prefix: HeaderValue = ""

    def __post_init__(self) -> None:
        if (self.header is None) == (self.query is None):
            raise ValueError("exactly one of header and query is needed")
        if self.prefix and self.header is None:
            raise ValueError("prefix goes with header, not with query")


class Basic(Table, frozen=True, kw_only=True, tag_field="kind", tag="basic"):
    """The credential is `user:password`."""


class OAuth2(Table, frozen=True, kw_only=True, tag_field="kind", tag="oauth2"):
    """OAuth 2.0 (RFC 6749, with PKCE, RFC 7636), and what is known of this provider's tokens.

    `client` says how the application's own id and secret reach the token endpoint: in the form,
    by HTTP Basic, or the id alone (a public application). `answer` is where the token lies in the
    endpoint's JSON, `error` where a refusal has its code, and `dead` lists the codes by which the
    grant is gone for good. `expired` lists the statuses by which the provider says that an access
    token is no longer good; `access_s` is its lifetime in seconds where the answer does not say.

    `in_doubt` is the way out when a refresh may have gone through and its answer was lost:
    `reuse`, the old refresh token stays good for `reuse_s` seconds; `introspect`, the server can
    be asked (RFC 7662) of the refresh token, or of the access token where that dies with the
    refresh; `try_once`, the old one is tried until the server answers, and a refusal is final;
    `ask`, a person must authorise again. After `idle_days` without a refresh the grant dies.
    """

    token_url: Text
    authorize_url: Text | None = None
    grant: Literal["authorization_code", "client_credentials"] = "authorization_code"
    scopes: tuple[Scope, ...] = ()
    scope_separator: Literal[" ", ","] = " "
    pkce: bool = True
    client: Literal["body", "basic", "none"] = "body"
    authorize_params: dict[Text, str] = {}
    token_params: dict[Text, str] = {}
    redirect_uri: Text | None = None
    answer: Text = "@"
    error: Text = "error"
    dead: tuple[str | int, ...] = ("invalid_grant",)
    header: HeaderName = "Authorization"
    prefix: HeaderValue = "Bearer "
    access_s: Annotated[int, Meta(ge=1, le=10 * 365 * 86_400)] = 3600
    expired: tuple[Status, ...] = (401,)
    in_doubt: Literal["reuse", "introspect", "try_once", "ask"] = "try_once"
    reuse_s: Annotated[int, Meta(ge=1, le=365 * 86_400)] | None = None
    introspect_url: Text | None = None
    introspects: Literal["refresh_token", "access_token"] = "refresh_token"
    idle_days: Annotated[int, Meta(ge=1, le=3650)] | None = None

    def __post_init__(self) -> None:
        for key in ("token_url", "authorize_url", "introspect_url", "redirect_uri"):
            url = getattr(self, key)
            if url is not None:
                check_secret_url(key, url)
        check_expression("answer", self.answer)
        check_expression("error", self.error)
        if (self.grant == "authorization_code") != (self.authorize_url is not None):
            raise ValueError("authorize_url goes with the grant authorization_code, and only there")
        if (self.in_doubt == "reuse") != (self.reuse_s is not None):
            raise ValueError('reuse_s goes with in_doubt = "reuse", and only there')
        if (self.in_doubt == "introspect") != (self.introspect_url is not None):
            raise ValueError('introspect_url goes with in_doubt = "introspect", and only there')
        if self.grant == "client_credentials" and self.client == "none":
            raise ValueError("client_credentials needs a client secret: body or basic")


Auth: TypeAlias = NoAuth | ApiKey | Basic | OAuth2
