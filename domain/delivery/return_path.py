"""The return path: a signed address in the envelope that says which message a bounce is about.

`b+<token>@<bounce domain>`, the token of `kernel.tokens.Signer.sign_path`. Upper and lower case are the same, because
mail servers on the way may change the case of a local part.
"""

from collections.abc import Callable, Iterable
from uuid import UUID

from kernel.settings import get_settings
from kernel.tokens import BadToken, Signed, get_signer

_PREFIX = "b+"


def address_for(tenant_id: UUID, message_id: UUID, domain: str) -> str:
    """Return the envelope sender of a message; the local part has 63 of the 64 characters that RFC 5321 allows."""
    return f"{_PREFIX}{get_signer().sign_path(tenant_id, message_id)}@{domain.lower()}"


def complaints_for(tenant_id: UUID, domain: str) -> str:
    """Return the address to register with feedback loops: complaints there are bound by the Message-ID they carry."""
    return address_for(tenant_id, tenant_id, domain)


def complaints_address(tenant_id: UUID) -> str | None:
    """Return that address of a tenant in the bounce domain of this service; None where it has none."""
    domain = get_settings().bounce_domain
    return complaints_for(tenant_id, domain) if domain else None


def read(address: str, domain: str, tenants: Callable[[bytes], Iterable[UUID]]) -> Signed:
    """Return whose and which message an address names; `tenants` names those with a code. Raises BadToken."""
    local, _, host = address.rpartition("@")
    if host.lower() != domain.lower() or not local.lower().startswith(_PREFIX):
        raise BadToken
    return get_signer().read_path(local[len(_PREFIX) :], tenants)
