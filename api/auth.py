"""Who is asking: a Bearer API key or session token, and the scope that an operation needs."""

from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from domain.identity import rules
from domain.identity import service as identity
from domain.identity.service import Principal
from kernel.errors import Forbidden, Unauthorised

_bearer = HTTPBearer(auto_error=False, description="`Authorization: Bearer ariia_live_…` (API key) or a session token")
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


def principal_of(request: Request, credentials: Credentials) -> Principal:
    """Return the principal of the request; raises Unauthorised."""
    known = known_of(request)
    if known is not None:
        return known
    principal = identity.authenticate(secret_of(credentials))
    request.state.principal = principal
    return principal


def known_of(request: Request) -> Principal | None:
    """Return the principal where this request has asked already."""
    known = getattr(request.state, "principal", None)
    return known if isinstance(known, Principal) else None


def secret_of(credentials: HTTPAuthorizationCredentials | None) -> str:
    """Return the key or token that was sent; raises Unauthorised where there is none."""
    if credentials is None:
        raise Unauthorised("Send an API key as 'Authorization: Bearer …'.", code="no_key")
    return credentials.credentials


CurrentPrincipal = Annotated[Principal, Depends(principal_of)]


def requires(scope: str) -> Any:
    """Return a dependency that yields the principal if it holds `scope`; raises Forbidden naming the scope."""
    if scope not in rules.SCOPES:
        raise ValueError(scope)

    async def check(principal: CurrentPrincipal) -> Principal:  # touches no database, so it needs no thread
        if not rules.may(principal.role, principal.scopes, scope):
            raise Forbidden(_way_out(principal, scope), code="missing_scope", scope=scope)
        return principal

    check.scope = scope  # type: ignore[attr-defined] # the OpenAPI document shows it
    return Depends(check)


def _way_out(principal: Principal, scope: str) -> str:
    if scope == rules.APPROVE and principal.kind == "key":
        return "A key can never approve. Open the preview link, or sign in as a person with the role approver."
    if principal.kind == "key":
        return f"This key lacks the scope '{scope}'. Issue one that has it."
    return f"The role {principal.role} lacks the right '{scope}'. Ask an owner."
