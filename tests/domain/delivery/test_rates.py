"""The rate of a bot over all runs, judged by a window that slides over what arrived, not by our own limiter."""

import concurrent.futures
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from uuid import UUID

import make
import pytest
from chaos import crowd
from fakes.http_provider import Fault
from fakes.telegram import TOKEN, FakeTelegram
from sqlalchemy import text

from domain.campaigns import drafting
from domain.campaigns import service as campaigns
from domain.delivery import engine, materialise, outlets, queries, supply
from domain.senders import accounts
from domain.senders import service as senders
from kernel import db, settings

LIMIT, RATE = 30, 29.0  # what the provider allows, and the account is set to: the way there is not even
WORKERS = 4


@pytest.fixture
def studio(tenants) -> UUID:
    with db.tenant_session(tenants.a) as session:
        crowd.no_quiet_hours(session)
        make.sender(session)
    return tenants.a


@pytest.fixture
def telegram(database) -> Iterator[FakeTelegram]:
    before = settings.get_settings()
    with FakeTelegram() as running:
        settings.use(before.model_copy(update={"telegram_url": running.url}))
        yield running
    settings.use(before)


def fullest(times: Sequence[float], seconds: float = 1.0) -> int:
    """Return the most events in any window of so many seconds."""
    times = sorted(times)
    return max(bisect_left(times, at + seconds) - n for n, at in enumerate(times))


def bot(tenant_id: UUID, *, rate: float = RATE) -> UUID:
    with db.tenant_session(tenant_id) as session:
        account = accounts.create(
            session, kind="telegram", label="Bot", settings={}, secret=TOKEN, actor="t", rate_per_second=rate
        )
        senders.add(
            session, channel="telegram", from_name="Studio", from_address="LindenBot", reply_to=None, is_default=True,
            account_id=account.id, actor="t",
        )  # fmt: skip
        return account.id


_CHATS = text("""
INSERT INTO contact_point (id, tenant_id, member_id, channel, address, address_norm, is_primary)
SELECT new_id(), :tenant, id, 'telegram', 100000 + n, 100000 + n, true
FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM member WHERE tenant_id = :tenant) AS numbered
""")
_CONSENTS = text("""
INSERT INTO consent (id, tenant_id, member_id, channel, purpose, state, legal_basis, source, since)
SELECT new_id(), :tenant, id, 'telegram', 'marketing', 'granted', 'consent', 'test', clock_timestamp()
FROM member WHERE tenant_id = :tenant
""")


def campaign(tenant_id: UUID, n: int) -> UUID:
    with db.tenant_session(tenant_id) as session:
        crowd.gather(session, n)
        session.execute(_CHATS, {"tenant": tenant_id})
        session.execute(_CONSENTS, {"tenant": tenant_id})
        made = make.campaign(session, channel="telegram")
        words = {"text": "{greeting} komm wieder vorbei. Dein {studio}. Abmelden: /stop"}
        content = make.draft_content() | {"languages": {"de": {"telegram": words}}}
        revision = drafting.write(session, made.id, content=content, parent_id=None, actor="t")
        make.approve(session, made.id, revision)
        campaigns.start(session, made.id, actor="t")
        materialise.materialise(session, made.id)
        return made.id


def run(tenant_id: UUID, campaign_id: UUID, seconds: float) -> engine.Outcome:
    with db.tenant_session(tenant_id) as session:
        found = campaigns.get(session, campaign_id)
        outlet, work = outlets.of_campaign(session, found), supply.work_of(session, found)
    return engine.send(tenant_id, work, outlet, lease_seconds=20, seconds=seconds)


def test_four_workers_keep_telegrams_limit_and_use_it(studio, telegram):
    telegram.limits = True
    bot(studio)
    campaign_id = campaign(studio, 240)
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        outcomes = list(pool.map(lambda _: run(studio, campaign_id, 120), range(WORKERS)))
    times = sorted(seen.at for seen in telegram.requests)
    with db.tenant_session(studio) as session:
        assert queries.counts(session, campaign_id) == {"sent": 240}
    assert sum(outcome.sent for outcome in outcomes) == len(times) == 240
    assert fullest(times) <= LIMIT
    assert len(times) / (times[-1] - times[0]) >= 0.2 * RATE  # also where a machine misses most of its slots


@pytest.mark.filterwarnings("ignore:Deprecated since version v22.2")  # the library warns of its own future
def test_a_bot_that_is_told_to_wait_asks_nothing_before_in_any_run_and_loses_nobody(studio, telegram):
    bot(studio)
    campaign_id = campaign(studio, 60)
    telegram.faults.append(Fault(429, {"ok": False, "description": "x", "parameters": {"retry_after": 3}}))
    for _ in range(3):
        run(studio, campaign_id, 20)
    times = sorted(seen.at for seen in telegram.requests)
    with db.tenant_session(studio) as session:
        assert queries.counts(session, campaign_id) == {"sent": 60}
        sessions = outlets.of_campaign(session, campaigns.get(session, campaign_id)).sessions
    begun_before_its_answer_was_read = [at for at in times if at - times[0] < 3.0]
    assert len(begun_before_its_answer_was_read) <= sessions < len(times)
    assert len(times) == 61
