"""Payloads of when people act: the heatmap of a tenant, and the hour for one member."""

from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import Field

from api.schemas.base import Output
from domain.analytics import heatmap, responses, send_times


class HourOut(Output):
    weekday: int = Field(description="1 is Monday.", examples=[2])
    hour: int = Field(description="The hour that begins then.", examples=[18])
    n: int = Field(description="Messages whose first click, or open, fell into it: the sample behind it.")
    share_low: float = Field(description="Lower bound of its share of all (95 %, Wilson).")
    share_high: float
    index: float | None = Field(
        description="Against the average hour (1), drawn towards its weekday and hour where it has seen little; null "
        "where there is too little to say so."
    )
    quiet: bool = Field(description="Within the tenant's quiet hours: nobody is written to then.")


class BestOut(Output):
    weekday: int | None = Field(description="Null: on any day.", examples=[4])
    hour: int
    n: int = Field(description="Messages that were counted in it.")
    is_default: bool = Field(description="True for a customary time that no data backs.")


class HeatmapOut(Output):
    channel: str
    clock: str = Field(description="Whose clock the hours are on: the tenant's, or each member's own.")
    zone: str = Field(description="The tenant's zone; on the members' clocks that of members without one.")
    counted_at: datetime | None = Field(description="When something was last counted; null before the first time.")
    counts: str = Field(description="clicked, or opened where clicks say nothing yet.", examples=["clicked"])
    total: int = Field(description="Messages behind all cells.", examples=[4210])
    basis: str = Field(
        description="cells: each hour of each weekday for itself (from 1,000 messages); hours: hours of the day only "
        "(from 100); none: nothing can be said, and `best` is a default.",
        examples=["cells"],
    )
    reason: str = Field(description="enough, too_few, or no_pattern: no hour stands out from chance.")
    best: BestOut
    sentence: dict[str, str] = Field(description="What that means, in German and English.")
    cells: list[HourOut] = Field(description="168, from Monday 0 o'clock on.")

    @classmethod
    def made(cls, found: send_times.Heatmap) -> Self:
        """Build from what the domain knows."""
        surface = found.surface
        return cls(
            channel=found.channel,
            clock=found.clock,
            zone=found.zone,
            counted_at=found.counted_at,
            counts=surface.kind,
            total=surface.total,
            basis=surface.basis,
            reason=surface.reason,
            best=BestOut.of(surface.best),
            sentence={language: heatmap.words(surface, language) for language in ("de", "en")},
            cells=[
                HourOut(
                    weekday=cell.weekday,
                    hour=cell.hour,
                    n=cell.n,
                    share_low=cell.share.low,
                    share_high=cell.share.high,
                    index=cell.index,
                    quiet=cell.quiet,
                )
                for cell in surface.cells
            ],
        )


class SentOut(Output):
    weekday: int = Field(description="1 is Monday.", examples=[2])
    hour: int = Field(description="The hour that begins then, on the tenant's clock.", examples=[18])
    reached: int = Field(description="Messages sent in it that arrived: the sample behind it.", examples=[1200])
    responded: int = Field(description="Those of them that were clicked, or opened, until now.", examples=[96])
    share: float | None = Field(description="Responded of reached; null where nothing arrived.", examples=[0.08])
    share_low: float | None = Field(description="Lower bound of the share (95 %, Wilson).")
    share_high: float | None
    index: float | None = Field(
        description="Against the share of all (1), drawn towards it where it has seen little; null where there is too "
        "little to say so."
    )
    quiet: bool = Field(description="Within the tenant's quiet hours: nobody is written to then.")


class ResponsesOut(Output):
    channel: str
    counts: str = Field(description="clicked, or opened where clicks say nothing yet.", examples=["clicked"])
    reached: int = Field(description="Messages of the last 365 days that arrived.", examples=[52000])
    responded: int = Field(examples=[4210])
    basis: str = Field(
        description="cells: each hour of each weekday for itself (from 1,000 responses); hours: hours of the day only "
        "(from 100); none: nothing can be said, and `best` is a default.",
        examples=["cells"],
    )
    reason: str = Field(description="enough, too_few, or no_pattern: no hour stands out from chance.")
    best: BestOut
    sentence: dict[str, str] = Field(description="What that means, in German and English.")
    cells: list[SentOut] = Field(description="168, from Monday 0 o'clock on.")

    @classmethod
    def made(cls, channel: str, found: responses.Responses) -> Self:
        """Build from what the domain knows."""
        return cls(
            channel=channel,
            counts=found.kind,
            reached=found.whole.reached,
            responded=found.whole.responded,
            basis=found.basis,
            reason=found.reason,
            best=BestOut.of(found.best),
            sentence={language: responses.words(found, language) for language in ("de", "en")},
            cells=[_sent(cell) for cell in found.cells],
        )


def _sent(cell: responses.Sent) -> SentOut:
    bounds = cell.group.interval
    return SentOut(
        weekday=cell.weekday,
        hour=cell.hour,
        reached=cell.group.reached,
        responded=cell.group.responded,
        share=cell.group.rate,
        share_low=bounds.low if bounds else None,
        share_high=bounds.high if bounds else None,
        index=cell.index,
        quiet=cell.quiet,
    )


class BestSendTimeOut(Output):
    """The recommended hour for a member, on the member's clock."""

    member_id: UUID
    channel: str
    source: str = Field(description="member: own acts; tenant: those of all members; default: no data.")
    why: str = Field(
        description="enough, or why it is not the member's own hour: no_consent (for profiling), too_few (of 5), "
        "scattered, quiet.",
        examples=["enough"],
    )
    weekday: int | None = Field(description="Null: on any day.")
    hour: int = Field(examples=[18])
    acts: int = Field(description="How many first clicks and opens it rests on.", examples=[12])
    zone: str = Field(examples=["Europe/Berlin"])
