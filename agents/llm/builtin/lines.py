"""What the built-in writer says to people of whom a chat told something: one helpful sentence, and no promise."""

from agents.campaign.feedback import Style
from agents.campaign.replies import PersonalLine
from domain.content.cohorts import main_insight
from domain.content.lines import Target

_SAID: dict[tuple[str, str], dict[str, str]] = {
    ("de", "du"): {
        "objection:price": "Wenn du Fragen zu den Beiträgen hast, finden wir gemeinsam, was zu dir passt.",
        "objection:time": "Auch eine kurze Einheit tut gut, das Tempo bestimmst du.",
        "objection:distance": "Verbinde den Besuch doch mit einem Weg, den du ohnehin hast.",
        "objection:crowded": "Magst du es ruhiger? Frag uns, wann weniger los ist.",
        "objection:undecided": "Lass dir Zeit mit der Entscheidung und frag uns, was du wissen möchtest.",
        "preferred_time:morning": "Such dir gern eine Zeit am Vormittag aus.",
        "preferred_time:noon": "Schau gern, was in deine Mittagspause passt.",
        "preferred_time:afternoon": "Such dir gern eine Zeit am Nachmittag aus.",
        "preferred_time:evening": "Such dir gern eine Zeit am Abend aus.",
        "preferred_time:weekend": "Schau gern, was am Wochenende für dich passt.",
        "intent:return": "Fang ruhig langsam wieder an.",
        "intent:join": "Bei Fragen zur Mitgliedschaft helfen wir dir gern weiter.",
        "intent:book": "Wenn du einen Termin suchst, helfen wir dir gern.",
    },
    ("de", "sie"): {
        "objection:price": "Wenn Sie Fragen zu den Beiträgen haben, finden wir gemeinsam, was zu Ihnen passt.",
        "objection:time": "Auch eine kurze Einheit tut gut, das Tempo bestimmen Sie.",
        "objection:distance": "Verbinden Sie den Besuch doch mit einem Weg, den Sie ohnehin haben.",
        "objection:crowded": "Mögen Sie es ruhiger? Fragen Sie uns, wann weniger los ist.",
        "objection:undecided": "Lassen Sie sich Zeit mit der Entscheidung und fragen Sie uns, was Sie wissen möchten.",
        "preferred_time:morning": "Suchen Sie sich gern eine Zeit am Vormittag aus.",
        "preferred_time:noon": "Schauen Sie gern, was in Ihre Mittagspause passt.",
        "preferred_time:afternoon": "Suchen Sie sich gern eine Zeit am Nachmittag aus.",
        "preferred_time:evening": "Suchen Sie sich gern eine Zeit am Abend aus.",
        "preferred_time:weekend": "Schauen Sie gern, was am Wochenende für Sie passt.",
        "intent:return": "Fangen Sie ruhig langsam wieder an.",
        "intent:join": "Bei Fragen zur Mitgliedschaft helfen wir Ihnen gern weiter.",
        "intent:book": "Wenn Sie einen Termin suchen, helfen wir Ihnen gern.",
    },
    ("en", "du"): {
        "objection:price": "If you have questions about prices, we are happy to look at what suits you.",
        "objection:time": "Even a short session does you good, and you set the pace.",
        "objection:distance": "Perhaps a visit fits a day that brings you our way in any case.",
        "objection:crowded": "If you like it calmer, ask us when it is less busy.",
        "objection:undecided": "Take your time to decide, and ask us whatever you would like to know.",
        "preferred_time:morning": "Feel free to pick a time in the morning.",
        "preferred_time:noon": "See what fits into your lunch break.",
        "preferred_time:afternoon": "Feel free to pick a time in the afternoon.",
        "preferred_time:evening": "Feel free to pick a time in the evening.",
        "preferred_time:weekend": "See what suits you at the weekend.",
        "intent:return": "Feel free to start again slowly.",
        "intent:join": "If you have questions about membership, we are glad to help.",
        "intent:book": "If you are looking for a date, we are glad to help.",
    },
}
_SAID["en", "sie"] = _SAID["en", "du"]


def sentence(language: str, form: str, insight: str) -> str | None:
    """Return what is said about one insight, None where there is nothing to say."""
    return _SAID[language, form].get(insight)


def line_for(target: Target, style: Style) -> PersonalLine:
    """Return the line about the most telling of the target's insights."""
    main = main_insight(target.insights) or target.insights[0]
    said = sentence(target.language, style.form, main)
    return PersonalLine(ref="r1", line=said, used=[main] if said else [])
