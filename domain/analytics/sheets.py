"""The heatmap, accounts, comparisons and cohorts as tables for files; every figure is the one of the answer."""

from collections.abc import Mapping, Sequence
from typing import Any

from domain.analytics.cohorts import Table
from domain.analytics.comparison import METRICS, Comparison
from domain.analytics.exports import Column, Language, Sheet
from domain.analytics.heatmap import Surface
from domain.analytics.money import Account, Overview
from domain.analytics.responses import Responses

_HEADINGS: Mapping[str, tuple[str, str]] = {
    "weekday": ("Wochentag (1 = Montag)", "Weekday (1 = Monday)"),
    "hour": ("Stunde", "Hour"),
    "n": ("Nachrichten", "Messages"),
    "share_low": ("Anteil, untere Grenze", "Share, lower bound"),
    "share_high": ("Anteil, obere Grenze", "Share, upper bound"),
    "index": ("Index (1 = Durchschnitt)", "Index (1 = average)"),
    "quiet": ("Ruhezeit", "Quiet hours"),
    "reached": ("Zugestellt", "Arrived"),
    "responded": ("Mit Antwort", "With a response"),
    "campaign": ("Kampagne", "Campaign"),
    "channel": ("Kanal", "Channel"),
    "month": ("Monat", "Month"),
    "messages": ("Nachrichten", "Messages"),
    "unpriced_messages": ("Nachrichten ohne Preis", "Messages without a price"),
    "tokens": ("Token", "Tokens"),
    "unpriced_tokens": ("Token ohne Preis", "Tokens without a price"),
    "name": ("Name", "Name"),
    "metric": ("Kennzahl", "Metric"),
    "numerator": ("Anzahl", "Count"),
    "denominator": ("Von", "Of"),
    "share": ("Anteil", "Share"),
    "low": ("Untere Grenze (95 %)", "Lower bound (95%)"),
    "high": ("Obere Grenze (95 %)", "Upper bound (95%)"),
    "difference": ("Unterschied zur ersten", "Difference to the first"),
    "difference_low": ("Unterschied, untere Grenze", "Difference, lower bound"),
    "difference_high": ("Unterschied, obere Grenze", "Difference, upper bound"),
    "p": ("p (nach Holm)", "p (Holm)"),
    "verdict": ("Urteil", "Verdict"),
    "joined": ("Beitritt", "Joined"),
    "members": ("Mitglieder", "Members"),
    "age": ("Monate seit Beitritt", "Months since joining"),
    "active": ("Aktive", "Active"),
}
_MONEY: Mapping[str, tuple[str, str]] = {
    "cost": ("Kosten in", "Cost in"),
    "revenue": ("Umsatz in", "Revenue in"),
    "roi": ("ROI in", "ROI in"),
    "buyers": ("Käufer in", "Buyers in"),
    "purchases": ("Käufe in", "Purchases in"),
    "amount": ("Käufe, Wert in", "Purchases, value in"),
}


def _column(key: str, language: Language, kind: Any = "number") -> Column:
    return Column(key, _HEADINGS[key][language == "en"], kind)


def _in(key: str, currency: str, language: Language, kind: Any) -> Column:
    return Column(f"{key}_{currency}", f"{_MONEY[key][language == 'en']} {currency}", kind, currency)


def of_heatmap(surface: Surface, language: Language) -> Sheet:
    """Return the 168 hours of a heatmap."""
    kinds = {"weekday": "number", "hour": "number", "n": "number", "share_low": "share", "share_high": "share",
             "index": "number", "quiet": "number"}  # fmt: skip
    rows = [
        [cell.weekday, cell.hour, cell.n, cell.share.low, cell.share.high,
         cell.index, int(cell.quiet)]
        for cell in surface.cells
    ]  # fmt: skip
    return Sheet([_column(key, language, kind) for key, kind in kinds.items()], rows)


def of_responses(found: Responses, language: Language) -> Sheet:
    """Return the 168 hours of sending."""
    kinds = {"weekday": "number", "hour": "number", "reached": "number", "responded": "number", "share": "share",
             "share_low": "share", "share_high": "share", "index": "number", "quiet": "number"}  # fmt: skip
    rows = []
    for cell in found.cells:
        bounds = cell.group.interval
        between = [bounds.low, bounds.high] if bounds else [None, None]
        own = [cell.group.reached, cell.group.responded, cell.group.rate, *between]
        rows.append([cell.weekday, cell.hour, *own, cell.index, int(cell.quiet)])
    return Sheet([_column(key, language, kind) for key, kind in kinds.items()], rows)


def of_accounts(found: Overview, language: Language) -> Sheet:
    """Return cost, revenue and return, one row per account, in columns of their own per currency."""
    currencies = sorted({each.currency for account in found.accounts for each in account.returns()})
    counts = ("messages", "unpriced_messages", "tokens", "unpriced_tokens")
    columns = [
        _column(found.by, language, "text"),
        *(_column(key, language) for key in counts),
        *(
            _in(key, currency, language, kind)
            for currency in currencies
            for key, kind in (("cost", "money"), ("revenue", "money"), ("roi", "share"))
        ),
    ]
    rows = [
        [account.key, *(getattr(account, key) for key in counts), *_money(account, currencies)]
        for account in found.accounts
    ]
    return Sheet(columns, rows)


def _money(account: Account, currencies: Sequence[str]) -> list[Any]:
    known = {each.currency: each for each in account.returns()}
    cells: list[Any] = []
    for currency in currencies:
        one = known.get(currency)
        cells += [one.cost_minor, one.revenue_minor, one.roi] if one else [0, 0, None]
    return cells


def of_comparison(found: Comparison, language: Language) -> Sheet:
    """Return one row per campaign and metric, with the difference to the first campaign."""
    told = {(each.campaign_id, each.metric): each for each in found.differences}
    kinds = {"campaign": "text", "name": "text", "metric": "text", "numerator": "number", "denominator": "number",
             "share": "share", "low": "share", "high": "share", "difference": "share", "difference_low": "share",
             "difference_high": "share", "p": "number", "verdict": "text"}  # fmt: skip
    rows = []
    for column in found.columns:
        for metric in METRICS:
            share, other = column.shares[metric], told.get((column.campaign.id, metric))
            bounds, between = share.interval, other.interval if other else None
            rows.append(
                [
                    str(column.campaign.id),
                    column.campaign.name,
                    metric,
                    share.n,
                    share.of,
                    share.n / share.of if share.of else None,
                    bounds.low if bounds else None,
                    bounds.high if bounds else None,
                    other.difference if other else None,
                    between.low if between else None,
                    between.high if between else None,
                    other.p if other else None,
                    other.verdict if other else "",
                ]
            )
    return Sheet([_column(key, language, kind) for key, kind in kinds.items()], rows)


def of_cohorts(table: Table, language: Language) -> Sheet:
    """Return one row per cohort and month, with what was bought in columns of their own per currency."""
    months = [(cohort, month) for cohort in table.cohorts for month in cohort.months]
    currencies = sorted({each.currency for _, month in months for each in month.bought})
    columns = [
        _column("joined", language, "date"),
        _column("members", language),
        _column("month", language, "date"),
        _column("age", language),
        _column("active", language),
        *(
            _in(key, currency, language, kind)
            for currency in currencies
            for key, kind in (("buyers", "number"), ("purchases", "number"), ("amount", "money"))
        ),
    ]
    rows = []
    for cohort, month in months:
        bought = {each.currency: each for each in month.bought}
        cells: list[Any] = []
        for currency in currencies:
            one = bought.get(currency)
            cells += [one.buyers, one.purchases, one.amount_minor] if one else [0, 0, 0]
        rows.append([cohort.joined, cohort.members, month.month, month.age, month.active, *cells])
    return Sheet(columns, rows)
