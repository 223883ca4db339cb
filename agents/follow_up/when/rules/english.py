"""The rules of English."""

from agents.follow_up.when.rules import english_amounts, english_clocks, english_days

RULES = (
    *english_amounts.NUMBERS,
    *english_days.DAYS,
    *english_days.PARTS,
    *english_clocks.CLOCKS,
)
