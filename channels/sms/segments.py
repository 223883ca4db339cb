"""What a text message costs: how it is encoded and into how many segments it falls (3GPP TS 23.038 and 23.040).

GSM-7 carries 160 characters in one segment and 153 in each of several; a character of the extension table counts twice
and is never cut in two. Any other character makes the whole message UCS-2: 70 and 67 code units, and what people see as
one character is not cut either. Equal to the provider's calculator (github.com/TwilioDevEd/message-segment-calculator).
"""

from dataclasses import dataclass

from channels.sms import clusters

LONGEST = 1_600  # characters that the provider takes in one message
_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("\f^{}\\[~]|€")
_SINGLE, _PART = {"GSM-7": 160, "UCS-2": 70}, {"GSM-7": 153, "UCS-2": 67}

# What people and programs type without meaning it, and what says the same in GSM-7.
PLAINER = {
    "–": "-", "—": "-", "‑": "-", "−": "-", "‘": "'", "’": "'", "‚": "'", "“": '"', "”": '"', "„": '"', "«": '"',
    "»": '"', "…": "...", "•": "-", "·": "-", "\u00a0": " ", "\u202f": " ", "\u2009": " ", "\u200b": "", "\u00ad": "",
    "\ufeff": "", "\t": " ", "ç": "c", "á": "a", "â": "a", "ê": "e", "ë": "e", "í": "i", "î": "i", "ï": "i", "ó": "o",
    "ô": "o", "ú": "u", "û": "u", "`": "'", "´": "'",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Offender:
    """A character that makes the message cost more, where it stands, and what could stand there instead."""

    character: str
    positions: tuple[int, ...]
    instead: str | None

    @property
    def position(self) -> int:
        """Where it first stands."""
        return self.positions[0]


@dataclass(frozen=True, slots=True)
class Cost:
    """How a text is sent: encoding, units of it, segments, and what is left in the last one."""

    encoding: str
    units: int
    segments: int
    left: int
    offenders: tuple[Offender, ...]
    characters: int = 0

    @property
    def too_long(self) -> bool:
        """Whether the provider takes it no more, however many segments are paid."""
        return self.characters > LONGEST


def cost(text: str) -> Cost:
    """Return what a text costs. An empty one costs nothing."""
    offenders = _offenders(text)
    encoding = "UCS-2" if offenders else "GSM-7"
    widths = [_width(character, encoding) for character in text] if encoding == "GSM-7" else _wholes(text)
    units = sum(widths)
    if units <= _SINGLE[encoding]:
        return Cost(encoding, units, 1 if text else 0, _SINGLE[encoding] - units, offenders, len(text))
    segments, room = 1, _PART[encoding]
    for width in widths:
        if width > room:
            segments, room = segments + 1, _PART[encoding]
        room -= width
    return Cost(encoding, units, segments, room, offenders, len(text))


def _wholes(text: str) -> list[int]:
    """Return the units of what people see as one character; one that fits into no segment is cut after all."""
    widths = []
    for cluster in clusters.split(text):
        each = [_width(character, "UCS-2") for character in cluster]
        widths += [sum(each)] if sum(each) <= _PART["UCS-2"] else each
    return widths


def _width(character: str, encoding: str) -> int:
    if encoding == "GSM-7":
        return 2 if character in _EXTENDED else 1
    return 2 if ord(character) > 0xFFFF else 1  # noqa: PLR2004 - a surrogate pair


def _offenders(text: str) -> tuple[Offender, ...]:
    found: dict[str, list[int]] = {}
    for position, character in enumerate(text):
        if character not in _BASIC and character not in _EXTENDED:
            found.setdefault(character, []).append(position)
    return tuple(Offender(each, tuple(places), PLAINER.get(each)) for each, places in found.items())


def plainer(text: str) -> str:
    """Return the text with every offender exchanged that has a plain equal."""
    return "".join([PLAINER.get(character, character) for character in text])
