"""What the built-in writer says to groups of members: by rule, and only where it fits the goal."""

from agents.campaign.feedback import Style
from agents.campaign.replies import CohortCopy
from agents.llm.builtin.lines import sentence
from domain.content.cohorts import Cohort

_STAGE = {
    ("de", "du"): {
        "new": "schön, dass du seit Kurzem bei uns bist.",
        "active": "schön, dass du zuletzt bei uns warst.",
        "quiet": "dein letzter Besuch ist schon ein paar Tage her.",
        "away": "wir haben dich lange nicht gesehen und freuen uns auf dich.",
    },
    ("de", "sie"): {
        "new": "schön, dass Sie seit Kurzem bei uns sind.",
        "active": "schön, dass Sie zuletzt bei uns waren.",
        "quiet": "Ihr letzter Besuch ist schon ein paar Tage her.",
        "away": "wir haben Sie lange nicht gesehen und freuen uns auf Sie.",
    },
    ("en", "du"): {
        "new": "It is good to have you with us.",
        "active": "It was good to see you lately.",
        "quiet": "Your last visit was a little while ago.",
        "away": "We have not seen you for a long time and look forward to you.",
    },
}
_STAGE["en", "sie"] = _STAGE["en", "du"]
_INTEREST = {
    ("de", "du"): "{?favourite_course: Vielleicht hast du Lust auf {favourite_course}.}",
    ("de", "sie"): "{?favourite_course: Vielleicht haben Sie Lust auf {favourite_course}.}",
    ("en", "du"): "{?favourite_course: Perhaps you feel like {favourite_course}.}",
    ("en", "sie"): "{?favourite_course: Perhaps you feel like {favourite_course}.}",
}
_LONGEST = 220
_ADDED = {"offer", "newsletter", "event", "reminder", "information"}


def copy_for(objective: str, cohort: Cohort, style: Style, base: dict[str, str], channel: str) -> CohortCopy | None:
    """Return the copy of a cohort, None where the base copy says it as well.

    A reactivation speaks of the time since the last visit; other goals keep their opening and name the interest.
    """
    key = (cohort.language, style.form)
    interest = f" {_INTEREST[key]}" if cohort.interest and channel != "sms" else ""
    if cohort.insight and channel != "sms" and (said := sentence(*key, cohort.insight)) is not None:
        interest = f" {said}"
    if objective == "reactivation":
        opening = _STAGE[key][cohort.stage]
    elif objective in _ADDED and interest:
        opening = base["opener"]
    else:
        return None
    if len(opening) + len(interest) > _LONGEST:
        return None
    return CohortCopy(
        cohort_id=cohort.id,
        opener=f"{opening}{interest}",
        benefit="",
        cta="",
        sms_line=opening[0].lower() + opening[1:] if objective == "reactivation" else "",
        claims=[],
    )
