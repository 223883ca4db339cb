"""From a text with slots to what one person reads on SMS, WhatsApp or Telegram, in the preview and in the sending."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from domain.content import slots
from domain.content.compile import Builder, LayoutFacts, OfferFacts, Part, constants_of, escape_text

_LINK = "cta_url"
_LATER = "later"
_GAP = re.compile(r"[ \t]+(?=\n)|(?<=[ \t])[ \t]+|(?<=\n\n)\n+")
_WAY_OUT = re.compile(r"\bSTOPP?\b")
# What a value may not bring along: it would be read as an emphasis that nobody wrote.
_MARKS = {"whatsapp": str.maketrans("", "", "*~`")}
OPT_OUT = {"de": "Abmelden: STOP", "en": "Opt out: STOP"}


@dataclass(frozen=True, slots=True)
class CompiledText:
    """One text in one language. `links` are the targets by position; their holes are named `link:<n>`."""

    body: Part
    links: tuple[str, ...]
    slots: frozenset[str]
    channel: str = "sms"
    one_line: bool = False

    def fill(self, values: Mapping[str, str], *, first: bool = True) -> str:
        """Return the text for one recipient; `values` holds the member's slots and `link:<n>`.

        `first`: nothing was sent to this address before, so the way out is named (SMS).
        """
        marks = _MARKS.get(self.channel)
        if marks:
            values = {name: text if ":" in name else text.translate(marks) for name, text in values.items()}
        text = self.body.join(self.body.fill(values if first else {**values, _LATER: "1"}))
        return " ".join(text.split()) if self.one_line else _GAP.sub("", text).strip()

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
    one_line: bool = False,
) -> CompiledText:
    """Compile one language; `one_line` is for a variable of a template, which holds no line break.

    An SMS ends with the way out unless its own words name it; a Telegram button stands as a line of its own, so that
    no client hides where it leads. `links` and `slots` are also those of a template's variables. Raises slots.BadSlot
    for a text that cannot be read.
    """
    nodes = slots.parse(str(content.get("text", "")))
    button = content.get("button")
    if isinstance(button, Mapping) and cta_url:
        nodes = (*nodes, "\n\n", *slots.parse(str(button.get("label", ""))), ": ", slots.Value(_LINK))
    constants = constants_of(offers, facts, cta_url, language)
    variables = content.get("variables")
    texts = variables.values() if isinstance(variables, Mapping) else ()
    names = frozenset(slots.names(nodes)).union(*(slots.names(slots.parse(str(text))) for text in texts))
    links: tuple[str, ...] = ()
    if cta_url and _LINK in names:
        del constants[_LINK]
        links = (cta_url,)
    builder = Builder(constants, escape_text, bold=_BOLD.get(channel), renamed={_LINK: "link:0"} if links else {})
    text = builder.words(nodes)
    if channel == "sms" and not one_line and not _WAY_OUT.search(slots.plain(nodes)):
        words = OPT_OUT.get(language, OPT_OUT["en"])
        text += builder.mark(lambda values: "" if values.get(_LATER) else f"\n{words}")
    return CompiledText(builder.part(text), links, names, channel, one_line)


def compile_variables(
    content: Mapping[str, object],
    *,
    channel: str,
    language: str,
    form: str,
    offers: Sequence[OfferFacts],
    cta_url: str,
    facts: LayoutFacts,
) -> dict[str, CompiledText]:
    """Compile what fills the variables of an approved template, by their names."""
    given = content.get("variables")
    return {
        str(name): compile_text(
            {"text": text},
            channel=channel,
            language=language,
            form=form,
            offers=offers,
            cta_url=cta_url,
            facts=facts,
            one_line=True,
        )
        for name, text in (given.items() if isinstance(given, Mapping) else ())
    }


def _starred(text: str) -> str:
    return f"*{text}*"


# How a channel shows `**important**`; where it cannot, the words stand alone.
_BOLD: dict[str, Callable[[str], str]] = {"whatsapp": _starred}
