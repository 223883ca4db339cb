"""A rule read back in German and in English, so that people see what they chose."""

from collections.abc import Callable, Mapping
from functools import singledispatchmethod
from typing import Any
from uuid import UUID

from domain.segments import rules

Name = Callable[[UUID], str]

_FIELDS = {
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
_STATUS = {
    "active": ("aktiv", "active"),
    "paused": ("pausiert", "paused"),
    "left": ("ausgetreten", "left"),
    "prospect": ("interessiert", "prospect"),
}
_TEXT_OPS = {"is": ("ist", "is"), "contains": ("enthält", "contains"), "starts_with": ("beginnt mit", "starts with")}
_DAY_OPS = {"before": ("vor dem", "before"), "on": ("am", "on"), "after": ("nach dem", "after")}
_ORDER = {
    "is": ("ist", "is"), "contains": ("enthält", "contains"), "at_least": ("mindestens", "at least"),
    "at_most": ("höchstens", "at most"), "exactly": ("genau", "exactly"),
}  # fmt: skip
_DID = {
    "received": ("erhalten", "received"),
    "opened": ("geöffnet", "opened"),
    "clicked": ("angeklickt", "clicked"),
    "converted": ("umgesetzt", "converted on"),
}
_STATES = {
    "granted": ("erteilt", "granted"), "withdrawn": ("widerrufen", "withdrawn"), "pending": ("offen", "pending")
}  # fmt: skip
_PURPOSES = {"marketing": ("Werbung", "marketing"), "tracking": ("Messung", "tracking")}
_CHANNELS = {"email": "E-Mail", "sms": "SMS", "whatsapp": "WhatsApp", "telegram": "Telegram"}


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
        return f"{self._w(_FIELDS, rule.field)} {self._w(_TEXT_OPS, rule.op)} {self._or(rule.any_of)}"

    @say.register
    def _(self, rule: rules.KnownRule) -> str:
        return f"{self._w(_FIELDS, rule.field)} {self._t('ist bekannt', 'is known')}"

    @say.register
    def _(self, rule: rules.StatusRule) -> str:
        named = self._t(" oder ", " or ").join(self._w(_STATUS, each) for each in rule.any_of)
        return f"{self._t('Status ist', 'status is')} {named}"

    @say.register
    def _(self, rule: rules.DayRule) -> str:
        day = rule.day.strftime("%d.%m.%Y") if not self._n else rule.day.isoformat()
        return f"{self._w(_FIELDS, rule.field)} {self._w(_DAY_OPS, rule.op)} {day}"

    @say.register
    def _(self, rule: rules.RecentRule) -> str:
        when = {
            "in_last_days": (f"in den letzten {rule.days} Tagen", f"in the last {rule.days} days"),
            "before_last_days": (f"vor mehr als {rule.days} Tagen", f"more than {rule.days} days ago"),
        }
        return f"{self._w(_FIELDS, rule.field)} {self._w(when, rule.op)}"

    @say.register
    def _(self, rule: rules.AttributeRule) -> str:
        name = f"{self._t('Merkmal', 'attribute')} {self._or([rule.name])}"
        if rule.op == "known":
            return f"{name} {self._t('ist bekannt', 'is known')}"
        if rule.kind == "flag":
            return f"{name} {self._t('ist', 'is')} {self._t('ja', 'yes') if rule.value else self._t('nein', 'no')}"
        value = f"{rule.value:g}" if isinstance(rule.value, float) else self._or([str(rule.value)])
        return f"{name} {self._w(_ORDER, rule.op)} {value}"

    @say.register
    def _(self, rule: rules.TagRule) -> str:
        return f"{self._t('Schlagwort', 'tag')} {self._or(rule.any_of)}"

    @say.register
    def _(self, rule: rules.ContactRule) -> str:
        address = f"{_CHANNELS[rule.channel]}{self._t('-Adresse', ' address')}"
        if rule.domains is None:
            return f"{self._t('hat', 'has')} {address}"
        return f"{address} {self._t('bei', 'at')} {self._or(rule.domains)}"

    @say.register
    def _(self, rule: rules.ConsentRule) -> str:
        what = f"{_CHANNELS[rule.channel]}, {self._w(_PURPOSES, rule.purpose)}"
        return f"{self._t('Einwilligung', 'consent')} ({what}) {self._w(_STATES, rule.state)}"

    @say.register
    def _(self, rule: rules.ActivityRule) -> str:
        named = [each for each in (rule.kind, rule.subject) if each is not None]
        what = f" {', '.join(self._or([each]) for each in named)}" if named else ""
        many = f"{self._w(_ORDER, rule.op)} {rule.count}"
        return f"{many} {self._t('Aktivitäten', 'activities')}{what}{self._since(rule.in_last_days)}"

    @say.register
    def _(self, rule: rules.PurchaseRule) -> str:
        what = f" {self._or([rule.product])}" if rule.product is not None else ""
        if rule.measure == "sum":
            money = f"{rule.amount // 100}{self._t(',', '.')}{rule.amount % 100:02d} {rule.currency}"
            many = f"{self._t('Käufe für', 'purchases worth')} {self._w(_ORDER, rule.op)} {money}"
        else:
            many = f"{self._w(_ORDER, rule.op)} {rule.amount} {self._t('Käufe', 'purchases')}"
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
            return f"{self._w(_DID, rule.did)} {campaign}{self._since(rule.in_last_days)}"
        return f"{campaign}{self._since(rule.in_last_days)} {self._w(_DID, rule.did)}"

    @say.register
    def _(self, rule: rules.SegmentRule) -> str:
        return f"{self._t('im Segment', 'in the segment')} {self._or([self._segment(rule.segment_id)])}"
