"""What a campaign sends is signed by the domain that it comes from, on the wire."""

import re

import make
import pytest
from chaos import crowd

from channels.email import settings as relays
from domain.delivery import engine, materialise, outlets
from domain.delivery.claim import Work
from domain.senders import domains
from kernel import db
from tests.fakes.dkim_oracle import Judge
from tests.fakes.smtp_sink import SmtpSink

MAILS = 300


def sent(tenant_id, sink) -> list[bytes]:
    with db.tenant_session(tenant_id) as session:
        crowd.no_quiet_hours(session)
        crowd.gather(session, MAILS)
        make.sender(session, "hallo@studio.example")
        campaign_id = make.started(session).id
        materialise.materialise(session, campaign_id)
    outlet = outlets.through(relays.parse(sink.url), 4)
    outcome = engine.send(tenant_id, Work(campaign_id, "email"), outlet, lease_seconds=20)
    assert outcome.sent == MAILS
    return [kept.data for kept in sink.messages]


def test_every_mail_verifies_and_covers_the_way_out(tenants):
    with db.tenant_session(tenants.a) as session:
        row = domains.add(session, domain="studio.example", actor="t")
        records = {record.name: record.value for record in domains.records(session, row)}
    judge = Judge(records)
    with SmtpSink() as sink:
        mails = sent(tenants.a, sink)
    for mail in mails:
        assert judge.verdicts(mail, 2) == [True, True]
        covered = re.sub(rb"\s", b"", re.findall(rb"\sh=([^;]+);", mail)[0]).split(b":")
        assert covered.count(b"from") == 2
        assert {b"list-unsubscribe", b"list-unsubscribe-post"} <= set(covered)
        assert mail.count(b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n") == 1


@pytest.mark.parametrize("dkim_by", ["relay", None])
def test_without_a_key_of_ours_nothing_is_signed(tenants, dkim_by):
    with db.tenant_session(tenants.b) as session:
        domains.add(session, domain="studio.example", actor="t")
    if dkim_by is not None:
        with db.tenant_session(tenants.a) as session:
            domains.add(session, domain="studio.example", dkim_by=dkim_by, actor="t")
    with SmtpSink() as sink:
        assert not any(b"DKIM-Signature" in mail for mail in sent(tenants.a, sink))
