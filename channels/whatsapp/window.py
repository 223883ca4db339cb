"""When WhatsApp takes free text: within 24 hours after the person last wrote; later only an approved template.

Source: www.twilio.com/docs/whatsapp/api (sessions). Five minutes are spared, because the provider counts on its own
clock. The gate asks the same of the rows: the last message of the person in a WhatsApp conversation.
"""

from datetime import datetime, timedelta

OPEN_FOR = timedelta(hours=24)
MARGIN = timedelta(minutes=5)


def closes_at(last_inbound: datetime) -> datetime:
    """Return from when on free text is not begun any more."""
    return last_inbound + OPEN_FOR - MARGIN


def takes_free_text(last_inbound: datetime | None, now: datetime) -> bool:
    """Return whether free text may be begun now; both instants are aware. Whoever never wrote gets templates."""
    return last_inbound is not None and last_inbound <= now < closes_at(last_inbound)
