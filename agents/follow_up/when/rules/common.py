"""The rules German and English share; words enter through the categories of the lexicons."""

from agents.follow_up.when.rules import amounts, clocks, days, periods

RULES = (
    *amounts.NUMBERS,
    *amounts.LENGTHS,
    *days.DAYS,
    *periods.PERIODS,
    *amounts.COUNTED,
    *days.WEEKDAYS,
    *days.HOLIDAYS,
    *periods.RANGES,
    *amounts.OFFSETS,
    *clocks.CLOCKS,
)
