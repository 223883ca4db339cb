"""What providers still report for a tenant that was taken away is refused, and leaves no row behind.

The doors remember for a few seconds whose an address is. Nothing of that memory may outlive the tenant.
"""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
import texters
from fakes import twilio as twilios
from fakes.sns import TOPIC, FakeSns, complaint
from fakes.telegram import TOKEN
from pydantic import HttpUrl
from sqlalchemy import create_engine

from api import hook_callers
from ariia.inbound import _Host
from domain.delivery import return_path
from domain.privacy import tenants as ending
from domain.returns import sns
from domain.senders import accounts
from kernel import db, settings
from kernel.tokens import get_signer
from tests.domain.returns.conftest import DOMAIN, sent

BOT = {"username": "LindenBot"}
SECRET = "X-Telegram-Bot-Api-Secret-Token"


@pytest.fixture
def amazon(database, address):
    before = settings.get_settings()
    sns.forget_certificates()
    with FakeSns() as running:
        asked = {"sns_url": running.url, "egress_allow": running.url.removeprefix("http://"), "bounce_domain": DOMAIN}
        settings.use(before.model_copy(update=asked | {"public_url": HttpUrl(address)}))
        yield running
    settings.use(before)
    sns.forget_certificates()


def erased(database, tenant_id) -> dict[str, int]:
    owner = create_engine(db.driver_url(database.owner_url))
    ending.begin(owner, tenant_id, reason="x")
    list(ending.sweep(owner, tenant_id))
    owner.dispose()
    return left(database, tenant_id)


def left(database, tenant_id) -> dict[str, int]:
    owner = create_engine(db.driver_url(database.owner_url))
    with db.session_on(owner, tenant_id) as session:
        found = ending.left(session, tenant_id)
    owner.dispose()
    return {table: n for table, n in found.items() if n}


def doors(tenant_id, http, base: str, amazon: FakeSns) -> dict[str, Callable[[int], int]]:
    """One call of each provider for a tenant; the number makes it another one."""
    (mail,) = sent(tenant_id, "anna@kunde.example")
    twilio = texters.account(tenant_id)
    with db.tenant_session(tenant_id) as session:
        bot = accounts.create(session, kind="telegram", label="Bot", settings=BOT, secret=TOKEN, actor="t")
        about = {"host": "relay.example", "user": "studio", "sns_topic": TOPIC}
        relay = accounts.create(session, kind="smtp", label="SES", settings=about, secret="not shown", actor="t")
    message = texters.notice(tenant_id, twilio.id)
    texters.become(tenant_id, message, "sent")
    status = get_signer().sign("s", tenant_id, message)
    reported = complaint(return_path.address_for(tenant_id, mail.id, DOMAIN), "anna@kunde.example")

    def of_twilio(path: str, **fields: Any) -> int:
        given = {"MessageSid": "SM" + "1" * 32, "AccountSid": twilios.SID, **fields}
        return twilios.post(f"{base}/hooks/twilio/{twilio.path_token}/{path}", given, twilios.TOKEN)

    def of_bot(n: int) -> int:
        said = {"message_id": n, "date": 1_790_000_000, "chat": {"id": 7, "type": "private"}, "text": "Hallo"}
        headers = {SECRET: accounts.webhook_secret_of(bot)}
        body = json.dumps({"update_id": n, "message": said}).encode()
        return http.post(f"/hooks/telegram/{bot.path_token}", content=body, headers=headers).status_code

    def of_amazon(n: int) -> int:
        kind = {"Content-Type": "text/plain; charset=UTF-8"}
        body = amazon.message(reported)
        return http.post(f"/hooks/ses/{relay.path_token}", content=body, headers=kind).status_code

    return {
        "status": lambda n: of_twilio(f"status/{status}", MessageStatus=("sent", "delivered", "read")[n % 3]),
        "inbound": lambda n: of_twilio(
            "inbound", From=texters.PHONE, To=texters.NUMBER, Body="Hallo", MessageSid=f"SM{n:032d}"
        ),
        "telegram": of_bot,
        "ses": of_amazon,
    }


def test_late_reports_of_providers_find_nobody_and_leave_nothing(http, address, amazon, tenants, database, monkeypatch):
    monkeypatch.setattr(hook_callers.guesses, "_most", 100_000)
    ours = doors(tenants.a, http, address, amazon)
    theirs = doors(tenants.b, http, address, amazon)
    monkeypatch.setattr(hook_callers, "_FRESH_SECONDS", float("inf"))
    assert {name: call(1) // 100 for name, call in ours.items()} == dict.fromkeys(ours, 2)
    (path,) = [return_path.address_for(tenants.a, row.id, DOMAIN) for row in sent(tenants.a, "b@kunde.example")][-1:]
    host = _Host(DOMAIN)
    assert asyncio.run(host.refusal(path)) == ""
    assert erased(database, tenants.a) == {}
    for seconds in (float("inf"), 0.0):  # remembered, forgotten
        monkeypatch.setattr(hook_callers, "_FRESH_SECONDS", seconds)
        assert {name: call(2) for name, call in ours.items()} == dict.fromkeys(ours, 404)
    assert asyncio.run(host.refusal(path)).startswith("550 5.1.1")
    with pytest.raises(OSError):  # noqa: PT011 - it has no words
        asyncio.run(host.keep("", [path], b"Subject: x\r\n\r\nx"))
    assert left(database, tenants.a) == {}
    assert {name: call(3) // 100 for name, call in theirs.items()} == dict.fromkeys(theirs, 2)
