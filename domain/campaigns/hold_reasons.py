"""Why a campaign is on hold, in a sentence for people: what happened, and the way out."""

from collections.abc import Mapping
from types import MappingProxyType

# By code; a reason is a code, or a code with details behind a colon.
SENTENCES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "approval_void": (
            "Text, Zielgruppe, Absender oder Zeit sind nicht mehr so, wie sie freigegeben wurden. Bitte neu freigeben.",
            "Text, audience, sender or time are no longer as they were approved. Approve it again.",
        ),
        "offer_expired": (
            "Ein Angebot im Text gilt heute nicht. Bitte das Angebot verlängern oder den Text ändern.",
            "An offer in the text is not valid today. Extend the offer or change the text.",
        ),
        "source_expired": (
            "Ein Dokument, auf das sich der Text beruft, gilt heute nicht. Bitte das Dokument oder den Text erneuern.",
            "A document that the text rests on is not in force today. Renew the document or the text.",
        ),
        "segment_missing": (
            "Die Zielgruppe gibt es nicht mehr. Bitte eine andere wählen und neu freigeben.",
            "The audience is gone. Choose another one and approve again.",
        ),
        "audience_drift": (
            "Die Zielgruppe ist viel größer oder kleiner als bei der Freigabe. Bitte ansehen und neu freigeben.",
            "The audience is much larger or smaller than when it was approved. Look at it and approve again.",
        ),
        "over_cost_ceiling": (
            "Der Versand würde mehr kosten als freigegeben. Bitte die Kostengrenze erhöhen und neu freigeben.",
            "Sending would cost more than was approved. Raise the ceiling and approve again.",
        ),
        "over_budget": (
            "Das Budget ist aufgebraucht. Bitte das Budget erhöhen oder den nächsten Zeitraum abwarten.",
            "The budget is used up. Raise it or wait for the next period.",
        ),
        "experiment_fails": (
            "Der A/B-Test lässt sich nicht auswerten, der Rest wartet. Bitte fortsetzen oder selbst entscheiden.",
            "The A/B test cannot be looked at, and the rest waits. Resume it, or decide yourself.",
        ),
        "schedule_missed": (
            "Der geplante Zeitpunkt ist verstrichen, ohne dass gesendet wurde. Bitte einen neuen wählen.",
            "The planned time passed without anything being sent. Choose another one.",
        ),
        "stop_loss": (
            "Zu viele Nachrichten wurden abgelehnt oder gemeldet. Der Versand steht, um den Absender zu schützen.",
            "Too many messages were refused or reported. Sending was stopped to protect the sender.",
        ),
        "no_open_hour": (
            "Für alle Übrigen lassen die Ruhezeiten keine Stunde. Bitte ändern und fortsetzen, oder abbrechen.",
            "The quiet hours leave no hour of the day for whoever is left. Change them and resume, or cancel.",
        ),
        "tenant_suspended": (
            "Das Konto ist gesperrt. Bitte an den Betreiber wenden.",
            "The account is suspended. Talk to the operator.",
        ),
        "imprint_missing": (
            "Postanschrift oder Impressum fehlen in den Einstellungen.",
            "Postal address or legal notice are missing in the settings.",
        ),
        "sender_missing": (
            "Die Kampagne hat keinen passenden Absender. Bitte einen wählen.",
            "The campaign has no sender that fits. Choose one.",
        ),
        "sender_stopped": (
            "Der Absender steht: zu viele Beschwerden oder Ablehnungen. Bitte beheben, aufheben und fortsetzen.",
            "The sender was stopped: too many complaints or refusals. Remove the cause, lift the stop and resume.",
        ),
        "sender_domain_missing": (
            "Die Domain des Absenders ist nicht eingerichtet. Bitte unter „Absender“ anlegen und prüfen.",
            "The sender's domain is not set up. Add and check it under senders.",
        ),
        "sender_unchecked": (
            "Die Domain des Absenders wurde länger nicht geprüft. Bitte unter „Absender“ prüfen.",
            "The sender's domain has not been checked for a while. Check it under senders.",
        ),
        "sender_unaligned": (
            "SPF oder DKIM passen nicht zur Domain des Absenders. Bitte die DNS-Einträge richtigstellen.",
            "SPF or DKIM do not fit the sender's domain. Correct the DNS records.",
        ),
        "account_missing": (
            "Für diesen Kanal ist kein Zugang hinterlegt. Bitte unter „Absender“ verbinden.",
            "No account is stored for this channel. Connect one under senders.",
        ),
        "account_paused": (
            "Der Zugang dieses Kanals ist abgeschaltet. Bitte unter „Absender“ einschalten.",
            "The account of this channel is switched off. Switch it on under senders.",
        ),
        "account_broken": (
            "Die Zugangsdaten dieses Kanals lassen sich nicht verwenden. Bitte unter „Absender“ neu eingeben.",
            "The credentials of this channel cannot be used. Enter them again under senders.",
        ),
        "template_unknown": (
            "Die WhatsApp-Vorlage gibt es beim Anbieter nicht. Bitte eine andere wählen.",
            "The provider does not know the WhatsApp template. Choose another one.",
        ),
        "template_not_approved": (
            "WhatsApp hat die Vorlage nicht freigegeben. Bitte die Freigabe abwarten oder eine andere wählen.",
            "WhatsApp has not approved the template. Wait for it or choose another one.",
        ),
        "template_variables": (
            "Die Variablen passen nicht zur WhatsApp-Vorlage. Bitte alle füllen.",
            "The variables do not fit the WhatsApp template. Fill all of them.",
        ),
        "relay": (
            "Der Mailserver nimmt von diesem Absender nichts an. Bitte Zugangsdaten und Absender prüfen.",
            "The mail server takes nothing from this sender. Check credentials and sender.",
        ),
    }
)
_ELSE = (
    "Etwas ist nicht so, wie es freigegeben wurde. Der Grund steht in der Kampagne.",
    "Something is not as it was approved. The campaign says what.",
)


def sentence(reason: str | None) -> dict[str, str]:
    """Return a hold reason as people read it, by language; one that is not known says that and nothing wrong."""
    german, english = SENTENCES.get((reason or "").partition(":")[0].strip(), _ELSE)
    return {"de": german, "en": english}
