"""What an entry of the timeline says, in German and in English."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from domain.content.member_values import money_text
from domain.delivery.rules import SENTENCES

LANGUAGES = ("de", "en")
_LONGEST = 200

_CHANNELS = {"email": "E-Mail", "sms": "SMS", "whatsapp": "WhatsApp", "telegram": "Telegram", "web": "Web"}
_CHANNELS_EN = _CHANNELS | {"email": "E-mail"}
Pair = tuple[str, str]

_ACTIVITIES: Mapping[str, Pair] = MappingProxyType({
    "visit": ("Besuch", "Visit"), "booking": ("Buchung", "Booking"), "check_in": ("Check-in", "Check-in"),
    "cancellation": ("Absage", "Cancellation"), "no_show": ("Nicht erschienen", "No-show"),
})  # fmt: skip
_STATES: Mapping[str, Pair] = MappingProxyType({
    "pending": ("wartet", "waiting"), "deferred": ("verschoben", "deferred"), "claimed": ("wird gesendet", "sending"),
    "sending": ("wird gesendet", "sending"), "sent": ("gesendet", "sent"), "delivered": ("zugestellt", "delivered"),
    "read": ("gelesen", "read"), "bounced": ("nicht zustellbar", "bounced"), "failed": ("gescheitert", "failed"),
    "unknown": ("unklar, ob angekommen", "perhaps arrived"), "suppressed": ("gesperrt", "suppressed"),
    "skipped": ("nicht gesendet", "not sent"), "cancelled": ("zurückgenommen", "cancelled"),
    "expired": ("zu spät, nicht gesendet", "too late, not sent"),
})  # fmt: skip
_ENGAGEMENTS: Mapping[str, Pair] = MappingProxyType({
    "opened": ("geöffnet", "opened"), "clicked": ("angeklickt", "clicked"), "replied": ("beantwortet", "answered"),
    "bounced": ("zurückgekommen", "bounced"), "complained": ("als Spam gemeldet", "reported as spam"),
    "unsubscribed": ("abgemeldet", "unsubscribed"),
})  # fmt: skip
_MACHINE: Pair = (" (durch ein Programm)", " (by a machine)")
_AUTHORS: Mapping[str, Pair] = MappingProxyType({
    "member": ("Mitglied", "Member"), "studio": ("Wir", "We"), "agent": ("Automatische Antwort", "Automatic answer"),
})  # fmt: skip
_PURPOSES: Mapping[str, Pair] = MappingProxyType({
    "marketing": ("Werbung", "marketing"), "tracking": ("Messen", "tracking"),
    "transactional": ("Nötiges", "transactional"), "profiling": ("persönliche Auswahl", "profiling"),
})  # fmt: skip
_CONSENTS: Mapping[str, Pair] = MappingProxyType({
    "pending": ("angefragt", "asked for"), "granted": ("eingewilligt", "granted"),
    "withdrawn": ("widerrufen", "withdrawn"), "expired": ("abgelaufen", "expired"),
})  # fmt: skip
_FOLLOW_UPS: Mapping[str, Pair] = MappingProxyType({
    "proposed": ("vorgeschlagen", "proposed"), "pending": ("versprochen", "promised"),
    "sending": ("wird gesendet", "sending"), "sent": ("gesendet", "sent"), "failed": ("gescheitert", "failed"),
    "cancelled": ("abgesagt", "cancelled"), "expired": ("verfallen", "expired"),
})  # fmt: skip
_NOTICES: Mapping[str, Pair] = MappingProxyType({
    "test": ("Test", "Test"), "confirmation": ("Bestätigung", "Confirmation"), "reply": ("Antwort", "Answer"),
    "follow_up": ("Follow-up", "Follow-up"),
})  # fmt: skip


def words(kind: str, row: Any) -> Mapping[str, str]:
    """Return the sentence of an entry per language; `row` has the columns of `queries.page`."""
    return {language: _SAY[kind](row, n)[:_LONGEST] for n, language in enumerate(LANGUAGES)}


def _of(table: Mapping[str, Pair], word: str | None, n: int) -> str:
    known = table.get(word or "")
    return known[n] if known else str(word or "").replace("_", " ")


def _channel(row: Any, n: int) -> str:
    names = _CHANNELS_EN if n else _CHANNELS
    return names.get(row.channel, str(row.channel or ""))


def _quoted(name: str | None, n: int) -> str:
    """Return the name of a campaign in quotation marks; of another message, what it is."""
    if name is not None and name in _NOTICES:
        return _of(_NOTICES, name, n)
    return "" if not name else f"“{name}”" if n else f"„{name}“"


def _activity(row: Any, n: int) -> str:
    said = _of(_ACTIVITIES, row.word, n)
    return f"{said}: {row.name}" if row.name else said


def _purchase(row: Any, n: int) -> str:
    return f"{('Kauf', 'Purchase')[n]}: {row.name}, {money_text(row.amount_minor, row.currency, LANGUAGES[n])}"


def _message(row: Any, n: int) -> str:
    state, _, reason = row.word.partition(":")
    said = f"{_channel(row, n)} {_quoted(row.name, n)}: {_of(_STATES, state, n)}".replace(" :", ":")
    because = SENTENCES.get(reason)
    return f"{said}. {because[n]}" if because else said


def _engagement(row: Any, n: int) -> str:
    by = _MACHINE[n] if row.actor == "machine" else ""
    return f"{_channel(row, n)} {_quoted(row.name, n)}: {_of(_ENGAGEMENTS, row.word, n)}{by}".replace(" :", ":")


def _conversion(row: Any, n: int) -> str:
    value = f", {money_text(row.amount_minor, row.currency, LANGUAGES[n])}" if row.amount_minor else ""
    after = f" {('nach', 'after')[n]} {_quoted(row.name, n)}" if row.name else ""
    return f"{('Ziel', 'Goal')[n]} {row.word}{value}{after}"


def _chat(row: Any, n: int) -> str:
    return f"{_of(_AUTHORS, row.word, n)} ({_channel(row, n)}): {row.name}"


def _consent(row: Any, n: int) -> str:
    return f"{_channel(row, n)}, {_of(_PURPOSES, row.name, n)}: {_of(_CONSENTS, row.word, n)}"


def _follow_up(row: Any, n: int) -> str:
    return f"Follow-up ({_channel(row, n)}): {_of(_FOLLOW_UPS, row.word, n)}"


_SAY: Mapping[str, Callable[[Any, int], str]] = MappingProxyType({
    "activity": _activity, "purchase": _purchase, "message": _message, "engagement": _engagement,
    "conversion": _conversion, "chat": _chat, "consent": _consent, "follow_up": _follow_up,
})  # fmt: skip
