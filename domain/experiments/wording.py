"""Results in words, German and English. Pure: the same figures always say the same."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from domain.content import versions
from domain.experiments import planner
from domain.experiments.queries import Effect
from domain.experiments.rules import SAMPLE_RATIO, Arm, Judgement, Settings, value_of
from domain.experiments.rules import design as design_of

LANGUAGES = ("de", "en")
_CERTAIN = 1e-4

_DID = {
    "opens": {"de": "haben geöffnet", "en": "opened"},
    "clicks": {"de": "haben geklickt", "en": "clicked"},
    "conversions": {"de": "haben das Ziel erreicht", "en": "converted"},
    "revenue": {"de": "je Empfänger", "en": "per recipient"},
}
_MEASURES = {
    "conversions": {"de": "Conversions", "en": "Conversions"},
    "purchases": {"de": "Käufe", "en": "Purchases"},
}
_COURSES = {
    "send": {"de": "Der Rest ({n}) bekommt {variant}.", "en": "The rest ({n}) gets {variant}."},
    "send_none": {"de": "Der Rest ({n}) bekommt nichts.", "en": "The rest ({n}) gets nothing."},
    "split": {
        "de": "Der Rest ({n}) wird gleichmäßig auf die Varianten verteilt.",
        "en": "The rest ({n}) is split evenly between the variants.",
    },
    "ask": {
        "de": "Was der Rest ({n}) bekommt, muss eine Person entscheiden.",
        "en": "A person has to decide what the rest ({n}) gets.",
    },
}


@dataclass(frozen=True, slots=True)
class Told:
    """What is to be put into words. `winner` is the number of a variant, `waiting` how many the rest is.

    `outcome` is what was decided, and `sent` the variant that the rest gets by it; None while nothing is.
    """

    settings: Settings
    verdict: str
    winner: int | None
    arms: Sequence[Arm]
    judged: Judgement
    status: str
    currency: str
    waiting: int = 0
    outcome: str | None = None
    sent: int | None = None


def number(value: float, language: str, digits: int = 0) -> str:
    """Return a number as people write it."""
    text = f"{value:,.{digits}f}"
    return text.translate(str.maketrans(",.", ".,")) if language == "de" else text


def percent(value: float, language: str) -> str:
    """Return a fraction of 1 as a percentage with one digit, and with more where it is below one percent."""
    shown = number(value * 100, language, _digits(value))
    return f"{shown} %" if language == "de" else f"{shown}%"


def _digits(*values: float) -> int:
    """Return how many digits percentages need so that the smallest of them is not lost."""
    smallest = min((abs(value) for value in values if value), default=1.0)
    return next((n for n, least in enumerate(_LEAST, start=1) if smallest >= least), len(_LEAST) + 1)


_LEAST = (0.01, 0.001, 0.0001)


def _short(value: float, language: str) -> str:
    """Return a fraction of 1 in percent with the digits that it has."""
    return f"{value * 100:.4g}".replace(".", "," if language == "de" else ".")


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
    return f"{number(difference * 100, language, _digits(difference))} {unit}"


def _course(told: Told, language: str) -> str:
    """Say what the rest gets, with a space before it; nothing where nobody waited."""
    if told.outcome is None or not told.waiting:
        return ""
    variant = versions.letter(told.sent) if told.sent is not None else ""
    return " " + _COURSES[told.outcome][language].format(n=number(told.waiting, language), variant=variant)


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
    did = _DID[told.settings.metric][language]
    known = _points(told, sign * least.difference, language)
    span = _span(told, low, high, language)
    proof = _proof(told, least.corrected, language)
    name, loser = versions.letter(winner), versions.letter(other)
    course = _course(told, language)
    if language == "de":
        return (
            f"{name} gewinnt: {against[0]} {did}, bei {loser} {against[1]}."
            f" Unterschied {known} ({span}), {proof}.{course}"
        )
    return (
        f"{name} wins: {against[0]} {did}, against {against[1]} of {loser}."
        f" Difference {known} ({span}), {proof}.{course}"
    )


def _span(told: Told, low: float, high: float, language: str) -> str:
    share = _short(1 - told.settings.alpha, language)
    if told.settings.metric == "revenue":
        ends = [number(low / 100, language, 2), _money(high, told.currency, language)]
    else:
        ends = [number(value * 100, language, _digits(low, high)) for value in (low, high)]
    if language == "de":
        return f"mit {share} % Sicherheit zwischen {ends[0]} und {ends[1]}"
    return f"between {ends[0]} and {ends[1]} at {share}% confidence"


def _proof(told: Told, p: float, language: str) -> str:
    shown = f"< {number(_CERTAIN, language, 4)}" if p < _CERTAIN else f"= {number(p, language, 4)}"
    n = told.settings.arms - 1
    if language == "de":
        how = "für beliebig häufiges Hinsehen" if told.settings.martingales else "einmal zum Ende geprüft"
        return f"p {shown} ({how}, korrigiert für {n} {'Vergleich' if n == 1 else 'Vergleiche'})"
    how = "valid however often one looks" if told.settings.martingales else "tested once, at the end"
    return f"p {shown} ({how}, corrected for {n} {'comparison' if n == 1 else 'comparisons'})"


def _too_few(told: Told, language: str) -> str:
    have = number(min(arm.n for arm in told.arms), language)
    needs, so_far = _needs(told, language), _figures(told, language)
    course = _course(told, language)
    if language == "de":
        return f"Nicht genug Daten: {have} je Variante, {needs}. Bisher: {so_far}.{course}"
    return f"Not enough data: {have} per arm, {needs}. So far: {so_far}.{course}"


def _needs(told: Told, language: str) -> str:
    """Say how many recipients it takes, or what is lacking to tell."""
    if not told.arms[0].n:
        tracked = told.settings.metric in {"opens", "clicks"}
        return (_NOBODY_MEASURED if tracked else _NOBODY_REACHED)[language]
    if told.settings.metric == "revenue" and not told.arms[0].responses:
        return _NOBODY_BOUGHT[language]
    wanted = _wanted(told, language)
    if told.judged.needed is None:
        beyond = {"de": "für {wanted} reichen auch {most} nicht", "en": "not even {most} are enough for {wanted}"}
        return beyond[language].format(wanted=wanted, most=number(planner.MOST, language))
    needed = number(told.judged.needed, language)
    return f"für {wanted} braucht es {needed}" if language == "de" else f"{needed} needed for {wanted}"


_NOBODY_MEASURED = {
    "de": "niemand, der A bekam, hat der Messung zugestimmt; Conversions zählen bei allen",
    "en": "nobody who got A agreed to being measured; conversions are counted of everybody",
}
_NOBODY_REACHED = {"de": "A hat niemand bekommen", "en": "nobody got A"}
_NOBODY_BOUGHT = {
    "de": "niemand, der A bekam, hat gekauft, also lässt sich nicht sagen, wie viele es braucht",
    "en": "nobody who got A has bought, so that it cannot be told how many are needed",
}


def _wanted(told: Told, language: str, *, dative: bool = False) -> str:
    """Return the smallest difference worth finding; in the dative behind "a difference of"."""
    digits = 0 if told.settings.effect == int(told.settings.effect) else 1
    effect = number(told.settings.effect, language, digits)
    if told.settings.metric == "revenue":
        if language == "de":
            return f"{effect} % {'im' if dative else 'Unterschied im'} Umsatz je Empfänger"
        return f"{'' if dative else 'a difference of '}{effect}% in revenue per recipient"
    if language == "de":
        return f"{effect} Prozentpunkte{'n' if dative else ''}" if effect != "1" else "1 Prozentpunkt"
    return f"{effect} percentage points" if effect != "1" else "1 percentage point"


def _alike(told: Told, language: str) -> str:
    wanted, course = _wanted(told, language, dative=True), _course(told, language)
    if language == "de":
        return f"Kein Unterschied von {wanted} zu finden: {_figures(told, language)}.{course}"
    return f"No difference of {wanted} was found: {_figures(told, language)}.{course}"


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
    if told.winner is None:
        text = {"de": "Eine Person hat entschieden, ohne Gewinner.", "en": "A person decided, without a winner."}
    else:
        name = versions.letter(told.winner)
        text = {"de": f"Eine Person hat {name} gewählt.", "en": f"A person chose {name}."}
    until = {"de": "Stand", "en": "Figures"}[language]
    return f"{text[language]}{_course(told, language)} {until}: {_figures(told, language)}."


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
    way = "evidence" if told.settings.martingales else told.settings.decide
    found = [_METHOD[way][language].format(alpha=_short(told.settings.alpha, language))]
    if told.settings.metric in {"opens", "clicks"}:
        found.append(_TRACKED[language])
    ratio = told.judged.sample_ratio_p
    said = _RATIO if ratio >= SAMPLE_RATIO else _RATIO_OFF
    found.append(said[language].format(p=number(max(ratio, SAMPLE_RATIO), language, 3)))
    if told.judged.needed is not None and told.status == "testing":
        have = number(min(arm.n for arm in told.arms), language)
        needed = number(told.judged.needed, language)
        found.append(_NEEDED[language].format(have=have, needed=needed, effect=_wanted(told, language)))
    if told.verdict == "not_enough_data":
        found.append(_detectable(told, language) + _helps(told, language))
    return found


def _helps(told: Told, language: str) -> str:
    """Say what could be done about too few data, of what is still possible."""
    possible = [_BOLDER[language]]
    if told.waiting:
        possible.append(_LARGER[language])
    if told.settings.arms > _FEWEST:
        possible.append(_FEWER[language])
    return f"{_HELPS[language]}: {', '.join(possible)}."


_FEWEST = 2
_HELPS = {"de": "Was hilft", "en": "What helps"}
_BOLDER = {"de": "Varianten, die sich deutlicher unterscheiden", "en": "variants that differ more"}
_LARGER = {
    "de": "ein größerer Anteil der Empfänger im Test",
    "en": "a larger share of the recipients in the test",
}
_FEWER = {"de": "weniger Varianten", "en": "fewer variants"}


def _detectable(told: Told, language: str) -> str:
    """Say what so many recipients do find, with a space behind it; nothing where that cannot be told."""
    first, per_arm = told.arms[0], min(arm.n for arm in told.arms)
    if told.settings.metric == "revenue" or not 0 < first.rate < 1 or not per_arm:
        return ""
    smallest = planner.detectable(design_of(told.settings, first.rate), per_arm)
    if smallest is None:
        return ""
    points, have = number(smallest * 100, language, _digits(smallest)), number(per_arm, language)
    return _FINDS[language].format(have=have, points=points)


_METHOD = {
    "hours": {
        "de": "Geprüft wird einmal, wenn die Zeit um ist; wer vorher hinsieht, ändert daran nichts. "
        "Ein falscher Gewinner kommt in höchstens {alpha} % der Fälle vor.",
        "en": "It is tested once, when the time is up; looking before changes nothing. "
        "A false winner comes in at most {alpha}% of cases.",
    },
    "evidence": {
        "de": "Die Belege gelten bei jedem Hinsehen; ein falscher Gewinner kommt in höchstens {alpha} % der Fälle vor.",
        "en": "The evidence is valid at every look; a false winner comes in at most {alpha}% of cases.",
    },
}
_TRACKED = {
    "de": "Gezählt werden Menschen, die der Messung zugestimmt haben; Maschinen zählen nicht.",
    "en": "People who agreed to being measured are counted; machines are not.",
}
_RATIO_OFF = {
    "de": "Nicht verteilt wie zugeteilt: p < {p}.",
    "en": "Not handed over as allocated: p < {p}.",
}
_FINDS = {
    "de": "{have} je Variante zeigen erst einen Unterschied ab {points} Prozentpunkten. ",
    "en": "{have} per arm show a difference from {points} percentage points on. ",
}
_RATIO = {
    "de": "Verteilung wie zugeteilt: p = {p}.",
    "en": "Handed over as allocated: p = {p}.",
}
_NEEDED = {
    "de": "Bisher {have} je Variante; mit {needed} findet man {effect} mit einer Wahrscheinlichkeit von 80 %.",
    "en": "{have} per arm so far; {needed} find {effect} with a chance of 80%.",
}


def effect(found: Effect, currency: str, language: str) -> str:
    """Say what those who were written to did more often than those who were held out."""
    sent, held = (acted / n for acted, n in (found.sent, found.held_out))
    points = number(found.difference * 100, language, _digits(found.difference))
    ends = found.interval.low, found.interval.high
    low, high = (number(value * 100, language, _digits(*ends)) for value in ends)
    proven = _proven(found, language)
    money = _money(found.revenue[0] - found.revenue[1], currency, language)
    name = _MEASURES[found.measure][language]
    if language == "de":
        return (
            f"{name}: {percent(sent, language)} der Angeschriebenen, {percent(held, language)} der Vergleichsgruppe; "
            f"Unterschied {points} Prozentpunkte (95 %: {low} bis {high}), {money} je Mitglied. {proven}"
        )
    return (
        f"{name}: {percent(sent, language)} of those written to, {percent(held, language)} of those held out; "
        f"difference {points} percentage points (95%: {low} to {high}), {money} per member. {proven}"
    )


def _proven(found: Effect, language: str) -> str:
    """Say whether chance explains the difference, and, where it does, which one so many members would show."""
    if found.p <= _LIFT_ALPHA:
        return _MORE_THAN_CHANCE[found.difference > 0][language]
    (_, sent), (acted, held) = found.sent, found.held_out
    smallest = planner.detectable_between(max(acted / held, 0.5 / held), (held, sent), _LIFT_ALPHA)
    if smallest is None:
        return _TOO_FEW_AT_ALL[language]
    return _CHANCE[language].format(points=number(smallest * 100, language, _digits(smallest)))


_LIFT_ALPHA = 0.05
_MORE_THAN_CHANCE = {
    True: {
        "de": "Mehr, als der Zufall erklärt: Das hat die Kampagne bewirkt.",
        "en": "More than chance explains: the campaign brought it about.",
    },
    False: {
        "de": "Weniger, als der Zufall erklärt: Die Kampagne hat geschadet.",
        "en": "Less than chance explains: the campaign did harm.",
    },
}
_CHANCE = {
    "de": "Nicht genug Daten, um das vom Zufall zu unterscheiden; "
    "bei so vielen Mitgliedern zeigt sich erst ein Unterschied ab {points} Prozentpunkten.",
    "en": "Not enough data to tell that from chance; "
    "so many members show a difference from {points} percentage points on.",
}
_TOO_FEW_AT_ALL = {
    "de": "Nicht genug Daten, um das vom Zufall zu unterscheiden; bei so wenigen Mitgliedern zeigt sich keiner.",
    "en": "Not enough data to tell that from chance; so few members show no difference.",
}


_BEYOND = {
    "de": "{points} Prozentpunkte über {base} gibt es nicht: Das wären 100 % oder mehr.",
    "en": "There are no {points} percentage points above {base}: that would be 100% or more.",
}
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
            found.append(
                text[language].format(n=have, base=base, points=number(smallest * 100, language, _digits(smallest)))
            )
    if effect_ is not None:
        needed = planner.needed(design, effect_) if design.base + effect_ < 1 else None
        points = number(effect_ * 100, language, _digits(effect_))
        text = {"de": "Für {points} Prozentpunkte über {base} braucht es {n} je Variante.",
                "en": "{points} percentage points above {base} need {n} per arm."}  # fmt: skip
        shown = (
            number(needed, language)
            if needed is not None
            else {"de": "mehr, als es gibt,", "en": "more than exist"}[language]
        )
        if design.base + effect_ >= 1:
            text, shown = _BEYOND, ""
        found.append(text[language].format(points=points, base=base, n=shown))
    return found
