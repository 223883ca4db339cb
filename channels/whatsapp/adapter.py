"""WhatsApp through Twilio: free text within 24 hours after the person wrote, else an approved template."""

from channels.twilio.client import TwilioDoor
from channels.twilio.settings import Account


def door(account: Account) -> TwilioDoor:
    """Return a way to send through an account; one per slot."""
    return TwilioDoor(account, prefix="whatsapp:")
