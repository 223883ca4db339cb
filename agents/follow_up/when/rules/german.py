"""The rules of German."""

from agents.follow_up.when.rules import german_clocks, german_days

RULES = (
    *german_days.NUMBERS,
    *german_days.DAYS,
    *german_days.PARTS,
    *german_days.EARLY,
    *german_clocks.CLOCKS,
)
