"""The registry of channels: a new one is a folder and a line here."""

from channels.base import Channel

CHANNELS = {
    channel.kind: channel
    for channel in (
        Channel("email", "E-Mail", "E-mail", frozenset({"subject", "html", "links", "one_click_unsubscribe"})),
        Channel("sms", "SMS", "SMS", frozenset({"links", "segments"})),
        Channel("whatsapp", "WhatsApp", "WhatsApp", frozenset({"links", "templates", "window"})),
        Channel("telegram", "Telegram", "Telegram", frozenset({"links"})),
    )
}
