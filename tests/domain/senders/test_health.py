"""What the DNS says about a sender domain, asked over real sockets, and what the gate makes of it."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import make
import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st
from sqlalchemy import text

from domain.identity import tenants as tenancy
from domain.senders import accounts, dmarc, domains, health, lookup, service, spf
from domain.senders.findings import Published, Subject, report
from kernel import clock, db, settings
from models import Sender
from tests.fakes.dkim_oracle import Judge
from tests.fakes.dns import FakeDns

DOMAIN = "studio.example"
RELAY = "192.0.2.25"


@pytest.fixture
def dns() -> Iterator[FakeDns]:
    with FakeDns() as server:
        yield server


@pytest.fixture
def ask(dns) -> lookup.Resolver:
    return lookup.Resolver(dns.server)


@pytest.fixture
def operated(database, dns):
    """An operator's relay that is not on this machine, and our name server."""
    before = settings.get_settings()
    settings.use(before.model_copy(update={"smtp_url": f"smtp://{RELAY}:25", "dns_server": dns.server}))
    yield
    settings.use(before)


def sender_of(session, address: str = f"hallo@{DOMAIN}") -> Sender:
    make.sender(session, address)
    return tenancy.default_sender(session, "email")


def published(dns: FakeDns, tenant_id: UUID, domain_id: UUID) -> None:
    with db.tenant_session(tenant_id) as session:
        for record in domains.records(session, domains.get(session, domain_id)):
            dns.publish(record.name, record.type, record.value)


def added(tenant_id: UUID, domain: str = DOMAIN, **fields: Any) -> UUID:
    with db.tenant_session(tenant_id) as session:
        return domains.add(session, domain=domain, actor="t", **fields).id


def states(tenant_id: UUID, domain_id: UUID) -> dict[str, set[str]]:
    with db.tenant_session(tenant_id) as session:
        found: dict[str, set[str]] = {}
        for item in domains.get(session, domain_id).findings["items"]:
            found.setdefault(item["check"], set()).add(item["state"])
        return found


# The gate -----------------------------------------------------------------------------------------------------------


def test_mail_through_a_real_relay_waits_until_the_domain_is_aligned(tenants, dns, operated):
    with db.tenant_session(tenants.a) as session:
        sender = sender_of(session)
        assert health.obstacle(session, sender) == "sender_domain_missing"
    domain_id = added(tenants.a)
    with db.tenant_session(tenants.a) as session:
        assert health.obstacle(session, service.get(session, sender.id)) == "sender_unchecked"
    dns.publish(DOMAIN, "MX", "10 mx.studio.example.")
    health.examine(tenants.a, domain_id)
    with db.tenant_session(tenants.a) as session:
        assert health.obstacle(session, service.get(session, sender.id)) == "sender_unaligned"
    published(dns, tenants.a, domain_id)
    health.examine(tenants.a, domain_id)
    with db.tenant_session(tenants.a) as session:
        assert health.obstacle(session, service.get(session, sender.id)) is None
    assert states(tenants.a, domain_id)["dkim"] == {"good"}


def test_a_result_of_a_week_ago_counts_no_more(tenants, dns, operated):
    domain_id = added(tenants.a)
    published(dns, tenants.a, domain_id)
    checked = health.examine(tenants.a, domain_id).checked_at
    try:
        with db.tenant_session(tenants.a) as session:
            sender = sender_of(session)
            for age, expected in ((timedelta(days=7), None), (timedelta(days=7, seconds=1), "sender_unchecked")):
                clock.set_source(lambda age=age: checked + age)
                assert health.obstacle(session, sender) == expected
    finally:
        clock.set_source(None)


@pytest.mark.parametrize("url", [None, "smtp://127.0.0.1:2525", "smtp://localhost:25", "smtp://[::1]:25"])
def test_the_mailbox_and_a_relay_on_this_machine_ask_nothing(tenants, operated, url):
    settings.use(settings.get_settings().model_copy(update={"smtp_url": url}))
    with db.tenant_session(tenants.a) as session:
        assert health.obstacle(session, sender_of(session)) is None


def test_the_relay_of_the_sender_decides_and_not_the_operators(tenants, operated):
    settings.use(settings.get_settings().model_copy(update={"smtp_url": None}))
    with db.tenant_session(tenants.a) as session:
        sender = sender_of(session)
        account = accounts.create(
            session, kind="smtp", label="x", settings={"host": "relay.example", "user": "u"}, secret="pw", actor="t"
        )
        service.send_through(session, sender.id, account.id, actor="t")
        assert health.obstacle(session, sender) == "sender_domain_missing"


def test_another_tenants_domain_counts_for_nobody_else(tenants, dns, operated):
    domain_id = added(tenants.b)
    published(dns, tenants.b, domain_id)
    health.examine(tenants.b, domain_id)
    with db.tenant_session(tenants.a) as session:
        assert health.obstacle(session, sender_of(session)) == "sender_domain_missing"
        assert domains.signers_for(session, DOMAIN) is None


def test_texts_have_no_domain(tenants, operated):
    with db.tenant_session(tenants.a) as session:
        assert health.obstacle(session, Sender(channel="sms", from_address="+4915112345678")) is None


def test_a_name_server_that_is_away_takes_nothing_back(tenants, dns, operated):
    domain_id = added(tenants.a)
    published(dns, tenants.a, domain_id)
    before = health.examine(tenants.a, domain_id).checked_at
    dns.broken |= {name for name, _ in dns.records} | {DOMAIN, f"_dmarc.{DOMAIN}", "_dmarc.example"}
    after = health.examine(tenants.a, domain_id)
    assert (after.aligned, after.checked_at) == (True, before)
    assert states(tenants.a, domain_id)["dkim"] == {"unknown"}


def test_a_look_is_repeated_a_day_later_by_itself_and_once(tenants, dns, operated):
    domain_id = added(tenants.a)
    for _ in range(2):
        health.examine(tenants.a, domain_id)
    asked = dns.asked.total()
    health.examine_again(tenants.a, domain_id)
    assert dns.asked.total() == asked
    with db.tenant_session(tenants.a) as session:
        rows = session.execute(text("SELECT due_at - clock_timestamp() FROM outbox WHERE task = 'domains.check'"))
        assert all(timedelta(hours=23) < gap <= timedelta(days=1) for gap in rows.scalars())
        session.execute(text("UPDATE sender_domain SET checked_at = checked_at - interval '21 hours'"))
    health.examine_again(tenants.a, domain_id)
    assert dns.asked.total() > asked


# Keys ---------------------------------------------------------------------------------------------------------------


def test_the_records_shown_are_those_that_verify(tenants):
    added(tenants.a)
    with db.tenant_session(tenants.a) as session:
        row = domains.named(session, DOMAIN)
        records = domains.records(session, row)
        signer = domains.signers_for(session, DOMAIN)
    signed = signer.sign(b"From: a@studio.example\r\nSubject: x\r\n\r\nHallo\r\n")
    assert Judge({record.name: record.value for record in records}).verdicts(signed, 2) == [True, True]
    for record in records:
        pieces = record.zone_line.partition(" TXT ")[2].strip('"').split('" "')
        assert "".join(pieces) == record.value
        assert all(len(piece) <= 255 for piece in pieces)


def test_new_keys_sign_once_their_records_are_found(tenants, dns, operated):
    domain_id = added(tenants.a)
    published(dns, tenants.a, domain_id)
    with db.tenant_session(tenants.a) as session:
        row = domains.renew_keys(session, domain_id, actor="t")
        old = {key.selector for key in domains.keys_of(session, row, "active")}
        new = {key.selector for key in domains.keys_of(session, row, "next")}

    def active() -> set[str]:
        with db.tenant_session(tenants.a) as session:
            return {key.selector for key in domains.keys_of(session, domains.get(session, domain_id), "active")}

    assert health.examine(tenants.a, domain_id).aligned
    assert active() == old
    published(dns, tenants.a, domain_id)
    assert health.examine(tenants.a, domain_id).aligned
    assert active() == new
    with db.tenant_session(tenants.a) as session:
        signed = domains.signers_for(session, DOMAIN).sign(b"From: a@studio.example\r\n\r\n")
    assert all(selector.encode() in signed for selector in new)


def test_where_the_relay_signs_we_do_not(tenants):
    domain_id = added(tenants.a, dkim_by="relay")
    with db.tenant_session(tenants.a) as session:
        assert domains.signers_for(session, DOMAIN) is None
        assert domains.records(session, domains.get(session, domain_id)) == []
        domains.change(session, domain_id, dkim_by="self", actor="t")
        assert domains.signers_for(session, DOMAIN) is not None


# DKIM findings ------------------------------------------------------------------------------------------------------


KEY = Published("s1", "rsa", "AAAA", "active")


@pytest.mark.parametrize(
    ("records", "aligned"),
    [
        (["v=DKIM1; k=rsa; p=AAAA"], True),
        (["p=AA AA"], True),
        (["k=rsa;p=AAAA;t=s"], True),
        ([], False),
        (["v=DKIM1; k=rsa; p=BBBB"], False),
        (["v=DKIM1; k=ed25519; p=AAAA"], False),
        (["v=DKIM1; k=rsa; p="], False),
        (["v=DKIM2; p=AAAA"], False),
        (["v=DKIM1; p=AAAA", "v=DKIM1; p=BBBB"], False),
        (["v=spf1 -all"], False),
    ],
)
def test_the_record_must_hold_our_key(dns, ask, records, aligned):
    dns.publish(f"s1._domainkey.{DOMAIN}", "TXT", *records)
    assert report(ask, Subject(DOMAIN, "self", [KEY])).aligned is aligned


def test_an_ed25519_key_alone_does_not_align(dns, ask):
    dns.publish(f"e1._domainkey.{DOMAIN}", "TXT", "v=DKIM1; k=ed25519; p=EEEE")
    keys = [KEY, Published("e1", "ed25519", "EEEE", "active")]
    assert report(ask, Subject(DOMAIN, "self", keys)).aligned is False


@pytest.mark.parametrize(
    ("relay_domain", "policy", "aligned"),
    [
        (DOMAIN, "v=DMARC1; p=reject; adkim=s", True),
        ("mail.studio.example", "v=DMARC1; p=reject", True),
        ("mail.studio.example", "v=DMARC1; p=reject; adkim=s", False),
        ("provider.example", "v=DMARC1; p=none", False),
    ],
)
def test_a_signing_relay_counts_as_the_policy_says(dns, ask, relay_domain, policy, aligned):
    dns.publish(f"_dmarc.{DOMAIN}", "TXT", policy)
    dns.publish(f"k1._domainkey.{relay_domain}", "TXT", "v=DKIM1; p=XXXX")
    subject = Subject(DOMAIN, "relay", relay_domain=relay_domain, relay_selector="k1")
    assert report(ask, subject).aligned is aligned


def test_a_signing_relay_without_a_selector_proves_nothing(dns, ask):
    assert report(ask, Subject(DOMAIN, "relay")).aligned is False


# DMARC --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("records", "domain", "organisation", "policy"),
    [
        ({}, "a.studio.example", "a.studio.example", None),
        ({"studio.example": "v=DMARC1; p=reject"}, "studio.example", "studio.example", "reject"),
        ({"studio.example": "v=DMARC1; p=reject; sp=none"}, "news.studio.example", "studio.example", "none"),
        ({"studio.example": "v=DMARC1; p=quarantine"}, "a.b.studio.example", "studio.example", "quarantine"),
        (
            {"studio.example": "v=DMARC1; p=reject", "a.studio.example": "v=DMARC1; p=none; psd=n"},
            "b.a.studio.example", "a.studio.example", "none",
        ),
        ({"co.example": "v=DMARC1; p=none; psd=y"}, "news.studio.co.example", "studio.co.example", "none"),
        ({"studio.example": "v=DMARC1 p=reject"}, "studio.example", "studio.example", None),
        ({"studio.example": "v=spf1 -all"}, "studio.example", "studio.example", None),
        ({"studio.example": "v=DMARC1; p=everything"}, "studio.example", "studio.example", "none"),
    ],
)  # fmt: skip
def test_the_tree_walk_finds_policy_and_organisation(dns, ask, records, domain, organisation, policy):
    for name, record in records.items():
        dns.publish(f"_dmarc.{name}", "TXT", record)
    found = dmarc.check(ask, domain)
    assert (found.organisational_domain, found.policy) == (organisation, policy)


def test_a_long_name_costs_eight_questions(dns, ask):
    name = ".".join("abcdefghijklm") + ".example"
    dmarc.check(ask, name)
    assert len(dns.asked) == 8
    assert ("_dmarc.h.i.j.k.l.m.example", "TXT") in dns.asked


def test_two_policies_count_as_none(dns, ask):
    dns.publish(f"_dmarc.{DOMAIN}", "TXT", "v=DMARC1; p=reject", "v=DMARC1; p=none")
    assert dmarc.check(ask, DOMAIN).policy is None


@given(st.text(max_size=60))
def test_any_text_is_a_policy_or_none(text_):
    assert isinstance(dmarc.parse(text_), dict)
    assert isinstance(dmarc.parse("v=DMARC1;" + text_), dict)


# SPF ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("records", "result", "lookups"),
    [
        ({DOMAIN: "v=spf1 ip4:192.0.2.0/24 -all"}, "pass", 0),
        ({DOMAIN: "v=spf1 ip4:198.51.100.0/24 -all"}, "fail", 0),
        ({DOMAIN: "v=spf1 ip4:198.51.100.1 ~all"}, "softfail", 0),
        ({DOMAIN: "v=spf1 ?all"}, "neutral", 0),
        ({DOMAIN: "v=spf1"}, "neutral", 0),
        ({DOMAIN: "v=spf1 -ip4:192.0.2.25 +all"}, "fail", 0),
        ({DOMAIN: "v=spf1 a:relay.example -all"}, "pass", 1),
        ({DOMAIN: "v=spf1 a:relay.example/24 -all"}, "pass", 1),
        ({DOMAIN: "v=spf1 mx -all"}, "pass", 1),
        ({DOMAIN: "v=spf1 include:p.example -all", "p.example": "v=spf1 ip4:192.0.2.25 -all"}, "pass", 1),
        ({DOMAIN: "v=spf1 include:p.example ~all", "p.example": "v=spf1 -all"}, "softfail", 1),
        ({DOMAIN: "v=spf1 redirect=p.example", "p.example": "v=spf1 ip4:192.0.2.25 -all"}, "pass", 1),
        ({DOMAIN: "v=spf1 redirect=p.example -all"}, "fail", 0),
        ({DOMAIN: "v=spf1 exists:%{i}.list.example -all"}, "pass", 1),
        ({}, "none", 0),
        ({DOMAIN: "v=spf10 -all"}, "none", 0),
        ({DOMAIN: "v=spf1 include:away.example -all"}, "permerror", 0),
        ({DOMAIN: "v=spf1 include:studio.example -all"}, "permerror", 0),
        ({DOMAIN: "v=spf1 ipv4:192.0.2.25 -all"}, "permerror", 0),
        ({DOMAIN: "v=spf1 ip4:192.0.2.300 -all"}, "permerror", 0),
        ({DOMAIN: "v=spf1 include -all"}, "permerror", 0),
        ({DOMAIN: "v=spf1 redirect=away.example"}, "permerror", 0),
    ],
)
def test_spf_answers_as_receivers_do(dns, ask, records, result, lookups):
    dns.publish("relay.example", "A", RELAY)
    dns.publish("192.0.2.25.list.example", "A", "127.0.0.2")
    dns.publish(DOMAIN, "MX", "10 relay.example.")
    for name, record in records.items():
        dns.publish(name, "TXT", record, "another text")
    found = spf.check(ask, DOMAIN, RELAY)
    assert (found.result, found.lookups) == (result, lookups)


@pytest.mark.parametrize(("count", "result"), [(10, "pass"), (11, "permerror")])
def test_ten_lookups_are_allowed_over_the_whole_chain(dns, ask, count, result):
    for n in range(count):
        dns.publish(f"i{n}.example", "TXT", f"v=spf1 include:i{n + 1}.example -all" if n < count - 1 else "v=spf1 +all")
    dns.publish(DOMAIN, "TXT", "v=spf1 include:i0.example -all")
    assert spf.check(ask, DOMAIN, RELAY).result == result


def test_two_names_may_be_missing_and_no_more(dns, ask):
    for names, result in (("a:x.example a:y.example", "fail"), ("a:x.example a:y.example a:z.example", "permerror")):
        dns.publish(DOMAIN, "TXT", f"v=spf1 {names} -all")
        assert spf.check(ask, DOMAIN, RELAY).result == result


def test_two_spf_records_are_an_error(dns, ask):
    dns.publish(DOMAIN, "TXT", "v=spf1 -all", "v=spf1 +all")
    assert spf.check(ask, DOMAIN, RELAY).result == "permerror"


def test_spf_that_passes_aligns_without_a_signature(dns, ask):
    dns.publish(DOMAIN, "TXT", f"v=spf1 ip4:{RELAY} -all")
    assert report(ask, Subject(DOMAIN, "relay", relays=[RELAY])).aligned is True
    assert report(ask, Subject(DOMAIN, "relay", relays=[RELAY, "203.0.113.1"])).aligned is False


@pytest.mark.parametrize(
    ("return_path", "policy", "aligned"),
    [
        ("bounce.studio.example", "v=DMARC1; p=reject", True),
        ("bounce.studio.example", "v=DMARC1; p=reject; aspf=s", False),
        ("bounces.operator.example", "v=DMARC1; p=reject", False),
    ],
)
def test_spf_counts_for_the_domain_that_mail_returns_to(dns, ask, return_path, policy, aligned):
    dns.publish(f"_dmarc.{DOMAIN}", "TXT", policy)
    dns.publish(return_path, "TXT", f"v=spf1 ip4:{RELAY} -all")
    subject = Subject(DOMAIN, "relay", relays=[RELAY], return_path=return_path)
    assert report(ask, subject).aligned is aligned


@limits(max_examples=300)
@given(st.lists(st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20), max_size=6))
def test_any_spf_record_is_understood_or_refused(words):
    try:
        terms, _ = spf.parse(" ".join(["v=spf1", *words]))
    except spf.Broken:
        return
    assert all(term.result in {"pass", "fail", "softfail", "neutral"} for term in terms)


# The rest -----------------------------------------------------------------------------------------------------------


def test_a_relay_named_by_its_address_needs_a_name_that_leads_back(dns, ask):
    def state() -> str:
        found = report(ask, Subject(DOMAIN, "relay", relays=[RELAY])).findings
        return next(item.state for item in found if item.check == "ptr")

    assert state() == "problem"
    dns.publish("25.2.0.192.in-addr.arpa", "PTR", "relay.example.")
    assert state() == "problem"
    dns.publish("relay.example", "A", "203.0.113.9", RELAY)
    assert state() == "good"


@pytest.mark.parametrize(("records", "state"), [(["10 mx.example."], "good"), (["0 ."], "problem"), ([], "problem")])
def test_a_domain_that_takes_no_mail_loses_its_answers(dns, ask, records, state):
    dns.publish(DOMAIN, "MX", *records)
    found = report(ask, Subject(DOMAIN, "relay")).findings
    assert next(item.state for item in found if item.check == "mx") == state


def test_silence_is_not_an_answer(dns, ask):
    dns.silent.add(f"_dmarc.{DOMAIN}")
    ask._resolver.lifetime = 0.3
    found = report(ask, Subject(DOMAIN, "self", [KEY]))
    assert (found.policy, found.findings[0].state) == (None, "unknown")
