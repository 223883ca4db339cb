"""Results in words, German and English. Pure: the same figures always say the same."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from domain.content import versions
from domain.experiments import planner
from domain.experiments.queries import Effect
from domain.experiments.rules import SAMPLE_RATIO, Arm, Judgement, Settings, value_of

LANGUAGES = ("de", "en")
_CERTAIN = 1e-4

_DID = {
    "opens": {"de": "haben geöffnet", "en": "opened"},
    "clicks": {"de": "haben geklickt", "en": "clicked"},
    "conversions": {"de": "haben gehandelt", "en": "converted"},
}
_MEASURES = {
    "conversions": {"de": "Conversions", "en": "Conversions"},
    "purchases": {"de": "Käufe", "en": "Purchases"},
}
_COURSES = {
    "send_a": {"de": "Der Rest bekommt A.", "en": "The rest gets A."},
    "send_none": {"de": "Der Rest bekommt nichts.", "en": "The rest gets nothing."},
    "split": {"de": "Der Rest wird gleichmäßig geteilt.", "en": "The rest is split evenly."},
    "ask": {"de": "Der Rest wartet auf eine Person.", "en": "The rest waits for a person."},
}


@dataclass(frozen=True, slots=True)
class Told:
    """What is to be put into words. `winner` is the number of a variant."""

    settings: Settings
    verdict: str
    winner: int | None
    arms: Sequence[Arm]
    judged: Judgement
    status: str
    currency: str


def number(value: float, language: str, digits: int = 0) -> str:
    """Return a number as people write it."""
    text = f"{value:,.{digits}f}"
    return text.translate(str.maketrans(",.", ".,")) if language == "de" else text


def percent(value: float, language: str) -> str:
    """Return a fraction of 1 as a percentage with one digit."""
    return f"{number(value * 100, language, 1)} %" if language == "de" else f"{number(value * 100, language, 1)}%"


def _money(minor: float, currency: str, language: str) -> str:
    return f"{number(minor / 100, language, 2)} {currency}"


def _value(told: Told, arm: Arm, language: str) -> str:
    found = value_of(told.settings, arm)
    return _money(found, told.currency, language) if told.settings.metric == "revenue" else percent(found, language)


def _points(told: Told, difference: float, language: str) -> str:
    """Return a difference: percentage points, or money per recipient."""
    if told.settings.metric == "revenue":
        return _money(difference, told.currency, language)
    unit = "Prozentpunkte" if language == "de" else "percentage points"
    return f"{number(difference * 100, language, 1)} {unit}"


def summary(told: Told, language: str) -> str:
    """Return one or two sentences: what the comparison says, and what follows."""
    return _SUMMARIES[told.verdict](told, language)


def _not_started(told: Told, language: str) -> str:
    n = told.settings.arms
    if n == 1:
        share = told.settings.holdout_percent
        if language == "de":
            return f"{share} % bekommen nichts, damit sich zeigt, was die Kampagne bewirkt."
        return f"{share}% get nothing, so that it shows what the campaign brings about."
    if language == "de":
        return (
            f"{n} Varianten werden an {told.settings.tested} % der Empfänger verglichen, sobald die Kampagne beginnt."
        )
    return f"{n} variants are compared on {told.settings.tested}% of the recipients once the campaign begins."


def _waiting(told: Told, language: str) -> str:
    if told.settings.arms == 1:
        return "Hier wird nichts verglichen als die Wirkung." if language == "de" else "Only the effect is measured."
    figures = _figures(told, language)
    if language == "de":
        return f"Noch ist nichts entschieden. Bisher: {figures}."
    return f"Nothing is decided yet. So far: {figures}."


def _figures(told: Told, language: str) -> str:
    named = (f"{versions.letter(n)} {_value(told, arm, language)}" for n, arm in enumerate(told.arms))
    return ", ".join(named)


def _won(told: Told, language: str) -> str:
    winner = told.winner or 0
    beaten = [each for each in told.judged.comparisons if winner in {0, each.arm}]
    least = max(beaten, key=lambda each: each.corrected)
    other = 0 if winner else least.arm
    sign = 1 if winner else -1
    low, high = sorted((sign * least.interval.low, sign * least.interval.high))
    against = f"{_value(told, told.arms[winner], language)}", f"{_value(told, told.arms[other], language)}"
    did = _DID.get(told.settings.metric, {"de": "je Empfänger", "en": "per recipient"})[language]
    known = _points(told, sign * least.difference, language)
    span = _span(told, low, high, language)
    proof = _proof(told, least.corrected, language)
    name, loser = versions.letter(winner), versions.letter(other)
    if language == "de":
        return (
            f"{name} gewinnt: {against[0]} gegen {against[1]} bei {loser} {did}. Unterschied {known} ({span}), {proof}."
        )
    return f"{name} wins: {against[0]} against {against[1]} of {loser} {did}. Difference {known} ({span}), {proof}."


def _span(told: Told, low: float, high: float, language: str) -> str:
    share = number((1 - told.settings.alpha) * 100, language, 0)
    ends = [_points(told, value, language) for value in (low, high)]
    if language == "de":
        return f"mit {share} % Sicherheit zwischen {ends[0]} und {ends[1]}"
    return f"between {ends[0]} and {ends[1]} at {share}% confidence"


def _proof(told: Told, p: float, language: str) -> str:
    shown = f"< {number(_CERTAIN, language, 4)}" if p < _CERTAIN else f"= {number(p, language, 4)}"
    n = told.settings.arms - 1
    if language == "de":
        how = "für beliebig häufiges Hinsehen" if told.settings.decide == "evidence" else "einmal zum Ende geprüft"
        return f"p {shown} ({how}, korrigiert für {n} {'Vergleich' if n == 1 else 'Vergleiche'})"
    how = "valid however often one looks" if told.settings.decide == "evidence" else "tested once, at the end"
    return f"p {shown} ({how}, corrected for {n} {'comparison' if n == 1 else 'comparisons'})"


def _too_few(told: Told, language: str) -> str:
    have = number(min(arm.n for arm in told.arms), language)
    wanted = _wanted(told, language)
    course = _COURSES[told.settings.no_winner][language]
    if language == "de":
        needs = (
            f"für {wanted} braucht es {number(told.judged.needed, language)}"
            if told.judged.needed
            else (f"für {wanted} reicht keine Zahl")
        )
        return f"Nicht genug Daten: {have} je Variante, {needs}. Bisher: {_figures(told, language)}. {course}"
    needs = (
        f"{number(told.judged.needed, language)} needed for {wanted}"
        if told.judged.needed
        else (f"no number is enough for {wanted}")
    )
    return f"Not enough data: {have} per arm, {needs}. So far: {_figures(told, language)}. {course}"


def _wanted(told: Told, language: str) -> str:
    """Return the smallest difference worth finding."""
    digits = 0 if told.settings.effect == int(told.settings.effect) else 1
    effect = number(told.settings.effect, language, digits)
    if told.settings.metric == "revenue":
        return f"{effect} % mehr Umsatz" if language == "de" else f"{effect}% more revenue"
    return f"{effect} Prozentpunkte" if language == "de" else f"{effect} percentage points"


def _alike(told: Told, language: str) -> str:
    course = _COURSES[told.settings.no_winner][language]
    wanted = _wanted(told, language)
    if language == "de":
        return f"Kein Unterschied von {wanted} zu finden: {_figures(told, language)}. {course}"
    return f"No difference of {wanted} was found: {_figures(told, language)}. {course}"


def _suspicious(told: Told, language: str) -> str:
    sent = " : ".join(number(arm.sent, language) for arm in told.arms)
    planned = " : ".join(number(arm.allocated, language) for arm in told.arms)
    if language == "de":
        return (
            f"Die Mengen stimmen nicht: {sent} übergeben, {planned} zugeteilt"
            f" (p < {number(SAMPLE_RATIO, language, 3)})."
            " Etwas hat eine Variante bevorzugt; eine Person muss entscheiden."
        )
    return (
        f"The sample ratio is off: {sent} handed over, {planned} allocated (p < {number(SAMPLE_RATIO, language, 3)})."
        " Something favoured a variant; a person has to decide."
    )


def _by_person(told: Told, language: str) -> str:
    figures = _figures(told, language)
    if told.winner is None:
        text = {"de": "Eine Person hat entschieden, ohne Gewinner.", "en": "A person decided, without a winner."}
    else:
        name = versions.letter(told.winner)
        text = {"de": f"Eine Person hat {name} gewählt.", "en": f"A person chose {name}."}
    until = {"de": "Stand", "en": "Figures"}[language]
    return f"{text[language]} {until}: {figures}."


def _stopped(_told: Told, language: str) -> str:
    if language == "de":
        return "Die Kampagne wurde beendet, bevor etwas entschieden war."
    return "The campaign was ended before anything was decided."


_SUMMARIES: dict[str, Callable[[Told, str], str]] = {
    "not_started": _not_started,
    "waiting": _waiting,
    "winner": _won,
    "not_enough_data": _too_few,
    "no_difference": _alike,
    "sample_ratio": _suspicious,
    "person": _by_person,
    "stopped": _stopped,
}


def notes(told: Told, language: str) -> list[str]:
    """Return what a reader must know to trust the figures, a sentence each."""
    if told.settings.arms == 1:
        return []
    found = [_METHOD[told.settings.decide][language].format(alpha=percent(told.settings.alpha, language))]
    if told.settings.metric in {"opens", "clicks"}:
        found.append(_TRACKED[language])
    ratio = told.judged.sample_ratio_p
    found.append(_RATIO[language].format(p=number(ratio, language, 3)))
    if told.judged.needed is not None and told.status == "testing":
        have = number(min(arm.n for arm in told.arms), language)
        needed = number(told.judged.needed, language)
        found.append(_NEEDED[language].format(have=have, needed=needed, effect=_wanted(told, language)))
    return found


_METHOD = {
    "hours": {
        "de": "Geprüft wird einmal, wenn die Zeit um ist; wer vorher hinsieht, ändert daran nichts. "
        "Ein falscher Gewinner höchstens in {alpha} der Fälle.",
        "en": "It is tested once, when the time is up; looking before changes nothing. "
        "A false winner in at most {alpha} of cases.",
    },
    "evidence": {
        "de": "Die Belege gelten bei jedem Hinsehen; ein falscher Gewinner höchstens in {alpha} der Fälle.",
        "en": "The evidence is valid at every look; a false winner in at most {alpha} of cases.",
    },
}
_TRACKED = {
    "de": "Gezählt werden Menschen, die der Messung zugestimmt haben; Maschinen zählen nicht.",
    "en": "People who agreed to being measured are counted; machines are not.",
}
_RATIO = {
    "de": "Verteilung wie zugeteilt: p = {p}.",
    "en": "Handed over as allocated: p = {p}.",
}
_NEEDED = {
    "de": "{have} je Variante bisher, {needed} findet man {effect} mit 80 % Wahrscheinlichkeit.",
    "en": "{have} per arm so far; {needed} find {effect} with a chance of 80%.",
}


def effect(found: Effect, currency: str, language: str) -> str:
    """Say what those who were written to did more often than those who were held out."""
    sent, held = (acted / n for acted, n in (found.sent, found.held_out))
    points = number(found.difference * 100, language, 1)
    low, high = (number(value * 100, language, 1) for value in (found.interval.low, found.interval.high))
    money = _money(found.revenue[0] - found.revenue[1], currency, language)
    name = _MEASURES[found.measure][language]
    if language == "de":
        return (
            f"{name}: {percent(sent, language)} der Angeschriebenen, {percent(held, language)} der Vergleichsgruppe; "
            f"Unterschied {points} Prozentpunkte (95 %: {low} bis {high}), {money} je Mitglied."
        )
    return (
        f"{name}: {percent(sent, language)} of those written to, {percent(held, language)} of those held out; "
        f"difference {points} percentage points (95%: {low} to {high}), {money} per member."
    )


_ASK = {
    "de": "Gib an, wie viele Personen je Variante es gibt (per_arm) oder welcher Unterschied zählt (effect).",
    "en": "Say how many people each variant has (per_arm), or which difference counts (effect).",
}


def plan(design: planner.Design, per_arm: int | None, effect_: float | None, language: str) -> list[str]:
    """Say what a test of this size finds, and how large it must be; without either, what to ask for."""
    if per_arm is None and effect_ is None:
        return [_ASK[language]]
    found = []
    base = percent(design.base, language)
    if per_arm is not None:
        smallest = planner.detectable(design, per_arm)
        have = number(per_arm, language)
        if smallest is None:
            text = {"de": "{n} je Variante finden bei {base} keinen Unterschied.",
                    "en": "{n} per arm find no difference at {base}."}  # fmt: skip
            found.append(text[language].format(n=have, base=base))
        else:
            text = {"de": "{n} je Variante finden bei {base} einen Unterschied ab {points} Prozentpunkten.",
                    "en": "{n} per arm find a difference from {points} percentage points on, at {base}."}  # fmt: skip
            found.append(text[language].format(n=have, base=base, points=number(smallest * 100, language, 1)))
    if effect_ is not None:
        needed = planner.needed(design, effect_)
        points = number(effect_ * 100, language, 1)
        text = {"de": "Für {points} Prozentpunkte über {base} braucht es {n} je Variante.",
                "en": "{points} percentage points above {base} need {n} per arm."}  # fmt: skip
        shown = (
            number(needed, language)
            if needed is not None
            else {"de": "mehr, als es gibt,", "en": "more than exist"}[language]
        )
        found.append(text[language].format(points=points, base=base, n=shown))
    return found
