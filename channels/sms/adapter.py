"""Text messages through Twilio."""

from channels.twilio.client import TwilioDoor
from channels.twilio.settings import Account


def door(account: Account) -> TwilioDoor:
    """Return a way to send through an account; one per slot."""
    return TwilioDoor(account)
