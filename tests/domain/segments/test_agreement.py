"""The statement and the evaluator say the same of any member and any rule; nothing unknown is ever accepted."""

from datetime import UTC, date, datetime, timedelta
from functools import partial
from random import Random
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from conftest import make_tenant
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from domain.segments import rules
from domain.segments.compile import Compiler
from domain.segments.evaluate import Agreed, Bought, Did, Evaluator, Facts, Got, Said
from domain.segments.moment import Moment
from domain.segments.sentences import Speaker
from kernel import db
from kernel.errors import Invalid
from kernel.ids import new_id
from models import Activity, Campaign, Consent, ContactPoint, Conversion, Member, MemberInsight, Message, Purchase

NOW = datetime(2026, 3, 30, 10, 30, tzinfo=UTC)
ZONE = ZoneInfo("Europe/Berlin")  # the day before summer time began
MOMENT = Moment(NOW, ZONE)
WORDS = ["a", "ab", "ba", "%", "ä", "A"]
OTHER = UUID(int=9)  # the segment of those who left
TOPICS = ["trial", "course", "offer"]
DOMAINS = ["x.example", "xn--mller-kva.example"]
TEXT_FIELDS = ["external_id", "first_name", "last_name", "language", "favourite_course"]
TEXT_OPS = ["is", "contains", "starts_with"]
DAY_FIELDS = ["joined_on", "left_on", "last_visit_at"]
CAMPAIGNS = [UUID(int=n) for n in (1, 2)]
EDGES = [MOMENT.begin(days) + timedelta(seconds=s) for days in (0, 1, 2, 30) for s in (-1, 0, 1)] + [
    NOW,
    NOW + timedelta(1),
]

words, days = st.sampled_from(WORDS), st.sampled_from([0, 1, 2, 30])
instants = st.sampled_from(EDGES)
dates = instants.map(lambda at: at.astimezone(ZONE).date())
some_days = st.none() | days
ATTRIBUTES = [
    1,
    0,
    -1,
    0.1,
    2.5,
    10**20,
    2**53 + 1,
    True,
    False,
    "a",
    "ab",
    "2026-03-01",
    "2026-13-01",
    "2026-02-29",
    "1",
    None,
    [1],
    {},
]


def maybe(strategy):
    return st.none() | strategy


def without_none(rule: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in rule.items() if value is not None}


def leaf(type_: str, **fields: st.SearchStrategy[object]) -> st.SearchStrategy[dict[str, object]]:
    return st.fixed_dictionaries({"type": st.just(type_), **fields}).map(without_none)


some_words = st.lists(words, min_size=1, max_size=3)
compare = st.sampled_from(["at_least", "at_most", "exactly"])
channels = st.sampled_from(["email", "sms"])
leaves = st.one_of(
    leaf("text", field=st.sampled_from(TEXT_FIELDS), any_of=some_words,
         op=st.sampled_from(TEXT_OPS)),
    leaf("known", field=st.sampled_from(TEXT_FIELDS + DAY_FIELDS)),
    leaf("status", any_of=st.lists(st.sampled_from(["active", "paused", "left"]), min_size=1, max_size=2)),
    leaf("day", field=st.sampled_from(DAY_FIELDS), op=st.sampled_from(["before", "on", "after"]), day=dates.map(str)),
    leaf("recent", field=st.sampled_from(DAY_FIELDS), days=days,
         op=st.sampled_from(["in_last_days", "before_last_days"])),
    leaf("attribute", name=st.just("k"), kind=st.just("text"), op=st.sampled_from(["is", "contains"]), value=words),
    leaf("attribute", name=st.just("k"), kind=st.just("number"), op=st.sampled_from(["is", "at_least", "at_most"]),
         value=st.sampled_from([0.0, 0.1, 1.0, 2.5, -1, 1e20, 2**53 + 1, 2.0**53])),
    leaf("attribute", name=st.just("k"), kind=st.just("flag"), op=st.just("is"), value=st.booleans()),
    leaf("attribute", name=st.just("k"), kind=st.just("day"), op=st.sampled_from(["is", "at_least", "at_most"]),
         value=st.sampled_from(["2026-03-01", "2026-03-02"])),
    leaf("attribute", name=st.just("k"), kind=st.sampled_from(["text", "number", "flag", "day"]), op=st.just("known")),
    leaf("tag", any_of=some_words),
    leaf("contact", channel=channels),
    leaf("contact", channel=st.just("email"),
         domains=st.lists(st.sampled_from([*DOMAINS, "X.Example", "müller.example"]), min_size=1, max_size=2)),
    leaf("consent", channel=channels, purpose=st.sampled_from(["marketing", "tracking"]),
         state=st.sampled_from(["granted", "withdrawn", "pending"])),
    leaf("activity", kind=maybe(words), subject=maybe(words), in_last_days=some_days, op=compare,
         count=st.integers(0, 3)),
    leaf("purchase", product=maybe(words), in_last_days=some_days, op=compare,
         amount=st.sampled_from([0, 1, 2, 3, 2**53 - 1])),
    leaf("purchase", product=maybe(words), in_last_days=some_days, op=compare, measure=st.just("sum"),
         amount=st.sampled_from([0, 100, 150, 300, 2**53 - 1]), currency=st.sampled_from(["EUR", "CHF"])),
    leaf("purchase", product=maybe(words), op=compare, measure=st.just("days_since"), amount=days),
    leaf("insight", key=st.just("topic"), any_of=maybe(st.lists(st.sampled_from(TOPICS), min_size=1, max_size=2))),
    leaf("insight", key=st.just("absent_until")),
    leaf("segment", segment_id=st.just(str(OTHER))),
    leaf("campaign", did=st.sampled_from(["received", "opened", "clicked", "converted"]),
         campaign_id=maybe(st.sampled_from(CAMPAIGNS).map(str)), in_last_days=some_days),
)  # fmt: skip
some_rules = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.fixed_dictionaries(
            {"type": st.sampled_from(["all", "any"]), "rules": st.lists(inner, min_size=1, max_size=3)}
        ),
        st.fixed_dictionaries({"type": st.just("not"), "rule": inner}),
    ),
    max_leaves=6,
)
SIZE = 120


def anybody(pick: Random) -> Facts:
    """A member with anything that rules ask for, or without it."""

    def maybe_one(values):
        return pick.choice([None, *values])

    def some(most, make):
        return [make() for _ in range(pick.randint(0, most))]

    at = partial(pick.choice, EDGES)
    word = partial(pick.choice, WORDS)
    fields = {name: maybe_one(WORDS) for name in ["first_name", "last_name", "language", "favourite_course"]}
    fields |= {"external_id": None, "salutation": None, "time_zone": None, "last_visit_at": maybe_one(EDGES)}
    fields |= {name: maybe_one([each.astimezone(ZONE).date() for each in EDGES]) for name in ["joined_on", "left_on"]}
    fields |= {"status": pick.choice(["active", "paused", "left"]), "tags": pick.sample(WORDS, pick.randint(0, 2))}
    fields["attributes"] = {"k": pick.choice(ATTRIBUTES)} if pick.random() < 0.9 else {}
    states = ["granted", "granted", "withdrawn", "pending"]
    addresses = [("email", f"a@{DOMAINS[0]}"), ("email", f"b@{DOMAINS[1]}"), ("sms", "+49171")]
    return Facts(
        fields,
        segments={OTHER} if fields["status"] == "left" else set(),
        contacts=pick.sample(addresses, pick.randint(0, 3)),
        consents=[
            Agreed(channel, purpose, pick.choice(states), maybe_one(EDGES))
            for channel in ("email", "sms")
            for purpose in ("marketing", "tracking")
            if pick.random() < 0.5
        ],
        activities=some(4, lambda: Did(word(), maybe_one(WORDS), at())),
        purchases=some(4, lambda: Bought(word(), pick.choice([0, 100, 150, 300]), pick.choice(["EUR", "CHF"]), at())),
        messages=[Got(each, *(maybe_one(EDGES) for _ in range(3))) for each in CAMPAIGNS if pick.random() < 0.6],
        insights=[
            Said(key, pick.choice(TOPICS) if key == "topic" else "2026-05-01", at())
            for key in ("topic", "absent_until")
            if pick.random() < 0.6
        ],
        converted=some(2, lambda: (pick.choice(CAMPAIGNS), at())),
    )


@pytest.fixture(scope="module")
def crowd(database):
    """A hundred members and their facts; a second tenant holds others, so that a leak would show."""
    ours, theirs = make_tenant("segments-a"), make_tenant("segments-b")
    known = {}
    for tenant_id, seed in ((ours, 1), (theirs, 2)):
        pick = Random(seed)
        with db.tenant_session(tenant_id) as session:
            campaigns = {each: _campaign(session, tenant_id, each, tenant_id == ours) for each in CAMPAIGNS}
            for _ in range(SIZE):
                facts = anybody(pick)
                known[store(session, tenant_id, facts, campaigns)] = (tenant_id, facts)
    return ours, {member_id: facts for member_id, (tenant_id, facts) in known.items() if tenant_id == ours}


def _campaign(session, tenant_id: UUID, wanted: UUID, ours: bool) -> UUID:
    """The ids of campaigns differ per tenant; rules name those of the first."""
    campaign = Campaign(
        id=wanted if ours else new_id(), tenant_id=tenant_id, name="x", kind="broadcast", channel="email",
        status="draft", audience={"kind": "all_members"},
    )  # fmt: skip
    session.add(campaign)
    session.flush()
    return campaign.id


def store(session, tenant_id: UUID, facts: Facts, campaigns: dict[UUID, UUID]) -> UUID:
    member = Member(id=new_id(), tenant_id=tenant_id, **facts.fields)
    session.add(member)
    session.flush()
    own = {"tenant_id": tenant_id, "member_id": member.id}
    for n, (channel, address) in enumerate(facts.contacts):
        primary = channel not in {each for each, _ in facts.contacts[:n]}
        session.add(ContactPoint(**own, channel=channel, address=address, address_norm=address, is_primary=primary))
    for agreed in facts.consents:
        session.add(Consent(**own, **agreed._asdict(), legal_basis="consent", source="t"))
    session.add_all(Activity(**own, **did._asdict()) for did in facts.activities)
    session.add_all(Purchase(**own, **bought._asdict()) for bought in facts.purchases)
    for got in facts.messages:
        session.add(
            Message(
                **own, id=new_id(), campaign_id=campaigns[got.campaign_id], channel="email", language="de",
                state="sent" if got.received else "bounced", approval_hash="", accepted_at=got.received or NOW,
                first_opened_at=got.opened, first_clicked_at=got.clicked,
            )
        )  # fmt: skip
    evidence = {"evidence_message_id": new_id(), "source": "rules", "confidence": 1.0}
    session.add_all(MemberInsight(**own, **evidence, **said._asdict()) for said in facts.insights)
    for campaign_id, at in facts.converted:
        session.add(
            Conversion(
                **own, campaign_id=campaigns[campaign_id], at=at, external_id=str(new_id()), goal="x", currency="EUR",
                source="api", attribution="message",
            )
        )  # fmt: skip
    session.flush()
    return member.id


def asked_both_ways(crowd, rule) -> set[UUID]:
    """Whom a rule means by the statement, after comparing it with the evaluator."""
    tenant_id, known = crowd
    read = rules.read(rule)
    some = sorted(known)[::3]
    with db.tenant_session(tenant_id) as session:

        def means(only=None):
            condition = Compiler(tenant_id, MOMENT, lambda _: Member.status == "left", only).condition(read)
            return set(session.execute(select(Member.id).where(Member.tenant_id == tenant_id, condition)).scalars())

        found = means()
        assert means(some) & set(some) == found & set(some)
    assert found == {member_id for member_id, facts in known.items() if Evaluator(MOMENT).holds(read, facts)}
    return found


@settings(max_examples=300, deadline=None)
@given(rule=some_rules)
def test_the_statement_and_the_evaluator_agree(crowd, rule):
    asked_both_ways(crowd, rule)


@pytest.mark.parametrize(
    "rule",
    [
        *(
            {"type": "text", "field": "first_name", "op": op, "any_of": ["a"]}
            for op in ("is", "contains", "starts_with")
        ),
        {"type": "known", "field": "last_visit_at"},
        *({"type": "day", "field": "joined_on", "op": op, "day": "2026-03-29"} for op in ("before", "on", "after")),
        *({"type": "day", "field": "last_visit_at", "op": op, "day": "2026-03-29"} for op in ("before", "on", "after")),
        *({"type": "recent", "field": f, "op": "in_last_days", "days": 1} for f in ("last_visit_at", "left_on")),
        *({"type": "recent", "field": f, "op": "before_last_days", "days": 1} for f in ("last_visit_at", "left_on")),
        {"type": "attribute", "name": "k", "kind": "number", "op": "at_least", "value": 1},
        {"type": "attribute", "name": "k", "kind": "flag", "op": "is", "value": True},
        {"type": "attribute", "name": "k", "kind": "day", "op": "at_most", "value": "2026-12-31"},
        {"type": "attribute", "name": "k", "kind": "text", "op": "contains", "value": "a"},
        *(
            {"type": "contact", "channel": "email", "domains": [d]}
            for d in ("X.EXAMPLE", "@x.example", "Müller.example")
        ),
        *(
            {"type": "consent", "channel": "email", "purpose": "marketing", "state": s}
            for s in ("granted", "withdrawn")
        ),
        {"type": "activity", "kind": "a"},
        {"type": "activity", "in_last_days": 2, "op": "exactly", "count": 1},
        {"type": "activity", "subject": "a", "op": "exactly", "count": 0},
        {"type": "purchase", "measure": "sum", "op": "at_least", "amount": 250, "currency": "EUR", "in_last_days": 30},
        {"type": "purchase", "measure": "sum", "op": "at_most", "amount": 100, "currency": "CHF", "product": "a"},
        *(
            {"type": "purchase", "measure": "days_since", "op": op, "amount": n}
            for op, n in (("at_least", 2), ("at_most", 1), ("exactly", 1))
        ),
        {"type": "insight", "key": "topic"},
        {"type": "insight", "key": "topic", "any_of": ["trial", "offer"]},
        {"type": "insight", "key": "absent_until"},
        *(
            {"type": "campaign", "did": did} | campaign | window
            for did in ("received", "opened", "clicked", "converted")
            for campaign in ({}, {"campaign_id": str(CAMPAIGNS[0])})
            for window in ({}, {"in_last_days": 0})
        ),
    ],
    ids=str,
)
def test_every_kind_of_rule_tells_members_apart(crowd, rule):
    assert 0 < len(asked_both_ways(crowd, rule)) < SIZE


@given(some_rules)
def test_a_rule_reads_back_as_it_was_stored_and_says_itself_in_two_languages(rule):
    read = rules.read(rule)
    assert rules.read(rules.as_json(read)) == read
    for language in ("de", "en"):
        said = Speaker(language, str, str).sentence(read)
        assert said.endswith(".")
        assert "None" not in said


@pytest.mark.parametrize(
    ("rule", "place"),
    [
        ({}, "rules"),
        ([], "rules"),
        (None, "rules"),
        ({"type": "sql", "text": "1=1"}, "rules"),
        ({"type": "text", "field": "password", "op": "is", "any_of": ["x"]}, "rules.text.field"),
        ({"type": "text", "field": "first_name", "op": "regex", "any_of": ["x"]}, "rules.text.op"),
        ({"type": "text", "field": "first_name", "op": "is", "any_of": []}, "rules.text.any_of"),
        ({"type": "text", "field": "first_name", "op": "is", "any_of": ["x"], "or": 1}, "rules.text.or"),
        ({"type": "text", "field": "first_name", "op": "is", "any_of": ["a\x00b"]}, "rules.text.any_of"),
        ({"type": "tag", "any_of": [1]}, "rules.tag.any_of"),
        ({"type": "recent", "field": "joined_on", "op": "in_last_days", "days": "3"}, "rules.recent.days"),
        ({"type": "recent", "field": "joined_on", "op": "in_last_days", "days": True}, "rules.recent.days"),
        ({"type": "recent", "field": "joined_on", "op": "in_last_days", "days": -1}, "rules.recent.days"),
        ({"type": "day", "field": "joined_on", "op": "on", "day": "2026-02-30"}, "rules.day.day"),
        ({"type": "attribute", "name": "k", "kind": "number", "op": "is", "value": "1"}, "rules.attribute"),
        ({"type": "attribute", "name": "k", "kind": "number", "op": "contains", "value": 1}, "rules.attribute"),
        ({"type": "attribute", "name": "k", "kind": "flag", "op": "is", "value": 1}, "rules.attribute"),
        ({"type": "attribute", "name": "k", "kind": "day", "op": "is", "value": "20260101"}, "rules.attribute"),
        ({"type": "attribute", "name": "k", "kind": "text", "op": "known", "value": "x"}, "rules.attribute"),
        ({"type": "contact", "channel": "sms", "domains": ["x"]}, "rules.contact"),
        ({"type": "purchase", "measure": "sum", "op": "at_least", "amount": 1}, "rules.purchase"),
        ({"type": "purchase", "op": "at_least", "amount": 1.5}, "rules.purchase.amount"),
        ({"type": "purchase", "measure": "days_since", "amount": 1, "in_last_days": 3}, "rules.purchase"),
        ({"type": "insight", "key": "health"}, "rules.insight.key"),
        ({"type": "insight", "key": "topic", "any_of": ["price"]}, "rules.insight"),
        ({"type": "insight", "key": "absent_until", "any_of": ["2026-01-01"]}, "rules.insight"),
        ({"type": "tag", "any_of": ["x"], "id": "Not an id"}, "rules.tag.id"),
        ({"type": "all", "rules": []}, "rules.all.rules"),
        ({"type": "not"}, "rules.not.rule"),
        ({"type": "all", "rules": [{"type": "any", "rules": [{"type": "x"}]}]}, "rules.all.rules.0.any.rules.0"),
    ],
)
def test_what_is_unknown_or_of_another_type_is_refused_at_its_place(rule, place):
    with pytest.raises(Invalid) as refusal:
        rules.read(rule)
    assert refusal.value.extra["field"].startswith(place)


def test_depth_and_size_have_a_limit():
    tag = {"type": "tag", "any_of": ["a"]}
    deep = tag
    for _ in range(rules.DEEPEST - 1):
        deep = {"type": "not", "rule": deep}
    rules.read(deep)
    with pytest.raises(Invalid, match="deeper than 8"):
        rules.read({"type": "not", "rule": deep})
    rules.read({"type": "all", "rules": [tag] * (rules.MOST_RULES - 1)})
    with pytest.raises(Invalid, match="more than 100"):
        rules.read({"type": "all", "rules": [tag] * rules.MOST_RULES})
    endless = {"type": "not", "rule": tag}
    for _ in range(5_000):
        endless = {"type": "not", "rule": endless}
    with pytest.raises(Invalid):
        rules.read(endless)


def test_a_day_is_one_of_the_calendar():
    def in_calendar(text):
        try:
            return bool(date.fromisoformat(text))
        except ValueError:
            return False

    years = (0, 1, 4, 100, 400, 1900, 2000, 2023, 2024, 2100, 9999)
    some = [f"{y:04}-{m:02}-{d:02}" for y in years for m in range(14) for d in range(33)]
    assert [each for each in some if rules.is_day(each) != in_calendar(each)] == []
    assert not any(map(rules.is_day, ("2026-1-5", "20260105", "2026-01-05\n", " 2026-01-05", "２０２６-01-05")))


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"value": float("inf")}, "a finite number"),
        ({"value": [1]}, "a finite number"),
    ],
    ids=str,
)
def test_what_is_wrong_with_a_value_is_said_of_the_value(rule, words):
    with pytest.raises(Invalid, match=words) as refusal:
        rules.read({"type": "attribute", "name": "k", "kind": "number", "op": "is"} | rule)
    assert refusal.value.extra["field"] == "rules.attribute.value"


def test_days_are_those_of_the_tenants_clock():
    assert MOMENT.today == date(2026, 3, 30)
    assert MOMENT.begin(0) == datetime(2026, 3, 29, 22, tzinfo=UTC)
    assert MOMENT.begin(2) == datetime(2026, 3, 27, 23, tzinfo=UTC)
