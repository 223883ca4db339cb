"""A rule read back in German and in English, so that people see what they chose."""

from collections.abc import Callable, Mapping
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
    "joined_on": ("Beitritt", "joining"),
    "left_on": ("Austritt", "leaving"),
    "last_visit_at": ("letzter Besuch", "last visit"),
    "created_at": ("Anlage", "creation"),
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
    "converted": ("umgesetzt", "converted on"),
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
    "absent_until": ("abwesend bis", "absent until"),
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
        if days is None:
            return ""
        return self._t(f" in den letzten {days} Tagen", f" in the last {days} days")

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
        return "(" + word.join(self.say(part) for part in parts) + ")"

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
        day = rule.day.strftime("%d.%m.%Y") if not self._n else rule.day.isoformat()
        return f"{self._w(FIELDS, rule.field)} {self._w(DAY_OPS, rule.op)} {day}"

    @say.register
    def _(self, rule: rules.RecentRule) -> str:
        when = {
            "in_last_days": (f"in den letzten {rule.days} Tagen", f"in the last {rule.days} days"),
            "before_last_days": (f"vor mehr als {rule.days} Tagen", f"more than {rule.days} days ago"),
        }
        return f"{self._w(FIELDS, rule.field)} {self._w(when, rule.op)}"

    @say.register
    def _(self, rule: rules.AttributeRule) -> str:
        name = f"{self._t('Merkmal', 'attribute')} {self._or([rule.name])}"
        if rule.op == "known":
            return f"{name} {self._t('ist bekannt', 'is known')}"
        if rule.kind == "flag":
            return f"{name} {self._t('ist', 'is')} {self._t('ja', 'yes') if rule.value else self._t('nein', 'no')}"
        value = f"{rule.value:g}" if isinstance(rule.value, float) else self._or([str(rule.value)])
        return f"{name} {self._w(ORDER, rule.op)} {value}"

    @say.register
    def _(self, rule: rules.TagRule) -> str:
        return f"{self._t('Schlagwort', 'tag')} {self._or(rule.any_of)}"

    @say.register
    def _(self, rule: rules.ContactRule) -> str:
        address = f"{CHANNELS[rule.channel]}{self._t('-Adresse', ' address')}"
        if rule.domains is None:
            return f"{self._t('hat', 'has')} {address}"
        return f"{address} {self._t('bei', 'at')} {self._or(rule.domains)}"

    @say.register
    def _(self, rule: rules.ConsentRule) -> str:
        what = f"{CHANNELS[rule.channel]}, {self._w(PURPOSES, rule.purpose)}"
        return f"{self._t('Einwilligung', 'consent')} ({what}) {self._w(STATES, rule.state)}"

    @say.register
    def _(self, rule: rules.ActivityRule) -> str:
        named = [each for each in (rule.kind, rule.subject) if each is not None]
        what = f" {', '.join(self._or([each]) for each in named)}" if named else ""
        many = f"{self._w(ORDER, rule.op)} {rule.count}"
        return f"{many} {self._t('Aktivitäten', 'activities')}{what}{self._since(rule.in_last_days)}"

    @say.register
    def _(self, rule: rules.PurchaseRule) -> str:
        what = f" {self._or([rule.product])}" if rule.product is not None else ""
        if rule.measure == "days_since":
            days = f"{self._w(ORDER, rule.op)} {rule.amount} {self._t('Tage her', 'days ago')}"
            return f"{self._t('letzter Kauf', 'last purchase')}{what} {days}"
        if rule.measure == "sum":
            money = f"{rule.amount // 100}{self._t(',', '.')}{rule.amount % 100:02d} {rule.currency}"
            many = f"{self._t('Käufe für', 'purchases worth')} {self._w(ORDER, rule.op)} {money}"
        else:
            many = f"{self._w(ORDER, rule.op)} {rule.amount} {self._t('Käufe', 'purchases')}"
        return f"{many}{what}{self._since(rule.in_last_days)}"

    @say.register
    def _(self, rule: rules.CampaignRule) -> str:
        one = rule.campaign_id
        named = self._or([self._campaign(one)]) if one is not None else self._t("irgendeine", "any")
        campaign = (
            f"{self._t('Kampagne', 'campaign')} {named}"
            if one is not None
            else f"{named} {self._t('Kampagne', 'campaign')}"
        )
        if self._n:
            return f"{self._w(DID, rule.did)} {campaign}{self._since(rule.in_last_days)}"
        return f"{campaign}{self._since(rule.in_last_days)} {self._w(DID, rule.did)}"

    @say.register
    def _(self, rule: rules.InsightRule) -> str:
        start = f"{self._t('Gespräche sagen', 'conversations say')}: {self._w(INSIGHTS, rule.key)}"
        if rule.any_of is None:
            return f"{start} {self._t('ist bekannt', 'is known')}"
        words = self._t(" oder ", " or ").join(self._w(INSIGHT_WORDS, each) for each in rule.any_of)
        return f"{start} {words}"

    @say.register
    def _(self, rule: rules.SegmentRule) -> str:
        return f"{self._t('im Segment', 'in the segment')} {self._or([self._segment(rule.segment_id)])}"
