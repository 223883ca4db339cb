"""What providers charge is kept in minor units of its currency; nonsense is not."""

from decimal import Decimal

import pytest
import texters
from sqlalchemy import select

from channels.twilio import webhook
from domain.returns import callbacks, charges
from kernel import db
from models import MessageCharge

SID = "SM" + "a" * 32


@pytest.mark.parametrize(
    ("price", "kept"),
    [
        (("-0.00750", "USD"), (Decimal("0.75"), "USD")),
        (("0.07", " eur"), (Decimal(7), "EUR")),
        (("-12", "JPY"), (Decimal(12), "JPY")),
        (("null", "USD"), None),
        (("NaN", "USD"), None),
        (("1e99", "USD"), None),
        (("1", "dollars"), None),
    ],
)
def test_a_price_is_read_as_the_provider_writes_it_or_not_at_all(price, kept):
    assert charges.read(*price) == kept


def test_a_report_with_a_price_is_kept_once_and_of_nobody_elses_message(tenants):
    account = texters.account(tenants.a)
    other = texters.account(tenants.b)
    texters.person(tenants.a, texters.PHONE)
    message_id = texters.notice(tenants.a, account.id)
    for price in ("-0.0075", "-0.0080"):
        receipt = webhook.receipt({"MessageSid": SID, "MessageStatus": "sent", "Price": price, "PriceUnit": "USD"})
        for tenant_id, account_id in ((tenants.a, account.id), (tenants.b, other.id)):
            with db.tenant_session(tenant_id) as session:
                callbacks.keep(session, account_id, message_id, receipt)
    with db.tenant_session(tenants.a) as session:
        rows = session.execute(select(MessageCharge.message_id, MessageCharge.amount_minor, MessageCharge.currency))
        assert [tuple(row) for row in rows] == [(message_id, Decimal("0.8"), "USD")]
    with db.tenant_session(tenants.b) as session:
        assert session.execute(select(MessageCharge)).all() == []
