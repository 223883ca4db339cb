"""What is left of people who were erased: fingerprints by which they are not taken in again."""

from typing import Any

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Owned


class ErasedIdentity(Owned, Base):
    """An address, or the tenant's own number for somebody, as a keyed hash: HMAC-SHA-256, the key outside of here.

    `kind` is a channel or `external_id`. `suppressions` are the suppressions that stood against the address: purpose
    and reason, nothing that names anybody.
    """

    __tablename__ = "erased_identity"
    __table_args__ = (UniqueConstraint("tenant_id", "kind", "digest"),)
    kind: Mapped[str]
    digest: Mapped[bytes]
    suppressions: Mapped[list[Any]] = mapped_column(default=list)
