"""How requests are authorised at the receiver: exactly one of the ways, or none."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from jethook_operator.api.meta import ApiModel, SecretKeySelector, SecretReference
from jethook_operator.api.rules import ListType, Rule, spelled
from jethook_operator.api.urls import Url

HEADER = "authorization"  # what each of the ways writes, in lower case

# RFC 6749, appendix A: a scope-token has neither space, quote nor backslash.
_SCOPE_RULE = spelled(
    r"[\x21\x23-\x5b\x5d-\x7e]+",
    message="must be one scope: ASCII letters, digits and signs except quote and backslash; one entry for each scope",
)
_AUDIENCE_RULE = spelled(r"[\x21-\x7e]+", message="must be printable ASCII without spaces; correct it")


class BasicAuthentication(ApiModel):
    """HTTP Basic (RFC 7617)."""

    secret_ref: SecretReference
    """The Secret with the keys `username` and `password`; one of type kubernetes.io/basic-auth has them."""


class BearerAuthentication(ApiModel):
    """A fixed token in `Authorization: Bearer` (RFC 6750)."""

    secret_key_ref: SecretKeySelector
    """The key of a Secret that holds the token."""


class OAuth2ClientCredentials(ApiModel):
    """Tokens that are fetched with the client credentials grant of OAuth 2.0 (RFC 6749, section 4.4)."""

    token_url: Url = Field(alias="tokenURL")
    """The URL of the token endpoint. Private addresses are refused unless the pool allows them."""
    secret_ref: SecretReference
    """The Secret with the keys `client-id` and `client-secret`."""
    scopes: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=128), _SCOPE_RULE], ...],
        Field(max_length=32, strict=False),
        ListType("set"),
    ] = ()
    """Scopes to ask for, at most 32. Default: none, so that the server decides."""
    audience: Annotated[str, Field(min_length=1, max_length=1024), _AUDIENCE_RULE] | None = None
    """The parameter audience, which some servers need to tell for which API a token is. Default: none."""
    client_authentication: Literal["Basic", "Body"] = "Basic"
    """Where client-id and client-secret stand. Basic (default): in the header Authorization. Body: in the form, as
    client_id and client_secret."""


class Authentication(ApiModel):
    """How requests are authorised: exactly one of the ways. It sets the header Authorization."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="[has(self.basic), has(self.bearer), has(self.oauth2ClientCredentials)].filter(one, one).size() == 1",
            message="must have exactly one of basic, bearer and oauth2ClientCredentials",
            check=lambda one: (one.basic, one.bearer, one.oauth2_client_credentials).count(None) == 2,  # noqa: PLR2004 -- all but one
        ),
    )

    basic: BasicAuthentication | None = None
    """User name and password (HTTP Basic)."""
    bearer: BearerAuthentication | None = None
    """A fixed token."""
    oauth2_client_credentials: OAuth2ClientCredentials | None = Field(default=None, alias="oauth2ClientCredentials")
    """Tokens from a token endpoint, fetched and renewed by the dispatchers."""
