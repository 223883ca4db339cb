"""Cost and revenue per currency, what has no price, and the budget while a campaign sends."""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
import texters
from sqlalchemy import func, insert, select, text, update

from domain.analytics import budget, money
from domain.campaigns import service as campaigns
from domain.senders import prices
from domain.tracking import conversions
from domain.tracking.conversions import Came, Deed
from kernel import db, settings
from kernel.errors import Conflict, NotFound, PlanLimit
from kernel.ids import new_id
from models import AgentRun, Campaign, CampaignSpend, DomainEvent, MessageCharge, ModelCall, Purchase, Sender, Tenant
from tests.domain.analytics import mail


def price(session, **fields: str) -> None:
    session.execute(update(Tenant).values({name: Decimal(value) for name, value in fields.items()}))


def emails(session, tenant_id, n: int, *, at: datetime = mail.AT) -> tuple[Campaign, list, list]:
    made = mail.campaign(session)
    people = mail.members(session, tenant_id, [None] * n)
    return made, people, mail.sent(session, made, people, at=at)


def convert(session, message_id, value: int, currency: str = "EUR", at: datetime | None = None) -> None:
    deed = Deed(new_id().hex, "purchase", value, currency, at or mail.AT + timedelta(days=1))
    conversions.record(session, deed, Came(message_id=message_id), actor="t")


def figures(account: money.Account) -> list[tuple]:
    return [(one.currency, one.revenue_minor, one.cost_minor, one.roi, one.why) for one in account.returns()]


def test_revenue_against_cost_per_currency_with_the_reason_where_there_is_no_roi(tenants):
    with db.tenant_session(tenants.a) as session:
        made, _, ids = emails(session, tenants.a, 400)
        convert(session, ids[0], 5_000)
        assert figures(money.of_campaign(session, made.id)) == [("EUR", 5_000, 0, None, "no_cost_known")]
        assert money.of_campaign(session, made.id).unpriced_messages == 400
    with db.tenant_session(tenants.a) as session:
        price(session, email_price="125.5")
        money.count(session, campaigns.get(session, made.id))
        convert(session, ids[1], 700, "CHF")
        account = money.of_campaign(session, made.id)
    assert figures(account) == [
        ("CHF", 700, 0, None, "no_cost_known"), ("EUR", 5_000, 50, (5_000 - 50) / 50, "known"),
    ]  # fmt: skip
    assert account.revenues["EUR"].by_attribution == {"message": 1}
    with db.tenant_session(tenants.b) as session, pytest.raises(NotFound):
        money.of_campaign(session, made.id)


def test_what_a_provider_charged_counts_instead_of_the_list_and_in_its_currency(tenants):
    with db.tenant_session(tenants.a) as session:
        price(session, email_price="1000")
        made, _, ids = emails(session, tenants.a, 10)
        charges = [
            {"tenant_id": tenants.a, "message_id": one, "amount_minor": Decimal("7.25"), "currency": "USD"}
            for one in ids[:4]
        ]
        session.execute(insert(MessageCharge), charges)
        account = money.of_campaign(session, made.id)
    assert account.costs["USD"].charged == 29
    assert account.costs["EUR"].listed == 6
    assert (account.complete, sorted(account.costs)) == (True, ["EUR", "USD"])


def test_texts_cost_by_country_and_segment_and_unknown_segments_are_unpriced(tenants):
    account_id = texters.account(tenants.a).id
    with db.tenant_session(tenants.a) as session:
        sender = Sender(
            tenant_id=tenants.a, channel="sms", from_name="A", from_address="+4915100000000", account_id=account_id
        )
        session.add(sender)
        session.flush()
        prices.set_prices(session, account_id, default=None, by_country={"DE": "7.5"}, actor="t")
        made = mail.campaign(session, channel="sms", sender_id=sender.id)
        people = mail.members(session, tenants.a, [None] * 4)
        for n, (number, segments) in enumerate(
            [("+4915112345670", 1), ("+4915112345671", 3), ("+4915112345672", None), ("+4366412345678", 2)]
        ):
            mail.sent(session, made, [people[n]], address=number, address_norm=number, segments=segments)
        found = money.of_campaign(session, made.id)
    assert found.costs["EUR"].listed == 30
    assert (found.messages, found.unpriced_messages) == (4, 2)


def test_drafts_cost_what_their_tokens_do(tenants, database):
    with db.tenant_session(tenants.a) as session:
        made = mail.campaign(session)
        run = AgentRun(tenant_id=tenants.a, campaign_id=made.id, kind="generate", token_limit=9)
        session.add(run)
        session.flush()
        common = {"tenant_id": tenants.a, "run_id": run.id, "purpose": "p", "prompt_id": "p", "prompt_version": 1,
                  "provider": "x", "model": "m", "state": "done"}  # fmt: skip
        session.add(ModelCall(call_key="1", in_tokens=900_000, cached_tokens=100_000, out_tokens=200_000, **common))
        session.add(ModelCall(call_key="2", in_tokens=5, out_tokens=5, cost_micro=120_000, **common))
        session.flush()
        found = money.of_campaign(session, made.id)
        assert (found.tokens, found.unpriced_tokens, found.costs["EUR"].model) == (1_200_010, 1_200_000, 12)
        assert figures(found)[0][3:] == (None, "cost_incomplete")
        priced = {"llm_input_price": Decimal(100), "llm_output_price": Decimal(400)}
        settings.use(settings.get_settings().model_copy(update=priced))
        try:
            money.count(session, made)
        finally:
            settings.use(settings.get_settings().model_copy(update=dict.fromkeys(priced)))
        found = money.of_campaign(session, made.id)
    assert (found.unpriced_tokens, found.costs["EUR"].model) == (0, 12 + 100 + 80)


def test_vectors_have_a_price_of_their_own_and_are_never_taken_at_that_of_text(tenants):
    def counted(**set_: Decimal) -> tuple[int, Decimal]:
        settings.use(plain.model_copy(update=set_))
        money.count(session, made)
        found = money.of_campaign(session, made.id)
        return found.unpriced_tokens, found.costs["EUR"].model if "EUR" in found.costs else Decimal(0)

    text, vectors = {"llm_input_price": Decimal(100), "llm_output_price": Decimal(400)}, Decimal(2)
    plain = settings.get_settings()
    with db.tenant_session(tenants.a) as session:
        made = mail.campaign(session)
        run = AgentRun(tenant_id=tenants.a, campaign_id=made.id, kind="generate", token_limit=9)
        session.add(run)
        session.flush()
        common = {"tenant_id": tenants.a, "run_id": run.id, "prompt_id": "p", "prompt_version": 1, "provider": "x",
                  "model": "m", "state": "done"}  # fmt: skip
        session.add(ModelCall(call_key="1", purpose="base", in_tokens=1_000_000, out_tokens=500_000, **common))
        session.add(ModelCall(call_key="2", purpose="embed_question", in_tokens=3_000_000, **common))
        session.flush()
        try:
            assert counted() == (4_500_000, 0)
            assert counted(**text) == (3_000_000, 100 + 200)
            assert counted(llm_embedding_price=vectors) == (1_500_000, 6)
            assert counted(**text, llm_embedding_price=vectors) == (0, 306)
        finally:
            settings.use(plain)


def test_the_overview_is_by_month_of_the_tenants_zone_and_sums_up_to_the_campaigns(tenants):
    midnight = datetime(2026, 2, 28, 23, 30, tzinfo=UTC)  # March in Berlin
    with db.tenant_session(tenants.a) as session:
        price(session, email_price="1000")
        one, _, ids = emails(session, tenants.a, 3, at=midnight)
        two, _, _ = emails(session, tenants.a, 5, at=midnight - timedelta(hours=1))
        convert(session, ids[0], 90, at=midnight)
        span = {"first": date(2026, 2, 1), "last": date(2026, 3, 31)}
        session.execute(update(Campaign).values(created_at=midnight - timedelta(days=9)))
        months = money.overview(session, by="month", **span)
        assert [(each.key, figures(each)) for each in months.accounts] == [
            ("2026-03", [("EUR", 90, 3, 29.0, "known")]), ("2026-02", [("EUR", 0, 5, -1.0, "known")]),
        ]  # fmt: skip
        by_campaign = money.overview(session, by="campaign", **span)
        assert {each.key: each.messages for each in by_campaign.accounts} == {str(one.id): 3, str(two.id): 5}
        assert [each.key for each in money.overview(session, by="channel", **span).accounts] == ["email"]
        for found in (months, by_campaign):
            assert figures(found.total) == [("EUR", 90, 8, 82 / 8, "known")]
        assert money.overview(session, by="month", first=date(2025, 1, 1), last=date(2025, 2, 1)).accounts == []
    with db.tenant_session(tenants.b) as session:
        assert money.overview(session, by="month", **span).accounts == []
        session.execute(update(Tenant).values(tier="starter"))
        with pytest.raises(PlanLimit):
            money.overview(session, by="month")


def test_purchases_of_recipients_stand_apart_and_within_the_window(tenants):
    with db.tenant_session(tenants.a) as session:
        made, people, _ = emails(session, tenants.a, 3)
        other = mail.members(session, tenants.a, [None])
        days = session.execute(select(Tenant.conversion_days)).scalar_one()
        for member, at, amount, currency in [
            (people[0], mail.AT, 100, "EUR"),
            (people[0], mail.AT + timedelta(days=days, seconds=-1), 50, "EUR"),
            (people[1], mail.AT + timedelta(days=1), 9, "CHF"),
            (people[2], mail.AT + timedelta(days=days), 1_000, "EUR"),
            (people[2], mail.AT - timedelta(seconds=1), 1_000, "EUR"),
            (other[0], mail.AT, 1_000, "EUR"),
        ]:
            session.add(
                Purchase(tenant_id=tenants.a, member_id=member, product="Karte", amount_minor=amount, currency=currency,
                         at=at)
            )  # fmt: skip
        session.flush()
        found = money.purchases_of_recipients(session, made.id)
        assert [(one.currency, one.purchases, one.amount_minor, one.members) for one in found] == [
            ("CHF", 1, 9, 1), ("EUR", 2, 150, 1),
        ]  # fmt: skip
        assert money.of_campaign(session, made.id).revenues == {}


def sending(session, tenant_id, n: int, waiting: int = 1, **fields: int) -> Campaign:
    made, _, _ = emails(session, tenant_id, n)
    open_ = mail.members(session, tenant_id, [None] * waiting) if waiting else []
    if open_:
        mail.sent(session, made, open_, state="pending", accepted_at=None, attempt=0, address_norm=None)
    values = {"status": "sending", "materialised_at": func.clock_timestamp(), **fields}
    session.execute(update(Campaign).where(Campaign.id == made.id).values(values))
    return campaigns.get(session, made.id)


def warnings(session) -> list[dict]:
    rows = session.execute(select(DomainEvent.payload).where(DomainEvent.type == "crm.campaign.budget_warned"))
    return list(rows.scalars())


@pytest.mark.parametrize(
    ("fields", "state", "hold"),
    [
        ({"budget_minor": 13}, "within", None),
        ({"budget_minor": 12}, "warned", None),
        ({"budget_minor": 10}, "reached", budget.OVER_BUDGET),
        ({"budget_minor": 50, "cost_ceiling_minor": 9}, "reached", budget.OVER_CEILING),
        ({"budget_minor": 0}, "reached", budget.OVER_BUDGET),
        ({}, "no_limit", None),
    ],
)
def test_a_budget_warns_at_80_percent_and_stops_at_all_of_it(tenants, fields, state, hold):
    with db.tenant_session(tenants.a) as session:
        price(session, email_price="1000")
        made = sending(session, tenants.a, 10, **fields)
    for _ in range(2):
        with db.tenant_session(tenants.a) as session:
            assert budget.watch(session, made.id) in {state, "no_limit"}
    with db.tenant_session(tenants.a) as session:
        shown = budget.show(session, made.id)
        assert (shown.state, shown.spent_minor) == (state, 10)
        assert campaigns.get(session, made.id).hold_reason == hold
        told = warnings(session)
        assert len(told) == (state in {"warned", "reached"})
        assert all(one["spent_minor"] == 10 and one["currency"] == "EUR" for one in told)


def test_a_higher_budget_warns_again_and_a_campaign_that_ended_keeps_its_own(tenants):
    with db.tenant_session(tenants.a) as session:
        price(session, email_price="1000")
        made = sending(session, tenants.a, 10, budget_minor=10)
    with db.tenant_session(tenants.a) as session:
        assert budget.watch(session, made.id) == "reached"
        assert budget.change(session, made.id, budget_minor=11, actor="t").state == "warned"
        session.execute(update(Campaign).values(status="sending"))
    with db.tenant_session(tenants.a) as session:
        assert budget.watch(session, made.id) == "warned"
    with db.tenant_session(tenants.a) as session:
        assert [one["limit_minor"] for one in warnings(session)] == [10, 11]
        session.execute(update(Campaign).values(status="sent"))
        with pytest.raises(Conflict, match="has ended"):
            budget.change(session, made.id, budget_minor=99, actor="t")


def test_what_is_all_sent_is_not_held_any_more(tenants):
    with db.tenant_session(tenants.a) as session:
        price(session, email_price="1000")
        made = sending(session, tenants.a, 10, waiting=0, budget_minor=5)
    with db.tenant_session(tenants.a) as session:
        assert budget.watch(session, made.id) == "reached"
        assert campaigns.get(session, made.id).status == "sending"
    with db.tenant_session(tenants.a) as session:
        assert len(warnings(session)) == 1


def test_what_will_be_sent_is_expected_at_the_average_so_far(tenants):
    with db.tenant_session(tenants.a) as session:
        price(session, email_price="1000")
        made = sending(session, tenants.a, 10, waiting=30, budget_minor=100)
        assert budget.show(session, made.id).expected_minor == 40


def test_the_statements_of_money_use_their_indexes(tenants, analyse):
    with db.tenant_session(tenants.a) as session:
        for _ in range(5):
            made, people, _ = emails(session, tenants.a, 300)
            rows = [
                {
                    "tenant_id": tenants.a,
                    "member_id": one,
                    "product": "x",
                    "amount_minor": 1,
                    "currency": "EUR",
                    "at": mail.AT,
                }
                for one in people
            ]
            session.execute(insert(Purchase), rows)
    for table in ("message", "campaign_spend", "purchase", "conversion"):
        analyse(table)
    asked = {"tenant": tenants.a, "campaign": made.id, "zone": "Europe/Berlin", "telling": 6, "days": 7}
    with db.tenant_session(tenants.a) as session:
        for statement in (money._MESSAGES, money._PURCHASES):
            plan = "\n".join(session.execute(text(f"EXPLAIN {statement.text}"), asked).scalars())
            assert "Seq Scan on message m" not in plan, plan
            assert re.search(r"Index Cond: .*campaign_id = ", plan), plan
    with db.tenant_session(tenants.a) as session:
        money.freshen(session, [campaigns.get(session, made.id)])
        rows = session.execute(select(CampaignSpend.units)).scalars().all()
        assert rows == [300]
