"""Payloads of reports: counts by when things happened, rates by when the messages were sent."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Self, TypeVar
from uuid import UUID

from pydantic import Field

from api.schemas.base import Output
from domain.analytics import attribution, reports

Row = TypeVar("Row", bound="FiguresOut")


class RateOut(Output):
    """A share; the denominator is named, and the numerator is a part of it."""

    value: float | None = Field(description="Between 0 and 1; null while nothing was sent.", examples=[0.42])
    numerator: int
    denominator: int
    per: str = Field(description="What it is a share of: sent, reached or attempted.", examples=["reached"])


class FiguresOut(Output):
    """What was counted. `opened` are messages, `opens` every time; machines apart."""

    counts: dict[str, int] = Field(
        description="By when it happened: sent, delivered, opened, opens, opened_machine, clicked, converted, …",
        examples=[{"sent": 1200, "reached": 1180, "opened": 480, "opens": 730, "opened_machine": 210, "clicked": 96}],
    )
    rates: dict[str, RateOut] = Field(
        description="Of the messages sent in the period, the share of which each is true until now.",
        examples=[{"opened": {"value": 0.4068, "numerator": 480, "denominator": 1180, "per": "reached"}}],
    )
    values: dict[str, int] = Field(description="Value of conversions by currency, in its smallest unit.")

    @classmethod
    def made(cls, figures: reports.Figures) -> Self:
        """Build from figures of the domain."""
        return cls(
            counts=figures.counts,
            rates={name: RateOut.of(rate) for name, rate in figures.rates.items()},
            values=dict(figures.values),
        )


class PartOut(FiguresOut):
    """One day, week (ISO 8601) or month; the first and the last one end where the report does."""

    start: date
    end: date


class ChannelFigures(FiguresOut):
    channel: str


class LanguageFigures(FiguresOut):
    language: str


class VariantFigures(FiguresOut):
    variant: int | None = Field(description="Null for messages without a variant.")


class LinkFigures(FiguresOut):
    """Of the counts only clicks and conversions are about a link."""

    n: int = Field(description="The link's place in the content, from 0.")
    language: str
    url: str | None


class SegmentFigures(FiguresOut):
    """Who was in the segment is fixed with the recipients; who joins or leaves it later changes nothing."""

    segment_id: UUID
    name: str = Field(description="The segment's name when the recipients were fixed.", examples=["Stammgäste"])
    targeted: int = Field(description="Messages to members of the segment, in whatever state.")


class ReportOut(Output):
    """Figures of a campaign or of a tenant. Sections that the plan has not are null."""

    start: date
    end: date
    by: str
    zone: str = Field(description="The zone that the days are cut in.", examples=["Europe/Berlin"])
    level: str = Field(description="The plan's level of analytics.", examples=["standard"])
    as_of: datetime = Field(description="Everything that was written before is counted.")
    behind: int = Field(description="Events that are written and not yet counted, at most 10,000 are told.")
    targeted: int = Field(description="Messages of the campaigns, in whatever state.")
    totals: FiguresOut
    skipped: dict[str, int] = Field(description="Why messages were not sent.", examples=[{"no_consent": 12}])
    failed: dict[str, int] = Field(description="Why sending failed.")
    series: list[PartOut] | None
    channels: list[ChannelFigures] | None
    languages: list[LanguageFigures] | None
    links: list[LinkFigures] | None
    variants: list[VariantFigures] | None
    segments: list[SegmentFigures] | None = Field(description="The segments that the audiences name.")
    segments_overlap: bool | None = Field(
        description="True where members were in several of the segments: each of them counts these members, and the "
        "sum over the segments is above the total.",
        examples=[False],
    )

    @classmethod
    def made(cls, report: reports.Report) -> Self:
        """Build from a report of the domain."""
        plain = {
            name: getattr(report, name)
            for name in ("zone", "level", "as_of", "behind", "targeted", "skipped", "failed")
        }
        return cls(
            **plain,
            start=report.span.first,
            end=report.span.last,
            by=report.by.value,
            totals=FiguresOut.made(report.totals),
            series=None
            if report.series is None
            else [
                PartOut(**_figures(part.figures), start=part.span.first, end=part.span.last) for part in report.series
            ],
            channels=_keyed(ChannelFigures, "channel", report.channels),
            languages=_keyed(LanguageFigures, "language", report.languages),
            variants=_keyed(VariantFigures, "variant", report.variants),
            segments=None
            if report.segments is None
            else [
                SegmentFigures(
                    **_figures(each.figures), segment_id=each.segment_id, name=each.name, targeted=each.targeted
                )
                for each in report.segments.found
            ],
            segments_overlap=None if report.segments is None else report.segments.overlap,
            links=None
            if report.links is None
            else [
                LinkFigures(**_figures(link.figures), n=link.n, language=link.language, url=link.url)
                for link in report.links
            ],
        )


def _figures(figures: reports.Figures) -> dict[str, Any]:
    return FiguresOut.made(figures).model_dump()


def _keyed(row: type[Row], name: str, found: Mapping[Any, reports.Figures] | None) -> list[Row] | None:
    if found is None:
        return None
    return [row(**_figures(figures), **{name: key}) for key, figures in found.items()]


class CreditOut(Output):
    """What one campaign gets of the conversions; parts of one where a model shares them."""

    campaign_id: UUID | None
    name: str | None
    conversions: float = Field(examples=[12.5])
    values: dict[str, int] = Field(description="By currency, in its smallest unit.", examples=[{"EUR": 49900}])


class AttributionOut(Output):
    """Who gets the conversions of the period, with the model and the window that say so."""

    start: date
    end: date
    zone: str
    model: str
    window_days: int = Field(description="So many days before a conversion a touch counts.")
    campaigns: list[CreditOut] = Field(description="The most conversions first.")
    nobody: CreditOut = Field(description="What no campaign touched.")
    conversions: float = Field(description="All of them; the parts above are together as many.")
    values: dict[str, int]

    @classmethod
    def made(cls, found: attribution.Attribution) -> Self:
        """Build from an attribution of the domain."""
        return cls(
            **{name: getattr(found, name) for name in ("zone", "window_days", "conversions")},
            values=dict(found.values),
            start=found.span.first,
            end=found.span.last,
            model=found.model.value,
            campaigns=[CreditOut.of(each) for each in found.campaigns],
            nobody=CreditOut.of(found.nobody),
        )
