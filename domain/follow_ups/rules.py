"""Follow-ups in words: states, topics, why one ended, and what is written to people about dates. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from babel.dates import format_date

MOST_OPEN = 3  # per member: proposed, pending or sending
NEAR = timedelta(days=3)  # a second wish about the same topic within this is the same wish
ANSWER_WITHIN = timedelta(hours=24)
GRACE = timedelta(hours=24)  # after that a promise is not kept late, but shown as expired
LONGEST = timedelta(days=400)
LEAST = timedelta(minutes=15)
OPEN = ("proposed", "pending", "sending")
LANGUAGES = ("de", "en")
CHANNELS = ("whatsapp", "telegram", "sms", "email")


class State(StrEnum):
    """proposed → pending → sending → sent, failed, cancelled or expired."""

    PROPOSED = "proposed"
    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class Topic(StrEnum):
    """What it is about, as far as a few words tell. Nothing about health: a chat may say more than we may keep."""

    GENERAL = "general"
    MEMBERSHIP = "membership"
    TRIAL = "trial"
    COURSE = "course"
    APPOINTMENT = "appointment"
    OFFER = "offer"
    PAYMENT = "payment"


class Why(StrEnum):
    """Why a follow-up waits or ended."""

    ASKED = "asked_to_cancel"
    BY_PERSON = "cancelled_by_person"
    DECLINED = "declined"
    NO_ANSWER = "no_answer_from_member"
    REPLACED = "replaced"
    OPTED_OUT = "opted_out"
    NO_CONSENT = "no_consent"
    RESTRICTED = "restricted"
    WROTE_SINCE = "member_wrote_since"
    BACK = "member_is_back"
    GOAL = "goal_reached"
    TENANT = "tenant_closed"
    QUOTA = "quota"
    SUSPENDED = "tenant_suspended"
    QUIET_HOURS = "quiet_hours"
    NO_OPEN_HOUR = "no_open_hour"
    FREQUENCY_CAP = "frequency_cap"
    TOO_LATE = "too_late"
    NO_TEXT = "no_approved_text"
    NEEDS_TEMPLATE = "needs_template"
    NO_WAY = "no_channel"
    BAD_TEXT = "text_broken"
    UNPROVEN = "no_answer_of_provider"
    PROVIDER = "provider_refused"


_SENTENCES: dict[str, tuple[str, str]] = {
    Why.ASKED: ("Das Mitglied hat abgesagt.", "The member called it off."),
    Why.BY_PERSON: ("Jemand aus dem Team hat es abgebrochen.", "Somebody of the team cancelled it."),
    Why.DECLINED: ("Das Mitglied möchte das nicht.", "The member does not want it."),
    Why.NO_ANSWER: ("Auf die Rückfrage kam keine Antwort.", "The question was not answered."),
    Why.REPLACED: ("Ein neuerer Wunsch gilt.", "A newer wish holds."),
    Why.OPTED_OUT: ("Das Mitglied hat sich abgemeldet.", "The member opted out."),
    Why.NO_CONSENT: ("Für diesen Kanal liegt keine Einwilligung vor.", "There is no consent for this channel."),
    Why.RESTRICTED: ("Die Verarbeitung ist eingeschränkt.", "Processing is restricted for this person."),
    Why.WROTE_SINCE: ("Das Mitglied hat sich dazu schon wieder gemeldet.", "The member has written about it since."),
    Why.BACK: ("Das Mitglied ist schon wieder da.", "The member is back already."),
    Why.GOAL: ("Das Ziel ist erreicht.", "The goal is reached."),
    Why.TENANT: ("Das Konto ist geschlossen.", "The account is closed."),
    Why.QUOTA: ("Der Tarif erlaubt in diesem Monat keine weitere.", "The plan allows no more this month."),
    Why.SUSPENDED: ("Das Konto ist gesperrt; danach geht es weiter.", "The account is suspended; it waits for that."),
    Why.QUIET_HOURS: ("Die Ruhezeit wird abgewartet.", "It waits for the end of the quiet hours."),
    Why.NO_OPEN_HOUR: ("Ruhezeiten und gesetzliche Anrufzeiten lassen für diese Nummer keine Stunde übrig.",
                       "Quiet hours and legal calling hours leave no hour open for this number."),
    Why.FREQUENCY_CAP: ("Die Person hat gerade schon genug Nachrichten bekommen; es wird später versucht.",
                        "The person got enough messages lately; it is tried later."),
    Why.TOO_LATE: ("Der Zeitpunkt ist seit einem Tag vorbei.", "The moment passed more than a day ago."),
    Why.NO_TEXT: ("Es gibt keinen freigegebenen Text dafür: einen freigeben, dann verschieben.",
                  "No approved text fits: approve one, then move it."),
    Why.NEEDS_TEMPLATE: ("Seit 24 Stunden schrieb die Person nicht: WhatsApp braucht eine genehmigte Vorlage.",
                         "The person has not written for 24 hours: WhatsApp needs an approved template."),
    Why.NO_WAY: ("Für keinen Kanal sind Adresse und Absender bekannt.", "No channel has an address and a sender."),
    Why.BAD_TEXT: ("Der Text ließ sich nicht füllen.", "The text could not be filled."),
    Why.UNPROVEN: ("Der Anbieter hat nicht geantwortet: vielleicht angekommen.",
                   "The provider did not answer: perhaps it arrived."),
    Why.PROVIDER: ("Der Anbieter hat die Nachricht abgelehnt.", "The provider refused the message."),
}  # fmt: skip


def sentence(why: str | None) -> dict[str, str] | None:
    """Say in German and English why a follow-up waits or ended; None where there is nothing to say."""
    if why is None:
        return None
    de, en = _SENTENCES.get(why, (why, why))
    return {"de": de, "en": en}


@dataclass(frozen=True, slots=True)
class Due:
    """A promised moment: the instant, and what the member's clock shows then."""

    at: datetime
    local: datetime
    zone: str

    @classmethod
    def of(cls, at: datetime, zone: str) -> "Due":
        """Return the promise of an aware instant in an IANA zone."""
        return cls(at.astimezone(UTC), at.astimezone(ZoneInfo(zone)).replace(tzinfo=None), zone)

    def stored(self) -> dict[str, str]:
        """Return it as an option is stored."""
        return {"at": self.at.isoformat(), "local": self.local.isoformat(), "zone": self.zone}

    @classmethod
    def read(cls, stored: dict[str, str]) -> "Due":
        """Return what `stored` wrote."""
        return cls(datetime.fromisoformat(stored["at"]), datetime.fromisoformat(stored["local"]), stored["zone"])


def spoken(due: Due, language: str, now: datetime) -> str:
    """Return the moment as it is said: Fr, 4. Dezember um 10 Uhr; Fri, 4 December at 10:00; another year is named."""
    local = due.local
    same_year = local.year == now.astimezone(ZoneInfo(due.zone)).year
    if language == "de":
        day = format_date(local, "ccc, d. MMMM" if same_year else "ccc, d. MMMM y", locale="de_DE")
        clock = f"{local.hour}" if local.minute == 0 else f"{local:%H:%M}"
        return f"{day} um {clock} Uhr"
    day = format_date(local, "EEE, d MMMM" if same_year else "EEE, d MMMM y", locale="en_GB")
    return f"{day} at {local:%H:%M}"
