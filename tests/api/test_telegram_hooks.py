"""The door of bots: nobody without the bot's secret gets in, and what comes in has its effect once."""

import concurrent.futures
import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import httpx2
import pytest
from fakes.telegram import TOKEN, FakeTelegram
from sqlalchemy import select, text

from domain.audience import service as audience
from domain.senders import accounts
from kernel import db, settings
from models import Consent, ContactPoint, ConversationMessage, ProviderAccount, Suppression

SECRET = "X-Telegram-Bot-Api-Secret-Token"
CHAT = 4_242
WORDING = "Mit Start bekomme ich Angebote von Studio Linde per Telegram."


@pytest.fixture
def telegram(database) -> Iterator[FakeTelegram]:
    before = settings.get_settings()
    with FakeTelegram() as running:
        settings.use(before.model_copy(update={"telegram_url": running.url}))
        yield running
    settings.use(before)


def a_bot(tenant_id: UUID) -> ProviderAccount:
    with db.tenant_session(tenant_id) as session:
        about = {"username": "LindenBot"}
        return accounts.create(session, kind="telegram", label="Bot", settings=about, secret=TOKEN, actor="t")


@pytest.fixture
def bot(tenants) -> ProviderAccount:
    return a_bot(tenants.a)


def update(number: int, words: str, *, chat: int = CHAT) -> dict[str, Any]:
    message = {"message_id": number, "date": 1_790_000_000, "chat": {"id": chat, "type": "private"}, "text": words}
    return {"update_id": number, "message": message}


def post(http: httpx2.Client, bot: ProviderAccount, payload: Any, **headers: str | bytes) -> int:
    given = {SECRET: accounts.webhook_secret_of(bot)} | headers
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return http.post(f"/hooks/telegram/{bot.path_token}", content=body, headers=given).status_code


def rows(tenant_id: UUID) -> dict[str, int]:
    tables = ("conversation", "conversation_message", "suppression", "notice", "telegram_update", "contact_point")
    with db.tenant_session(tenant_id) as session:
        return {table: session.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() for table in tables}


def test_without_the_bots_own_secret_nothing_is_written(http, tenants, bot):
    other, foreign = a_bot(tenants.a), a_bot(tenants.b)
    before = rows(tenants.a), rows(tenants.b)
    right = accounts.webhook_secret_of(bot)
    wrong = ["", "x", right[:-1], right + "x", right.swapcase(), accounts.webhook_secret_of(other)]
    for secret in [*wrong, accounts.webhook_secret_of(foreign), b"\xe9"]:
        assert post(http, bot, update(1, "/stop"), **{SECRET: secret}) == 403
    without = http.post(f"/hooks/telegram/{bot.path_token}", json=update(1, "/stop"))
    assert without.status_code == 403
    assert without.json()["code"] == "bad_signature"
    assert (rows(tenants.a), rows(tenants.b)) == before


def test_an_address_that_was_never_given_out_is_not_found(http, bot):
    for path in ("x", "x" * 43, str(bot.id), bot.path_token[:-1], f"{bot.path_token}x"):
        answer = http.post(f"/hooks/telegram/{path}", json={}, headers={SECRET: accounts.webhook_secret_of(bot)})
        assert answer.status_code == 404
    assert http.get(f"/hooks/telegram/{bot.path_token}").status_code == 405


def test_the_same_update_a_hundred_times_has_one_effect(http, tenants, bot):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: post(http, bot, update(1, "/stop")), range(100))) == {204}
    found = rows(tenants.a)
    assert (found["conversation_message"], found["suppression"], found["notice"]) == (1, 1, 1)
    assert rows(tenants.b) == dict.fromkeys(found, 0)


@pytest.mark.parametrize(
    "payload",
    [
        b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b"[" * 200_000, b'{"update_id": true}', b'{"update_id": -1}',
        b'{"update_id": 99999999999999999999, "message": {"chat": {"id": 1}}}',
        b'{"update_id": 1, "message": {"chat": {"id": 999999999999999999999, "type": "private"}, "text": "x"}}',
        b'{"update_id": 1, "message": {"chat": {"id": "1", "type": "private"}, "text": "x"}}',
        b'{"update_id": 2, "edited_message": {}}',
    ],
)  # fmt: skip
def test_what_is_no_update_of_a_chat_is_taken_and_does_nothing(http, tenants, bot, payload):
    assert post(http, bot, payload) == 204
    found = rows(tenants.a)
    assert (found["conversation"], found["suppression"], found["notice"]) == (0, 0, 0)


def test_texts_that_no_database_keeps_are_kept_without_that(http, tenants, bot):
    odd = json.dumps(update(1, "x")).replace('"x"', '"Hallo \\\\ud83d Yoga\\\\u0000?"'.replace("\\\\", "\\"))
    assert post(http, bot, odd.encode()) == 204
    assert (
        post(http, bot, json.dumps(update(2, "x")).replace('"x"', '"/start \\\\ud83d"'.replace("\\\\", "\\")).encode())
        == 204
    )
    with db.tenant_session(tenants.a) as session:
        assert session.execute(select(ConversationMessage.text)).scalar_one() == "Hallo ? Yoga?"


def test_a_body_larger_than_any_update_is_refused(http, tenants, bot):
    assert post(http, bot, b"x" * (256 * 1024 + 1)) == 413
    assert post(http, bot, json.dumps(update(1, "x" * 4_096)).encode()) == 204
    assert rows(tenants.a)["conversation_message"] == 1


def test_from_the_link_to_the_stop_over_http(http, clients, tenants, telegram):
    ours, theirs = clients
    made = ours.post("/accounts", {"kind": "telegram", "label": "Bot", "secret": TOKEN}).json()
    checked = ours.post(f"/accounts/{made['id']}/check").json()
    assert (checked["check_problem"], checked["settings"]) == (None, {"username": "LindenBot"})
    assert telegram.webhook["url"].endswith(checked["webhook_path"])
    with db.tenant_session(tenants.a) as session:
        bot = accounts.get(session, UUID(made["id"]))
        member = audience.create(session, actor="t", first_name="Jörg", contact={}).id
    asked = {"account_id": made["id"], "wording": WORDING}
    assert theirs.post(f"/members/{member}/chat-links", asked).status_code == 404
    link = ours.post(f"/members/{member}/chat-links", asked)
    assert link.status_code == 201
    assert link.json()["url"].startswith("https://t.me/LindenBot?start=")
    token = link.json()["url"].partition("=")[2]
    assert post(http, bot, update(1, f"/start {token}")) == 204
    listed = ours.get(f"/members/{member}/chat-links").json()["items"]
    assert [item["used_at"] is not None for item in listed] == [True]
    assert token not in json.dumps(listed)
    assert theirs.get(f"/members/{member}/chat-links").status_code == 404
    with db.tenant_session(tenants.a) as session:
        assert session.execute(select(ContactPoint.address)).scalar_one() == str(CHAT)
        assert session.execute(select(Consent.state)).scalar_one() == "granted"
    block = {"update_id": 2, "my_chat_member": {"chat": {"id": CHAT, "type": "private"},
                                                "new_chat_member": {"status": "kicked"}}}  # fmt: skip
    assert post(http, bot, block) == 204
    with db.tenant_session(tenants.a) as session:
        assert session.execute(select(Consent.state)).scalar_one() == "withdrawn"
        assert session.execute(select(Suppression.address_norm)).scalar_one() == str(CHAT)


@pytest.mark.parametrize(
    "change", [{"wording": "kurz"}, {"days": 0}, {"days": 61}, {"days": True}, {"account_id": "x"}, {"token": "x"}]
)
def test_a_link_is_asked_for_in_one_shape(clients, tenants, bot, change):
    with db.tenant_session(tenants.a) as session:
        member = audience.create(session, actor="t", contact={}).id
    asked = {"account_id": str(bot.id)} | change
    assert clients[0].post(f"/members/{member}/chat-links", asked).status_code == 422


def test_a_group_that_a_bot_was_put_into_changes_nothing(http, tenants, bot):
    group = {"id": -100_123, "type": "supergroup"}
    assert post(http, bot, {"update_id": 1, "message": {"message_id": 1, "chat": group, "text": "/stop"}}) == 204
    left = {"update_id": 2, "my_chat_member": {"chat": group, "new_chat_member": {"status": "kicked"}}}
    assert post(http, bot, left) == 204
    assert rows(tenants.a)["suppression"] == 0
