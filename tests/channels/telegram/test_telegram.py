"""A bot's texts over real HTTP, its errors, and what it reports."""

import asyncio
import contextlib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from channels.base import FailureKind, Scope, SendFailed, Taken, TextParcel
from channels.telegram import adapter, webhook
from channels.telegram.settings import BadToken, Bot
from tests.fakes.http_provider import Fault
from tests.fakes.telegram import TOKEN, FakeTelegram


@pytest.fixture
def telegram() -> Iterator[FakeTelegram]:
    with FakeTelegram() as running:
        yield running


def send(telegram: FakeTelegram, *texts: str, chat: str = "42", token: str = TOKEN, seconds: float = 5) -> list[Taken]:
    async def go() -> list[Taken]:
        door = adapter.door(Bot(token, telegram.url, answer_timeout=seconds))
        marks: list[int] = []

        async def mark() -> None:
            marks.append(len(telegram.requests))

        try:
            answers = [await door.send(TextParcel("id", chat, text), mark) for text in texts]
        finally:
            await door.close()
        assert marks == sorted(set(marks))  # each before its request
        return answers

    return asyncio.run(go())


def refused(telegram: FakeTelegram, **options: object) -> SendFailed:
    with pytest.raises(SendFailed) as caught:
        send(telegram, "Hallo", **options)  # type: ignore[arg-type]
    return caught.value


def test_texts_arrive_as_they_are(telegram):
    answers = send(telegram, "Hallo Jörg 👋", "<b>*_[x](http://y)`")
    assert telegram.sent["42"] == ["Hallo Jörg 👋", "<b>*_[x](http://y)`"]
    assert [answer.provider_id for answer in answers] == ["42:1", "42:2"]


@given(st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=60))
@hypothesis_settings(max_examples=40, deadline=None)  # each starts a server
def test_no_name_breaks_anything(name):
    with FakeTelegram() as telegram:
        text = f"Hallo {name}!"
        send(telegram, text)
        assert telegram.sent["42"] == [text]


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault(500, {"ok": False, "description": "Internal"}), FailureKind.AMBIGUOUS),
        (Fault(502, {"ok": False, "description": "Bad Gateway"}), FailureKind.AMBIGUOUS),
        (Fault(drop_after=True), FailureKind.AMBIGUOUS),
        (Fault(delay=1.5), FailureKind.AMBIGUOUS),
        (Fault(302, {}, {"Location": "https://evil.example"}), FailureKind.PERMANENT_CONFIG),
        (Fault(401, {"ok": False, "description": "Unauthorized"}), FailureKind.PERMANENT_CONFIG),
        (Fault(409, {"ok": False, "description": "Conflict"}), FailureKind.PERMANENT_CONFIG),
        (Fault(400, {"ok": False, "description": "Bad Request: can't parse entities"}), FailureKind.PERMANENT_CONTENT),
        (Fault(400, {"ok": False, "description": "Bad Request: chat not found"}), FailureKind.PERMANENT_RECIPIENT),
        (
            Fault(400, {"ok": False, "description": "x", "parameters": {"migrate_to_chat_id": -100}}),
            FailureKind.PERMANENT_RECIPIENT,
        ),
    ],
)
def test_each_error_has_its_meaning(telegram, fault, kind):
    telegram.faults.append(fault)
    assert refused(telegram, seconds=1).kind is kind


@pytest.mark.filterwarnings("ignore:Deprecated since version v22.2")  # the library warns of its own future
def test_telegram_retry_after_and_403(telegram):
    telegram.faults.append(Fault(429, {"ok": False, "description": "x", "parameters": {"retry_after": 7}}))
    slowed = refused(telegram)
    assert (slowed.kind, slowed.retry_after, slowed.scope) == (FailureKind.THROTTLE, 7, Scope.SENDER)
    telegram.blocked.add("42")
    blocked = refused(telegram)
    assert (blocked.kind, blocked.retryable) == (FailureKind.OPTOUT, False)


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("Forbidden: bot was blocked by the user", FailureKind.OPTOUT),
        ("Forbidden: user is deactivated", FailureKind.OPTOUT),
        ("Forbidden: bot can't initiate conversation with a user", FailureKind.PROVIDER_DECLINE),
    ],
)
def test_only_a_persons_own_no_counts_as_theirs(telegram, words, kind):
    telegram.faults.append(Fault(403, {"ok": False, "description": words}))
    assert refused(telegram).kind is kind


def test_nobody_there_is_surely_not_sent():
    with FakeTelegram() as telegram:
        gone = telegram.url
    with pytest.raises(SendFailed) as caught:
        asyncio.run(adapter.check(Bot(TOKEN, gone)))
    assert (caught.value.kind, caught.value.phase) == (FailureKind.TRANSIENT, "connect")


def test_a_text_is_measured_as_telegram_measures(telegram):
    send(telegram, "😀" * 2_048)
    with pytest.raises(SendFailed, match="4096"):
        send(telegram, "😀" * 2_049)
    assert len(telegram.requests) == 1


def test_connecting_names_the_bot_and_the_webhook_with_its_secret(telegram):
    me = asyncio.run(adapter.connect(Bot(TOKEN, telegram.url), "https://a.example/hooks/telegram/x", "s" * 40))
    assert me.username == "LindenBot"
    assert (telegram.webhook["url"], telegram.webhook["secret_token"]) == (
        "https://a.example/hooks/telegram/x",
        "s" * 40,
    )


@pytest.mark.parametrize("token", ["", "abc", "123:short", "12345678:" + "A" * 35 + "\n"])
def test_what_is_no_token_is_refused_without_being_repeated(token):
    with pytest.raises(BadToken) as caught:
        Bot(token)
    assert "short" not in str(caught.value)
    assert TOKEN.partition(":")[2] not in repr(Bot(TOKEN))


def message(text: str, **chat: object) -> dict[str, object]:
    about = {"id": 42, "type": "private"} | chat
    return {"update_id": 7, "message": {"message_id": 3, "date": 1_790_000_000, "chat": about, "text": text}}


def test_updates_are_read():
    assert webhook.read(message("Hallo")).text == "Hallo"
    started = webhook.read(message("/start abc-DEF"))
    assert (started.kind, started.text, started.chat_id) == ("start", "abc-DEF", "42")
    blocked = {"update_id": 8, "my_chat_member": {"chat": {"id": 42}, "new_chat_member": {"status": "kicked"}}}
    assert webhook.read(blocked).kind == "blocked"
    assert webhook.read(message("Hallo", type="group")).kind == "other"
    assert webhook.read({"update_id": 9, "poll": {}}).kind == "other"


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(
    st.sampled_from(["update_id", "message", "chat", "id", "text", "my_chat_member", "date", "type"]), x)))  # fmt: skip
def test_whatever_comes_is_an_update_or_refused(payload):
    with contextlib.suppress(webhook.BadUpdate):
        webhook.read(payload)


def test_the_secret_is_compared_whole():
    assert webhook.is_authentic({webhook.SECRET_HEADER: "geheim"}, "geheim")
    for wrong in ({}, {webhook.SECRET_HEADER: ""}, {webhook.SECRET_HEADER: "geheim2"}, {webhook.SECRET_HEADER: "ü"}):
        assert not webhook.is_authentic(wrong, "geheim")
