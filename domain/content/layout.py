"""The frame around the blocks: client-safe HTML for mail programs, and its plain-text counterpart."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import css_inline
from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

CARD = ("title", "price", "old_price", "valid_until", "terms")
_WORDS = {
    "de": {
        "instead": "statt",
        "until": "gültig bis",
        "why_du": "Du bekommst diese E-Mail, weil du Nachrichten von {studio} zugestimmt hast.",
        "why_sie": "Sie bekommen diese E-Mail, weil Sie Nachrichten von {studio} zugestimmt haben.",
        "unsubscribe": "Abmelden",
        "preferences": "Einstellungen",
        "imprint": "Impressum",
    },
    "en": {
        "instead": "instead of",
        "until": "valid until",
        "why_du": "You get this e-mail because you agreed to messages from {studio}.",
        "why_sie": "You get this e-mail because you agreed to messages from {studio}.",
        "unsubscribe": "Unsubscribe",
        "preferences": "Preferences",
        "imprint": "Legal notice",
    },
}


@dataclass(frozen=True, slots=True)
class Drawn:
    """A block with finished, escaped texts."""

    type: str
    texts: list[str]
    offer: dict[str, str] | None


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around the blocks; `subject` to `pixel` are finished HTML."""

    language: str
    form: str
    tenant_name: str
    postal_address: str
    imprint_url: str
    brand_colour: str
    subject: str
    preheader: str
    link: str
    unsubscribe: str
    preferences: str
    pixel: str


_CHARSET = '<meta charset="utf-8">'


@lru_cache(maxsize=1)
def _environment() -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(Path(__file__).parent / "layouts"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@lru_cache(maxsize=1)
def _inliner() -> css_inline.CSSInliner:
    return css_inline.CSSInliner(load_remote_stylesheets=False, keep_style_tags=False, keep_at_rules=True)


def words(language: str) -> dict[str, str]:
    return _WORDS.get(language, _WORDS["en"])


def html_page(drawn: list[Drawn], *, facts: Frame) -> str:
    """Return the page with its styles inlined; done once per variant."""
    blocks = [{"type": b.type, "texts": [Markup(text) for text in b.texts], "offer": b.offer} for b in drawn]  # noqa: S704
    finished = ("subject", "preheader", "link", "unsubscribe", "preferences", "pixel")
    frame = {name: getattr(facts, name) for name in Frame.__slots__}
    frame |= {name: Markup(frame[name]) for name in finished}  # noqa: S704 - escaped by the builder
    text = words(facts.language)
    why = text[f"why_{facts.form}"].format(studio=facts.tenant_name)
    page = (
        _environment()
        .get_template("mail.html.j2")
        .render(blocks=blocks, f=frame, w=text, why=why, on_brand=text_on(facts.brand_colour))
    )
    return _charset_first(_inliner().inline(page))


def _charset_first(page: str) -> str:
    """Put the encoding where programs look for it, in the first 1,024 bytes; the inliner puts its rules before it."""
    return page.replace(_CHARSET, "", 1).replace("<head>", f"<head>{_CHARSET}", 1)


def text_on(colour: str) -> str:
    """Return black or white, whichever reads better on the colour (WCAG 2.2 contrast)."""
    light = _luminance(colour)
    return "#ffffff" if 1.05 / (light + 0.05) >= (light + 0.05) / 0.05 else "#15202a"


def _luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]  # noqa: PLR2004 - sRGB
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def text_card(offer: dict[str, str], language: str) -> str:
    """Return an offer as lines of plain text."""
    text = words(language)
    price = offer["price"] + (f" ({text['instead']} {offer['old_price']})" if offer["old_price"] else "")
    lines = [f"* {offer['title']}: {price}"]
    if offer["valid_until"]:
        lines.append(f"  {text['until']} {offer['valid_until']}")
    if offer["terms"]:
        lines.append(f"  {offer['terms']}")
    return "\n".join(lines)


def text_footer(
    tenant_name: str,
    postal_address: str,
    imprint_url: str,
    *,
    unsubscribe: str,
    preferences: str,
    language: str,
    form: str,
) -> str:
    """Return who sends, why, and the two ways out, as lines of plain text."""
    text = words(language)
    why = text[f"why_{form}"].format(studio=tenant_name)
    return (
        f"-- \n{tenant_name}, {postal_address}\n{text['imprint']}: {imprint_url}\n\n{why}\n"
        f"{text['unsubscribe']}:\n{unsubscribe}\n{text['preferences']}:\n{preferences}"
    )
