"""The door of Amazon SES: only what Amazon SNS signed gets in, for the account's topic, about the tenant's own mail."""

import concurrent.futures
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from fakes.http_provider import Fault
from fakes.sns import HOST, TOPIC, FakeSns, bounce, complaint, delivery
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from api import hook_callers
from api.routes import hooks
from channels.email import sns as messages
from domain.delivery import return_path
from domain.returns import mail, sns
from domain.senders import accounts, topics
from kernel import clock, db, settings
from models import AddressHealth, InboundMail, Message, MessageEvent, ProviderAccount, Suppression
from tests.domain.returns.conftest import DOMAIN, sent

ANNA = "anna@kunde.example"
NOBODY = "smtp; 550 5.1.1 <anna@kunde.example>: user unknown"


@pytest.fixture
def amazon(database) -> Iterator[FakeSns]:
    before = settings.get_settings()
    sns.forget_certificates()
    with FakeSns() as running:
        asked = {"sns_url": running.url, "egress_allow": running.url.removeprefix("http://"), "bounce_domain": DOMAIN}
        settings.use(before.model_copy(update=asked))
        yield running
    settings.use(before)
    sns.forget_certificates()


def relay(tenant_id: UUID, **about: str) -> ProviderAccount:
    with db.tenant_session(tenant_id) as session:
        kept = {"host": "relay.example", "user": "studio"} | about
        return accounts.create(session, kind="smtp", label="SES", settings=kept, secret="not shown", actor="t")


@pytest.fixture
def account(tenants) -> ProviderAccount:
    return relay(tenants.a, sns_topic=TOPIC)


def post(http: httpx2.Client, account: ProviderAccount, body: bytes) -> int:
    kind = {"Content-Type": "text/plain; charset=UTF-8"}
    return http.post(f"/hooks/ses/{account.path_token}", content=body, headers=kind).status_code


def worked(tenant_id: UUID) -> list[str]:
    """Read what was kept; returns what came of it."""
    with db.tenant_session(tenant_id) as session:
        ids = session.execute(select(InboundMail.id).where(InboundMail.outcome.is_(None))).scalars().all()
        return [mail.read(session, each) for each in ids]


def path_of(tenant_id: UUID, message: Message) -> str:
    return return_path.address_for(tenant_id, message.id, DOMAIN)


def suppressed(tenant_id: UUID) -> list[tuple[str, str]]:
    with db.tenant_session(tenant_id) as session:
        return [(row.address_norm, row.reason) for row in session.execute(select(Suppression)).scalars()]


def state(tenant_id: UUID, message: Message) -> str:
    with db.tenant_session(tenant_id) as session:
        return session.execute(select(Message.state).where(Message.id == message.id)).scalar_one()


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_hard_bounce_suppresses_the_address(http, amazon, account, tenants, version):
    (message,) = sent(tenants.a, ANNA)
    text = bounce(path_of(tenants.a, message), ANNA, sub="NoEmail", said=NOBODY)
    assert post(http, account, amazon.message(text, version=version)) == 204
    assert worked(tenants.a) == ["hard"]
    assert (state(tenants.a, message), suppressed(tenants.a)) == ("bounced", [(ANNA, "hard_bounce")])
    assert suppressed(tenants.b) == []


@pytest.mark.parametrize(
    ("kind", "sub", "said", "outcome"),
    [
        ("Permanent", "NoEmail", "", "hard"),
        ("Permanent", "Suppressed", "smtp; 554 suppressed", "hard"),
        ("Permanent", "OnAccountSuppressionList", "", "soft"),
        ("Transient", "MailboxFull", "smtp; 552 5.2.2 over quota", "soft"),
        ("Transient", "General", "smtp; 450 4.1.1 user unknown", "soft"),
        ("Transient", "MessageTooLarge", "", "sender_fault"),
        ("Permanent", "General", "smtp; 554 5.7.1 blocked using bl.list.example", "sender_fault"),
        ("Undetermined", "Undetermined", "", "soft"),
    ],
)
def test_each_kind_of_bounce_has_the_consequences_that_a_report_by_mail_has(
    http, amazon, account, tenants, kind, sub, said, outcome
):
    (message,) = sent(tenants.a, ANNA)
    text = bounce(path_of(tenants.a, message), ANNA, kind=kind, sub=sub, said=said)
    assert post(http, account, amazon.message(text)) == 204
    assert worked(tenants.a) == [outcome]
    assert bool(suppressed(tenants.a)) is (outcome == "hard")
    with db.tenant_session(tenants.a) as session:
        assert bool(session.execute(select(AddressHealth.softs)).all()) is (outcome == "soft")


def test_a_complaint_ends_marketing_and_one_that_is_taken_back_does_not(http, amazon, account, tenants):
    anna, ben = sent(tenants.a, ANNA, "ben@kunde.example")
    assert post(http, account, amazon.message(complaint(path_of(tenants.a, anna), ANNA))) == 204
    spared = complaint(path_of(tenants.a, ben), "ben@kunde.example", kind="not-spam")
    assert post(http, account, amazon.message(spared)) == 204
    assert sorted(worked(tenants.a)) == ["complained", "kept"]
    assert suppressed(tenants.a) == [(ANNA, "complained")]


def test_a_delivery_is_proof(http, amazon, account, tenants):
    (message,) = sent(tenants.a, ANNA)
    assert post(http, account, amazon.message(delivery(path_of(tenants.a, message), ANNA))) == 204
    assert worked(tenants.a) == ["delivered"]
    assert state(tenants.a, message) == "delivered"


def test_what_amazon_repeats_counts_once(http, amazon, account, tenants):
    (message,) = sent(tenants.a, ANNA)
    body = amazon.message(bounce(path_of(tenants.a, message), ANNA, kind="Transient", sub="MailboxFull"))
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        assert set(pool.map(lambda _: post(http, account, body), range(12))) == {204}
    assert worked(tenants.a) == ["soft"]
    with db.tenant_session(tenants.a) as session:
        assert session.execute(select(AddressHealth.softs)).scalar_one() == 1
        kinds = session.execute(select(MessageEvent.kind).where(MessageEvent.message_id == message.id)).scalars()
        assert list(kinds).count("bounced") == 1


def test_without_our_return_path_the_message_id_binds_and_nothing_else(http, amazon, account, tenants):
    (message,) = sent(tenants.a, ANNA)
    own = f"{message.id}@studio.example"
    assert (
        post(http, account, amazon.message(bounce("hallo@studio.example", ANNA, message_id=own, sub="NoEmail"))) == 204
    )
    assert worked(tenants.a) == ["hard"]
    other = f"{uuid4()}@studio.example"
    for source, known in (("hallo@studio.example", ""), ("", other), (f"b+{'a' * 61}@{DOMAIN}", "")):
        assert post(http, account, amazon.message(complaint(source, ANNA, message_id=known))) == 204
    assert worked(tenants.a) == []


def test_a_topic_of_one_tenant_says_nothing_about_anothers_mail(http, amazon, account, tenants):
    (theirs,) = sent(tenants.b, ANNA)
    for source, known in ((path_of(tenants.b, theirs), ""), ("hallo@studio.example", f"{theirs.id}@studio.example")):
        text = bounce(source, ANNA, sub="NoEmail", message_id=known)
        assert post(http, account, amazon.message(text)) == 204
    assert worked(tenants.a) == worked(tenants.b) == []
    assert state(tenants.b, theirs) == "sent"


def test_a_subscription_is_confirmed_for_the_topic_of_the_account_alone(http, amazon, account, tenants):
    asked = amazon.message("You have chosen to subscribe", kind="SubscriptionConfirmation")
    assert post(http, account, asked) == 204
    assert amazon.confirmed == [(TOPIC, json.loads(asked)["Token"])]
    foreign = amazon.message("", kind="SubscriptionConfirmation", TopicArn=TOPIC + "-of-another")
    assert post(http, account, foreign) == 403
    for url in (
        f"{HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC}-of-another&Token=t",
        f"{HOST}/?Action=DeleteTopic&TopicArn={TOPIC}",
        f"https://sns.eu-central-1.amazonaws.com.example/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=t",
        f"http://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=t",
    ):
        assert post(http, account, amazon.message("", kind="SubscriptionConfirmation", SubscribeURL=url)) == 403
    assert post(http, relay(tenants.b), asked) == 403
    assert len(amazon.confirmed) == 1
    assert post(http, account, amazon.message("", kind="UnsubscribeConfirmation")) == 204


def test_nothing_that_is_not_amazons_gets_in(http, amazon, account, tenants):
    (message,) = sent(tenants.a, ANNA)
    good = amazon.message(bounce(path_of(tenants.a, message), ANNA, sub="NoEmail"))
    data = json.loads(good)
    served = amazon.certificates_served
    forged = [
        b"", b"[]", b"{}", b"not json", b'{"Type": "Notification"}', b"[" * 200_000,
        json.dumps(data | {"Message": data["Message"].replace("anna", "eve")}).encode(),
        json.dumps(data | {"MessageId": "another"}).encode(),
        json.dumps(data | {"Subject": "added"}).encode(),
        json.dumps(data | {"Signature": "AAAA"}).encode(),
        json.dumps(data | {"Signature": "not base64!"}).encode(),
        json.dumps({k: v for k, v in data.items() if k != "Signature"}).encode(),
        amazon.message("x", version="3"),
        amazon.message("x", TopicArn="arn:aws:sns:eu-central-1:123456789012:other"),
    ]  # fmt: skip
    assert {post(http, account, body) for body in forged} == {403}
    asked_before = len(amazon.requests)
    elsewhere = [
        "https://evil.example/SimpleNotificationService-1.pem",
        "https://sns.eu-central-1.amazonaws.com.evil.example/SimpleNotificationService-1.pem",
        "https://user@sns.eu-central-1.amazonaws.com/SimpleNotificationService-1.pem",
        "https://sns.eu-central-1.amazonaws.com:8443/SimpleNotificationService-1.pem",
        "http://sns.eu-central-1.amazonaws.com/SimpleNotificationService-1.pem",
        "https://sns.eu-central-1.amazonaws.com/other/SimpleNotificationService-1.pem",
        "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-1.pem?x=1",
        "https://bucket.s3.amazonaws.com/SimpleNotificationService-1.pem",
        "",
    ]
    assert {post(http, account, amazon.message("x", SigningCertURL=url)) for url in elsewhere} == {403}
    assert len(amazon.requests) == asked_before
    assert amazon.certificates_served - served <= 1
    assert worked(tenants.a) == []
    assert post(http, account, good) == 204


def test_a_certificate_counts_while_it_is_valid_and_for_its_own_key(http, amazon, account):
    now = datetime.now(UTC)
    for valid in (
        (now - timedelta(days=9), now - timedelta(days=1)),
        (now + timedelta(days=1), now + timedelta(days=9)),
    ):
        amazon.valid = valid
        sns.forget_certificates()
        assert post(http, account, amazon.message("x")) == 403
    amazon.valid = (now - timedelta(days=1), now + timedelta(days=9))
    sns.forget_certificates()
    assert post(http, account, amazon.message("x")) == 204
    amazon.key = rsa.generate_private_key(65_537, 2_048)
    assert post(http, account, amazon.message("x")) == 403


def test_the_certificate_is_fetched_once_and_amazons_silence_is_no_refusal(http, amazon, account):
    amazon.faults.extend([Fault(status=500, body="no"), Fault(drop_before=True)])
    body = amazon.message("hello")
    assert [post(http, account, body) for _ in range(2)] == [503, 503]
    assert [post(http, account, amazon.message("hello")) for _ in range(5)] == [204] * 5
    assert amazon.certificates_served == 1
    amazon.faults.append(Fault(status=500, body="no"))
    asked = amazon.message("", kind="SubscriptionConfirmation")
    assert [post(http, account, asked) for _ in range(2)] == [503, 204]


def test_an_address_that_was_never_given_out_is_not_found(http, amazon):
    assert http.post("/hooks/ses/never-given-out", content=amazon.message("x")).status_code == 404
    assert hooks.NotReachable.status == 503


def test_the_account_shows_where_amazon_shall_report(clients):
    about = {"host": "email-smtp.eu-central-1.amazonaws.com", "user": "studio", "sns_topic": TOPIC}
    made = clients[0].post("/accounts", {"kind": "smtp", "label": "SES", "settings": about, "secret": "not shown"})
    assert made.status_code == 201, made.text
    assert made.json()["webhook_path"].startswith("/hooks/ses/")
    without = {"kind": "smtp", "label": "Relay", "settings": {"host": "relay.example"}, "secret": ""}
    assert clients[0].post("/accounts", without).json()["webhook_path"] is None
    wrong = {"kind": "smtp", "label": "SES", "settings": about | {"sns_topic": "arn:aws:s3:::b"}, "secret": "not shown"}
    assert clients[0].post("/accounts", wrong).status_code == 422


NEXT = TOPIC + "-next"


def heard(tenant_id: UUID, account: ProviderAccount) -> tuple[str | None, str | None]:
    with db.tenant_session(tenant_id) as session:
        row = accounts.get(session, account.id)
        return topics.of(row), row.next_sns_topic


def test_another_topic_takes_over_when_it_is_confirmed_and_no_report_is_lost_in_between(
    clients, http, amazon, account, tenants, monkeypatch
):
    monkeypatch.setattr(hook_callers, "_AGAIN_SECONDS", -1.0)  # what does not fit is looked up anew each time
    path = f"/accounts/{account.id}/sns-topic"
    anna, ben = sent(tenants.a, ANNA, "ben@kunde.example")
    assert clients[1].call("PUT", path, {"sns_topic": NEXT}).status_code == 404
    assert clients[0].call("PUT", path, {"sns_topic": "arn:aws:s3:::b"}).status_code == 422
    shown = clients[0].call("PUT", path, {"sns_topic": NEXT}).json()
    assert (shown["settings"]["sns_topic"], shown["next_sns_topic"]) == (TOPIC, NEXT)
    report = amazon.message(bounce(path_of(tenants.a, ben), "ben@kunde.example", sub="NoEmail", said=""), TopicArn=NEXT)
    assert post(http, account, report) == 403  # nobody confirmed that it shall report
    assert (
        post(http, account, amazon.message(bounce(path_of(tenants.a, anna), ANNA, sub="NoEmail", said=NOBODY))) == 204
    )
    confirming = amazon.message("", kind="SubscriptionConfirmation", TopicArn=NEXT)
    amazon.faults.append(Fault(status=500, body="no"))
    assert post(http, account, confirming) == 503
    assert heard(tenants.a, account) == (TOPIC, NEXT)
    assert post(http, account, confirming) == 204
    assert heard(tenants.a, account) == (NEXT, None)
    assert post(http, account, amazon.message("late")) == 403
    assert post(http, account, report) == 204
    assert worked(tenants.a) == ["hard", "hard"]
    assert clients[0].call("PUT", path, {"sns_topic": None}).json()["webhook_path"] is None
    assert post(http, account, amazon.message("later", TopicArn=NEXT)) == 403


def test_the_first_topic_counts_at_once_and_a_plan_to_change_can_be_dropped(clients, tenants):
    bare = relay(tenants.a)
    path = f"/accounts/{bare.id}/sns-topic"
    assert clients[0].call("PUT", path, {"sns_topic": TOPIC}).json()["webhook_path"].startswith("/hooks/ses/")
    assert clients[0].call("PUT", path, {"sns_topic": NEXT}).json()["next_sns_topic"] == NEXT
    again = clients[0].call("PUT", path, {"sns_topic": TOPIC}).json()
    assert (again["settings"]["sns_topic"], again["next_sns_topic"]) == (TOPIC, None)
    with db.tenant_session(tenants.a) as session:
        bot = accounts.create(
            session, kind="telegram", label="bot", settings={}, secret="123456:" + "a" * 35, actor="t"
        )  # fmt: skip
    assert clients[0].call("PUT", f"/accounts/{bot.id}/sns-topic", {"sns_topic": TOPIC}).status_code == 409


FAKE = FakeSns()


@given(
    st.sampled_from(["Message", "MessageId", "Timestamp", "TopicArn", "Subject"]),
    st.text(st.characters(codec="utf-8"), max_size=20),
    st.sampled_from(["1", "2"]),
)
def test_no_signed_field_can_be_changed(name, other, version):
    body = FAKE.message("what was said", version=version, Subject="about")
    messages.check(messages.read(body), FAKE.certificate.encode(), clock.now())
    data = json.loads(body)
    if data[name] != other:
        changed = messages.read(json.dumps(data | {name: other}).encode())
        with pytest.raises(messages.BadMessage):
            messages.check(changed, FAKE.certificate.encode(), clock.now())
