"""Keys and passwords change while a campaign is sent: no message fails, nothing is held, nothing goes unsigned."""

import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from uuid import UUID

import make
import pytest
from chaos import crowd
from fakes.smtp_sink import Fault, SmtpSink
from sqlalchemy import select

from domain.campaigns import service as campaigns
from domain.delivery import engine, materialise, outlets, queries, recovery, supply
from domain.senders import accounts, domains, rotation
from kernel import db, outbox, settings, vault
from models import ProviderAccount, Sender

RECIPIENTS = 400
OLD, NEW = "the first password", "the second password"


class Both:
    """A password that was changed a moment ago: the relay still takes the old one."""

    def __eq__(self, other: object) -> bool:
        return other in {OLD, NEW}

    __hash__ = None  # type: ignore[assignment]


@pytest.fixture
def sink(database) -> Iterator[SmtpSink]:
    before = settings.get_settings()
    with SmtpSink([Fault("dot", only_late=True, delay=0.01)], users={"studio": OLD}) as running:
        running.script.users["studio"] = Both()  # type: ignore[assignment]
        settings.use(before.model_copy(update={"relay_networks": "127.0.0.0/8"}))
        yield running
    settings.use(before)


@pytest.fixture
def campaign(tenants, sink) -> tuple[UUID, UUID]:
    """One that goes through an account of the tenant, signed with keys of its own."""
    with db.tenant_session(tenants.a) as session:
        crowd.no_quiet_hours(session)
        make.sender(session)
        relay = {"host": "127.0.0.1", "port": sink.port, "security": "plain", "user": "studio"}
        account = accounts.create(
            session, kind="smtp", label="relay", settings=relay, secret=OLD, actor="t", sessions=2
        )
        session.execute(select(Sender)).scalar_one().account_id = account.id
        domains.add(session, domain="studio.example", actor="t")
        crowd.gather(session, RECIPIENTS)
        campaign_id = make.started(session).id
        materialise.materialise(session, campaign_id)
    return tenants.a, campaign_id


def work(tenant_id: UUID, campaign_id: UUID) -> None:
    """Short runs until the campaign is complete; each opens the credentials anew, as a worker's task does."""
    while True:
        with db.tenant_session(tenant_id) as session:
            recovery.sweep(session)
            campaign = campaigns.get(session, campaign_id)
            if campaign.status != "sending":
                return
            outlet, mine = outlets.of_campaign(session, campaign), supply.work_of(session, campaign)
        engine.send(tenant_id, mine, outlet, lease_seconds=20, seconds=0.2)
        with db.tenant_session(tenant_id) as session:
            outbox.mark_due(session, "campaigns")


def until(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def use_keys(keys: str) -> None:
    current = settings.get_settings()
    settings.use(current.model_copy(update={"vault_keys": type(current.vault_keys)(keys)}))


def sealed_by(tenant_id: UUID) -> set[int]:
    with db.tenant_session(tenant_id) as session:
        return {vault.key_id_of(row.sealed_secret) for row in session.execute(select(ProviderAccount)).scalars()}


def test_keys_and_passwords_change_while_a_campaign_is_sent_and_no_message_fails(campaign, sink):
    tenant_id, _ = campaign
    one, two = (secrets.token_urlsafe(32) for _ in range(2))
    worker = threading.Thread(target=work, args=campaign)
    worker.start()
    seen: list[int] = []

    def progress() -> None:
        at = sink.count
        until(lambda: sink.count > at + RECIPIENTS // 10)
        seen.append(sink.count)

    for keys, current in ((f"1:{one}", 1), (f"2:{two},1:{one}", 2)):
        progress()
        use_keys(keys)
        progress()
        assert rotation.reseal_all() >= 3
        assert sealed_by(tenant_id) == {current}
    use_keys(f"2:{two}")
    progress()
    with db.tenant_session(tenant_id) as session:
        account = session.execute(select(ProviderAccount)).scalar_one()
        accounts.replace_secret(session, account.id, secret=NEW, actor="t")
    progress()
    sink.script.users["studio"] = NEW
    worker.join(120)
    assert not worker.is_alive()
    judge(campaign, sink)
    assert seen[-1] < RECIPIENTS


def judge(campaign: tuple[UUID, UUID], sink: SmtpSink) -> None:
    tenant_id, campaign_id = campaign
    with db.tenant_session(tenant_id) as session:
        assert queries.counts(session, campaign_id) == {"sent": RECIPIENTS}
        assert campaigns.get(session, campaign_id).status == "sent"
        assert session.execute(select(ProviderAccount)).scalar_one().state == "active"
    arrived = Counter(kept.message_id for kept in sink.messages)
    assert (len(arrived), set(arrived.values())) == (RECIPIENTS, {1})
    assert {kept.data.count(b"DKIM-Signature:") for kept in sink.messages} == {2}
