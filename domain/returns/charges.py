"""What a provider says that it charged for a message, where it does.

Twilio writes amounts as negative decimals of the currency (https://www.twilio.com/docs/messaging/api/message-resource),
and often only some time after the message.
"""

from decimal import Decimal, InvalidOperation
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from kernel import db, log

_MOST_MINOR = Decimal(10**9)
# Currencies without a smaller unit (ISO 4217).
_WHOLE = frozenset({"BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF",
                    "XOF", "XPF"})  # fmt: skip
_CODE_LENGTH = 3
_NOTE = text("""
INSERT INTO message_charge (tenant_id, message_id, amount_minor, currency)
SELECT m.tenant_id, m.id, :amount, :currency FROM message m WHERE m.tenant_id = :tenant AND m.id = :id
ON CONFLICT (tenant_id, message_id) DO UPDATE
SET amount_minor = excluded.amount_minor, currency = excluded.currency, at = clock_timestamp()
""")


def note(session: Session, message_id: UUID, price: tuple[str, str] | None) -> bool:
    """Keep what was charged for a message, in minor units; the newest word counts. False for nothing, or nonsense."""
    if price is None:
        return False
    found = read(*price)
    if found is None:
        log.get("returns").warning("charge.unreadable", id=str(message_id))
        return False
    amount, currency = found
    asked = {"tenant": db.tenant_of(session), "id": message_id, "amount": amount, "currency": currency}
    session.execute(_NOTE, asked)
    return True


def read(amount: str, unit: str) -> tuple[Decimal, str] | None:
    """Return an amount in minor units and its currency; None for what is no price."""
    currency = unit.strip().upper()
    try:
        value = abs(Decimal(amount.strip()))
    except InvalidOperation:
        return None
    if not value.is_finite() or len(currency) != _CODE_LENGTH or not (currency.isascii() and currency.isalpha()):
        return None
    minor = value if currency in _WHOLE else value * 100
    return (minor, currency) if minor <= _MOST_MINOR else None
