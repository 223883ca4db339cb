"""From a rendered text to what the page shows of it: the bubble and what it takes to send it."""

from channels.sms import segments
from domain.campaigns import frame
from domain.content import text_checks
from domain.content.member_values import MemberFacts
from domain.delivery.texts import TextRendering, TextVariant
from kernel import clock
from models import Campaign
from preview import bubbles, view


def bubble(
    rendering: TextRendering, campaign: Campaign, member: MemberFacts, lang: str, number: int = 0
) -> view.Bubble:
    """Return the text as this member would get it, with plain links."""
    channel, variant = rendering.channel, rendering.variant(member, lang, clock.now(), number)
    values = rendering.values(member, lang, clock.now()) | variant.plain
    text = rendering.preview(member, lang, number)
    return view.Bubble(
        channel=channel,
        runs=bubbles.runs(text, channel),
        language=lang,
        units=text_checks.units(text, channel),
        most_units=text_checks.LONGEST[channel],
        template=variant.template,
        variables=tuple((name, compiled.fill(values)) for name, compiled in variant.variables.items()),
        parts=_parts(campaign, text, variant) if channel == "sms" else None,
    )


def _parts(campaign: Campaign, text: str, variant: TextVariant) -> view.Parts:
    compiled, link = variant.compiled, frame.longest_link(campaign, variant.plain.values())
    most = segments.cost(compiled.fill(text_checks.longest_values(compiled, link))).segments
    cost = segments.cost(text)
    return view.Parts(cost.segments, most, cost.encoding, " ".join(each.character for each in cost.offenders))
