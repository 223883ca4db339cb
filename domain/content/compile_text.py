"""From a text with slots to what one person reads on SMS, WhatsApp or Telegram, in the preview and in the sending."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from domain.content import slots
from domain.content.compile import Builder, LayoutFacts, OfferFacts, Part, constants_of, escape_text

_LINK = "cta_url"


@dataclass(frozen=True, slots=True)
class CompiledText:
    """One text in one language. `links` are the targets by position; their holes are named `link:<n>`."""

    body: Part
    links: tuple[str, ...]
    slots: frozenset[str]

    def fill(self, values: Mapping[str, str]) -> str:
        """Return the text for one recipient; `values` holds the member's slots and `link:<n>`."""
        return self.body.join(self.body.fill(values)).strip()

    def plain_links(self) -> dict[str, str]:
        """Return the values that make every link lead straight to its target."""
        return {f"link:{n}": url for n, url in enumerate(self.links)}


def compile_text(
    content: Mapping[str, object],
    *,
    channel: str,
    language: str,
    form: str,  # noqa: ARG001 - what the facts are addressed in; the text itself has it already
    offers: Sequence[OfferFacts],
    cta_url: str,
    facts: LayoutFacts,
) -> CompiledText:
    """Compile one language. Raises slots.BadSlot for a text that cannot be read."""
    nodes = slots.parse(str(content.get("text", "")))
    constants = constants_of(offers, facts, cta_url, language)
    names = frozenset(slots.names(nodes))
    links: tuple[str, ...] = ()
    if cta_url and _LINK in names:
        del constants[_LINK]
        links = (cta_url,)
    builder = Builder(constants, escape_text, bold=_BOLD.get(channel), renamed={_LINK: "link:0"} if links else {})
    return CompiledText(builder.part(builder.words(nodes)), links, names)


def _starred(text: str) -> str:
    return f"*{text}*"


# How a channel shows `**important**`; where it cannot, the words stand alone.
_BOLD: dict[str, Callable[[str], str]] = {"whatsapp": _starred}
