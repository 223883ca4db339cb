"""From words to times: a grammar of German and English time expressions, without any model.

`resolve` reads a text, `find` spots the texts in a chat turn, `absence` reads when somebody is back, and
`place` makes a send time of an answer. What is not understood as a whole is not answered.
"""

from agents.follow_up.when.absences import absence
from agents.follow_up.when.placing import place
from agents.follow_up.when.resolving import resolve
from agents.follow_up.when.spotting import find
from agents.follow_up.when.types import Abstention, Candidate, Grain, Placed, Policy, Refused, Resolution

__all__ = [
    "Abstention",
    "Candidate",
    "Grain",
    "Placed",
    "Policy",
    "Refused",
    "Resolution",
    "absence",
    "find",
    "place",
    "resolve",
]
