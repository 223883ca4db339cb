"""A rule read back in German and in English, so that people see what they chose."""

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from functools import singledispatchmethod
from typing import Any
from uuid import UUID

from domain.segments import rules

Name = Callable[[UUID], str]

FIELDS = {
    "external_id": ("Mitgliedsnummer", "member number"),
    "first_name": ("Vorname", "first name"),
    "last_name": ("Nachname", "last name"),
    "salutation": ("Anrede", "salutation"),
    "language": ("Sprache", "language"),
    "time_zone": ("Zeitzone", "time zone"),
    "favourite_course": ("Lieblingskurs", "favourite course"),
    "joined_on": ("Beitritt", "join date"),
    "left_on": ("Austritt", "leaving date"),
    "last_visit_at": ("letzter Besuch", "last visit"),
    "created_at": ("Anlage des Datensatzes", "creation date"),
}
STATUS = {
    "active": ("aktiv", "active"),
    "paused": ("pausiert", "paused"),
    "left": ("ausgetreten", "left"),
    "prospect": ("interessiert", "prospect"),
}
TEXT_OPS = {"is": ("ist", "is"), "contains": ("enthält", "contains"), "starts_with": ("beginnt mit", "starts with")}
DAY_OPS = {"before": ("vor dem", "before"), "on": ("am", "on"), "after": ("nach dem", "after")}
ORDER = {
    "is": ("ist", "is"), "contains": ("enthält", "contains"), "at_least": ("mindestens", "at least"),
    "at_most": ("höchstens", "at most"), "exactly": ("genau", "exactly"),
}  # fmt: skip
DID = {
    "received": ("erhalten", "received"),
    "opened": ("geöffnet", "opened"),
    "clicked": ("angeklickt", "clicked"),
    "converted": ("Conversion", "converted"),
}
STATES = {
    "granted": ("erteilt", "granted"), "withdrawn": ("widerrufen", "withdrawn"), "pending": ("offen", "pending")
}  # fmt: skip
PURPOSES = {"marketing": ("Werbung", "marketing"), "tracking": ("Messung", "tracking")}
RECENT_OPS = {
    "in_last_days": ("in den letzten Tagen", "in the last days"),
    "before_last_days": ("vor mehr Tagen", "more days ago"),
}
INSIGHTS = {
    "topic": ("Thema", "topic"),
    "intent": ("Absicht", "intent"),
    "objection": ("Einwand", "objection"),
    "preferred_time": ("liebste Zeit", "preferred time"),
    "absent_until": ("Abwesenheit", "absence"),
}
INSIGHT_WORDS = {
    "membership": ("Mitgliedschaft", "membership"), "trial": ("Probetraining", "trial"), "course": ("Kurs", "course"),
    "appointment": ("Termin", "appointment"), "offer": ("Angebot", "offer"), "payment": ("Zahlung", "payment"),
    "join": ("beitreten", "join"), "return": ("zurückkommen", "return"), "pause": ("pausieren", "pause"),
    "leave": ("austreten", "leave"), "book": ("buchen", "book"), "ask": ("fragen", "ask"),
    "complain": ("sich beschweren", "complain"), "praise": ("loben", "praise"), "price": ("Preis", "price"),
    "time": ("Zeit", "time"), "distance": ("Entfernung", "distance"), "crowded": ("zu voll", "crowded"),
    "undecided": ("unentschlossen", "undecided"), "morning": ("morgens", "morning"), "noon": ("mittags", "noon"),
    "afternoon": ("nachmittags", "afternoon"), "evening": ("abends", "evening"),
    "weekend": ("am Wochenende", "weekend"),
}  # fmt: skip
_HAS = {
    "email": ("hat eine E-Mail-Adresse", "has an e-mail address"),
    "sms": ("hat eine Nummer für SMS", "has a number for text messages"),
    "whatsapp": ("hat eine Nummer für WhatsApp", "has a number for WhatsApp"),
    "telegram": ("ist über Telegram erreichbar", "can be reached by Telegram"),
}
_DAY_ORDER = {
    "is": ("ist der {}", "is {}"), "at_least": ("ist der {} oder später", "is {} or later"),
    "at_most": ("ist der {} oder früher", "is {} or earlier"),
}  # fmt: skip
_DAYS = ("Tag", "Tage", "day", "days")
_SHORTEST, _LONGEST = Decimal("1e-9"), Decimal("1e21")  # numbers between are written in full
CHANNELS = {"email": "E-Mail", "sms": "SMS", "whatsapp": "WhatsApp", "telegram": "Telegram"}


class Speaker:
    """Says rules in one language; `segment` and `campaign` give names for ids."""

    def __init__(self, language: str, segment: Name, campaign: Name) -> None:
        self._n = 0 if language == "de" else 1
        self._segment = segment
        self._campaign = campaign

    def sentence(self, rule: Any) -> str:
        """Return the rule as one sentence."""
        return f"{self._t('Mitglieder, für die gilt', 'Members for whom this holds')}: {self.say(rule)}."

    def _t(self, german: str, english: str) -> str:
        return english if self._n else german

    def _w(self, table: Mapping[str, tuple[str, str]], key: str) -> str:
        return table[key][self._n]

    def _or(self, values: list[str]) -> str:
        return self._t(" oder ", " or ").join(f"„{each}“" if not self._n else f"“{each}”" for each in values)

    def _since(self, days: int | None) -> str:
        return "" if days is None else f" {self._within(days)}"

    def _within(self, days: int) -> str:
        """Say since which midnight."""
        if days <= 1:
            return self._t("seit gestern", "since yesterday") if days else self._t("heute", "today")
        return self._t(f"in den letzten {days} Tagen", f"in the last {days} days")

    def _many(self, op: str, number: int, words: tuple[str, str, str, str]) -> str:
        """Compare a number of things; `words` are one and several of them in both languages."""
        one, several = words[2 * self._n : 2 * self._n + 2]
        return f"{self._w(ORDER, op)} {number} {one if number == 1 else several}"

    @singledispatchmethod
    def say(self, rule: Any) -> str:
        """Return the rule as a part of a sentence."""
        raise TypeError(f"no rule: {type(rule).__name__}")

    @say.register
    def _(self, rule: rules.AllRule) -> str:
        return self._joined(rule.rules, self._t(" und ", " and "))

    @say.register
    def _(self, rule: rules.AnyRule) -> str:
        return self._joined(rule.rules, self._t(" oder ", " or "))

    def _joined(self, parts: list[Any], word: str) -> str:
        if len(parts) == 1:
            return self.say(parts[0])
        return "(" + word.join(self._apart(part) for part in parts) + ")"

    def _apart(self, rule: Any) -> str:
        """Say a rule within a group so that the `or` between its own values is not taken for one of the group."""
        values = getattr(rule, "any_of", None) or getattr(rule, "domains", None) or ()
        return f"({self.say(rule)})" if len(values) > 1 else self.say(rule)

    @say.register
    def _(self, rule: rules.NotRule) -> str:
        return f"{self._t('nicht', 'not')} [{self.say(rule.rule)}]"

    @say.register
    def _(self, rule: rules.TextRule) -> str:
        return f"{self._w(FIELDS, rule.field)} {self._w(TEXT_OPS, rule.op)} {self._or(rule.any_of)}"

    @say.register
    def _(self, rule: rules.KnownRule) -> str:
        return f"{self._w(FIELDS, rule.field)} {self._t('ist bekannt', 'is known')}"

    @say.register
    def _(self, rule: rules.StatusRule) -> str:
        named = self._t(" oder ", " or ").join(self._w(STATUS, each) for each in rule.any_of)
        return f"{self._t('Status ist', 'status is')} {named}"

    @say.register
    def _(self, rule: rules.DayRule) -> str:
        return f"{self._w(FIELDS, rule.field)} {self._w(DAY_OPS, rule.op)} {self._day(rule.day)}"

    @say.register
    def _(self, rule: rules.RecentRule) -> str:
        when = self._within(rule.days) if rule.op == "in_last_days" else self._ago(rule.days)
        return f"{self._w(FIELDS, rule.field)} {when}"

    def _ago(self, days: int) -> str:
        if days == 0:
            return self._t("vor heute", "before today")
        one = self._t("vor mehr als einem Tag", "more than one day ago")
        return one if days == 1 else self._t(f"vor mehr als {days} Tagen", f"more than {days} days ago")

    @say.register
    def _(self, rule: rules.AttributeRule) -> str:
        name = f"{self._t('Merkmal', 'attribute')} {self._or([rule.name])}"
        if rule.op == "known":
            return f"{name} {self._t('ist bekannt', 'is known')}"
        if rule.kind == "flag":
            return f"{name} {self._t('ist', 'is')} {self._t('ja', 'yes') if rule.value else self._t('nein', 'no')}"
        if rule.kind == "day":
            return f"{name} {self._w(_DAY_ORDER, rule.op).format(self._day(date.fromisoformat(str(rule.value))))}"
        value = self._or([str(rule.value)]) if rule.kind == "text" else self._number(rule.value)
        return f"{name} {self._w(ORDER, rule.op)} {value}"

    def _number(self, value: Any) -> str:
        """Return a number as people write it, in full unless that is long."""
        number = Decimal(str(value))
        plain = f"{number:f}" if _SHORTEST <= abs(number) < _LONGEST or not number else f"{number.normalize():e}"
        plain = plain.rstrip("0").rstrip(".") if "." in plain and "e" not in plain else plain
        return plain if self._n else plain.replace(".", ",")

    def _day(self, day: date) -> str:
        return day.isoformat() if self._n else f"{day:%d.%m.}{day.year:04}"

    @say.register
    def _(self, rule: rules.TagRule) -> str:
        return f"{self._t('Schlagwort', 'tag')} {self._or(rule.any_of)}"

    @say.register
    def _(self, rule: rules.ContactRule) -> str:
        at = f" {self._t('bei', 'at')} {self._or(rule.domains)}" if rule.domains is not None else ""
        return f"{self._w(_HAS, rule.channel)}{at}"

    @say.register
    def _(self, rule: rules.ConsentRule) -> str:
        what = f"{CHANNELS[rule.channel]}, {self._w(PURPOSES, rule.purpose)}"
        return f"{self._t('Einwilligung', 'consent')} ({what}) {self._w(STATES, rule.state)}"

    @say.register
    def _(self, rule: rules.ActivityRule) -> str:
        what = f" {self._or([rule.kind])}" if rule.kind is not None else ""
        if rule.subject is not None:
            what += f" {self._t('zu', 'about')} {self._or([rule.subject])}"
        many = self._many(rule.op, rule.count, ("Aktivität", "Aktivitäten", "activity", "activities"))
        return f"{many}{what}{self._since(rule.in_last_days)}"

    @say.register
    def _(self, rule: rules.PurchaseRule) -> str:
        what = f" {self._or([rule.product])}" if rule.product is not None else ""
        if rule.measure == "days_since":
            days = f"{self._many(rule.op, rule.amount, _DAYS)} {self._t('her', 'ago')}"
            return f"{self._t('letzter Kauf', 'last purchase')}{what} {days}"
        if rule.measure == "sum":
            money = f"{rule.amount // 100}{self._t(',', '.')}{rule.amount % 100:02d} {rule.currency}"
            total = f"{self._t('Käufe', 'purchases')}{what}{self._since(rule.in_last_days)}"
            return f"{total} {self._t('für zusammen', 'worth')} {self._w(ORDER, rule.op)} {money}"
        many = self._many(rule.op, rule.amount, ("Kauf", "Käufe", "purchase", "purchases"))
        return f"{many}{what}{self._since(rule.in_last_days)}"

    @say.register
    def _(self, rule: rules.CampaignRule) -> str:
        if rule.campaign_id is None:
            campaign = self._t("irgendeine Kampagne", "any campaign")
        else:
            campaign = f"{self._t('die Kampagne', 'the campaign')} {self._or([self._campaign(rule.campaign_id)])}"
        when = self._since(rule.in_last_days)
        if rule.did == "converted":
            return f"{self._t('Conversion durch', 'converted through')} {campaign}{when}"
        return f"{self._w(DID, rule.did)} {campaign}{when}" if self._n else f"{campaign}{when} {self._w(DID, rule.did)}"

    @say.register
    def _(self, rule: rules.InsightRule) -> str:
        key = self._w(INSIGHTS, rule.key)
        if rule.any_of is None:
            return f"{self._t('aus Gesprächen bekannt', 'known from conversations')}: {key}"
        words = self._t(" oder ", " or ").join(self._w(INSIGHT_WORDS, each) for each in rule.any_of)
        return f"{self._t('in Gesprächen', 'in conversations')}: {key} {self._t('ist', 'is')} {words}"

    @say.register
    def _(self, rule: rules.SegmentRule) -> str:
        return f"{self._t('im Segment', 'in the segment')} {self._or([self._segment(rule.segment_id)])}"
