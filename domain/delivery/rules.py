"""Delivery in words and numbers: states, reasons, and how long to wait. Pure."""

import random
import time
from enum import StrEnum

from domain.experiments import rules as experiments

OPEN = ("pending", "deferred", "claimed", "sending")
# What counts against a person's frequency cap: it was, is being, or perhaps was transmitted.
HANDED_OVER = ("claimed", "sending", "sent", "delivered", "read", "unknown")
CAP_WAIT_HOURS = 6  # after which a step of a sequence that the frequency cap held is asked about again
MOST_ATTEMPTS = 18
LONGEST_WAIT = 3_600.0
_FIRST_WAIT, _GROWTH = 60.0, 1.5


class Reason(StrEnum):
    """Why a message is not, or not yet, sent."""

    RESTRICTED = "restricted"
    ERASED = "erased"
    NO_ADDRESS = "no_address"
    INVALID_ADDRESS = "invalid_address"
    SUPPRESSED = "suppressed"
    NO_CONSENT = "no_consent"
    FREQUENCY_CAP = "frequency_cap"
    SHARED_ADDRESS = "shared_address"
    WINDOW_CLOSED = "window_closed"
    COUNTRY_CLOSED = "country_closed"
    TOO_LATE = "too_late"
    QUIET_HOURS = "quiet_hours"
    EARLIER_STEP = "earlier_step"
    NO_OPEN_HOUR = "no_open_hour"
    RETRY = "retry"
    RELAY_AWAY = "relay_away"
    RELAY_REFUSES = "relay_refuses"
    THROTTLED = "throttled"
    DECLINED = "declined"
    NOT_TRANSMITTED = "not_transmitted"
    RENDER_ERROR = "render_error"
    TOO_MANY_ATTEMPTS = "too_many_attempts"
    REFUSED = "refused"
    OPTED_OUT = "opted_out"
    UNDELIVERED = "undelivered"
    NO_ANSWER = "no_answer"
    CANCELLED = "cancelled"
    LEFT_SEQUENCE = "left_sequence"
    GIVEN_UP = "given_up"
    PROVEN = "proven"
    NOT_FOUND = "not_found"
    HOLDOUT = experiments.HOLDOUT
    WAITS_FOR_WINNER = experiments.WAITS
    NO_WINNER = experiments.NO_WINNER


SENTENCES: dict[str, tuple[str, str]] = {
    Reason.RESTRICTED: ("Die Verarbeitung ist eingeschränkt.", "Processing is restricted for this person."),
    Reason.ERASED: ("Das Mitglied wurde gelöscht.", "The member was deleted."),
    Reason.NO_ADDRESS: ("Für diesen Kanal ist keine Adresse bekannt.", "No address is known for this channel."),
    Reason.INVALID_ADDRESS: ("An diese Adresse lässt sich nichts zustellen.",
                             "Nothing can be delivered to this address."),
    Reason.SUPPRESSED: ("Die Adresse ist gesperrt (Abmeldung, Beschwerde oder Rückläufer).",
                        "The address is suppressed (unsubscribed, complained or bounced)."),
    Reason.NO_CONSENT: ("Für Werbung auf diesem Kanal liegt keine Einwilligung vor.",
                        "There is no consent for marketing on this channel."),
    Reason.SHARED_ADDRESS: ("Ein anderes Mitglied mit derselben Adresse bekommt die Nachricht.",
                            "Another member with the same address gets the message."),
    Reason.FREQUENCY_CAP: ("In den letzten Tagen gingen schon so viele Nachrichten an diese Person, wie erlaubt sind.",
                           "As many messages as allowed went to this person in the last days."),
    Reason.WINDOW_CLOSED: ("Seit 24 Stunden hat die Person nicht geschrieben: es braucht eine genehmigte Vorlage.",
                           "The person has not written for 24 hours: WhatsApp demands an approved template."),
    Reason.COUNTRY_CLOSED: ("Das Anbieterkonto darf nicht in dieses Land senden.",
                            "The provider account may not send to this country."),
    Reason.TOO_LATE: ("Die Zeit, in der die Nachricht sinnvoll war, ist vorbei.",
                      "The time in which the message made sense has passed."),
    Reason.QUIET_HOURS: ("Die Ruhezeit wird abgewartet.", "It waits for the end of the quiet hours."),
    Reason.EARLIER_STEP: ("Erst geht die vorige Nachricht der Sequenz hinaus.",
                          "The message of the sequence before this one goes out first."),
    Reason.NO_OPEN_HOUR: ("Ruhezeiten und gesetzliche Anrufzeiten im Land der Nummer lassen keine Stunde übrig.",
                          "Quiet hours and the legal calling hours of the number's country leave no hour open."),
    Reason.RETRY: ("Der Anbieter bat um einen späteren Versuch.", "The provider asked for a later attempt."),
    Reason.RELAY_AWAY: ("Der Anbieter ist gerade nicht erreichbar.", "The provider cannot be reached now."),
    Reason.RELAY_REFUSES: ("Der Anbieter nimmt von diesem Absender nichts an; die Kampagne wartet auf die Reparatur.",
                           "The provider takes nothing from this sender; the campaign waits for the repair."),
    Reason.THROTTLED: ("Der Anbieter des Empfängers nimmt gerade nur wenige Nachrichten an; es geht später weiter.",
                       "The recipient's provider takes few messages now; it goes on later."),
    Reason.DECLINED: ("Der Anbieter wollte diese Nachricht jetzt nicht zustellen.",
                      "The provider did not want to deliver this message now."),
    Reason.NOT_TRANSMITTED: ("Der Versand wurde unterbrochen, bevor etwas übertragen war.",
                             "Sending was interrupted before anything was transmitted."),
    Reason.RENDER_ERROR: ("Die Nachricht ließ sich für dieses Mitglied nicht erstellen.",
                          "The message could not be made for this member."),
    Reason.TOO_MANY_ATTEMPTS: ("Nach vielen Versuchen aufgegeben.", "Given up after many attempts."),
    Reason.REFUSED: ("Der Anbieter hat die Nachricht abgelehnt.", "The provider refused the message."),
    Reason.UNDELIVERED: ("Der Anbieter konnte die Nachricht nicht zustellen.",
                         "The provider could not deliver the message."),
    Reason.OPTED_OUT: ("Die Person hat dem Anbieter gesagt, dass sie nichts mehr möchte.",
                       "The person told the provider to stop."),
    Reason.NO_ANSWER: ("Die Verbindung brach im letzten Schritt ab: vielleicht zugestellt, vielleicht nicht.",
                       "The connection broke in the last step: perhaps delivered, perhaps not."),
    Reason.CANCELLED: ("Die Kampagne wurde abgebrochen.", "The campaign was cancelled."),
    Reason.LEFT_SEQUENCE: ("Das Mitglied hat die Sequenz vorher verlassen.", "The member left the sequence before."),
    Reason.GIVEN_UP: ("Jemand hat entschieden, es nicht noch einmal zu versuchen.",
                      "Somebody decided not to try again."),
    Reason.PROVEN: ("Eine Rückmeldung beweist, dass die Nachricht ankam.",
                    "Something that came back proves that the message arrived."),
    Reason.NOT_FOUND: ("Der Anbieter kennt die Nachricht nicht; sie wird noch einmal versandt.",
                       "The provider does not know the message; it is sent again."),
    Reason.HOLDOUT: ("Die Person gehört zur Vergleichsgruppe, die nichts bekommt.",
                     "This person is in the comparison group that gets nothing."),
    Reason.WAITS_FOR_WINNER: ("Die Nachricht wartet, bis der Vergleich der Varianten entschieden ist.",
                              "The message waits until the comparison of the variants is decided."),
    Reason.NO_WINNER: ("Keine Variante war nachweislich besser; dafür war vereinbart, nichts mehr zu senden.",
                       "No variant was proven better; it was agreed to send no more in that case."),
}  # fmt: skip

_STATE_SENTENCES: dict[str, tuple[str, str]] = {
    "pending": ("Die Nachricht wartet auf den Versand.", "The message waits to be sent."),
    "claimed": ("Die Nachricht wird gerade vorbereitet.", "The message is being prepared."),
    "sending": ("Die Nachricht wird gerade übergeben.", "The message is being handed over."),
    "sent": ("Der Anbieter hat die Nachricht angenommen.", "The provider accepted the message."),
    "deferred": ("Die Nachricht wird später versandt.", "The message is sent later."),
    "unknown": ("Ob die Nachricht ankam, ist unbekannt.", "Whether the message arrived is not known."),
    "delivered": ("Die Nachricht wurde zugestellt.", "The message was delivered."),
    "bounced": ("Die Adresse nimmt keine Nachrichten an.", "The address does not take messages."),
    "cancelled": SENTENCES[Reason.CANCELLED],
}  # fmt: skip


def sentence(state: str, reason: str | None) -> dict[str, str]:
    """Say in German and English why a message is where it is."""
    de, en = SENTENCES.get(reason or "") or _STATE_SENTENCES.get(state) or (state, state)
    return {"de": de, "en": en}


def wait_before(attempt: int, retry_after: float | None = None) -> float:
    """Return the seconds until the next attempt: exponential with full jitter, or what the provider asked for."""
    if retry_after is not None:
        return min(retry_after, LONGEST_WAIT)
    ceiling = min(LONGEST_WAIT, _FIRST_WAIT * _GROWTH ** max(0, attempt - 1))
    return ceiling / 2 + random.random() * ceiling / 2  # noqa: S311 - jitter, not a secret


def boottime() -> float:
    """A clock that runs on while the machine sleeps, so that a stopped worker knows that its lease is over, seconds."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
