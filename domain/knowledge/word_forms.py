"""Forms of German verbs that the stemmer takes for other words: participles, separated particles, strong verbs."""

import re

_PARTICLES = (
    "ab", "an", "auf", "aus", "bei", "ein", "fest", "her", "hin", "los", "mit", "nach", "statt", "teil", "um", "vor",
    "weg", "weiter", "wieder", "zu", "zurück", "zusammen",
)  # fmt: skip
_SHORTEST = 4
_OF_PARTICIPLE = re.compile(rf"^(?P<particle>(?:{'|'.join(_PARTICLES)})?)(?:ge|zu)(?P<rest>\w{{{_SHORTEST},}})$")
_CLAUSE = re.compile(r"[,;.!?\n]")
_WORD = re.compile(r"[^\W\d_]{2,}")

# Strong verbs: their past, their participle without "ge", their changed present, each with the infinitive.
_STRONG = {
    form: infinitive
    for infinitive, forms in {
        "beginnen": "begann begonnen", "bieten": "bot boten", "bleiben": "blieb blieben", "brechen": "brach brochen "
        "bricht", "brennen": "brannte brannt brennt", "bringen": "brachte bracht", "essen": "aß gessen isst",
        "fahren": "fuhr fährt", "fallen": "fiel fällt", "fangen": "fing fängt", "finden": "fand funden",
        "fliegen": "flog flogen", "geben": "gab gibt", "gehen": "ging gangen", "gelten": "galt gilt", "halten": "hielt "
        "hält", "heben": "hob hoben", "helfen": "half holfen hilft", "kennen": "kannte kannt", "laden": "lud lädt",
        "lassen": "ließ lässt", "laufen": "lief läuft", "leihen": "lieh liehen", "lesen": "las liest",
        "liegen": "lag legen", "nehmen": "nahm nommen nimmt", "rufen": "rief", "schaffen": "schuf",
        "schieben": "schob schoben", "schlafen": "schlief schläft", "schließen": "schloss schlossen", "schneiden":
        "schnitt schnitten", "schreiben": "schrieb schrieben", "schwimmen": "schwamm schwommen", "sehen": "sah sieht",
        "sprechen": "sprach sprochen spricht", "stehen": "stand standen", "stehlen": "stahl stohlen stiehlt",
        "steigen": "stieg stiegen", "streichen": "strich strichen", "tragen": "trug trägt", "treffen": "traf troffen "
        "trifft", "treten": "trat tritt", "trinken": "trank trunken", "tun": "tat tan", "vergessen": "vergaß vergisst",
        "verlieren": "verlor verloren", "waschen": "wusch wäscht", "werben": "warb worben wirbt", "werfen": "warf "
        "worfen wirft", "wiegen": "wog wogen", "ziehen": "zog zogen",
    }.items()
    for form in forms.split()
}  # fmt: skip


def german(text: str) -> dict[str, set[str]]:
    """Return for words of a German text further forms of theirs: infinitives, and verbs with their particle again.

    A particle at the end of a clause is put in front of every word before it (melde … ab: abmelde); what is no word
    meets nothing. The words are in small letters.
    """
    found: dict[str, set[str]] = {}
    for clause in _CLAUSE.split(text.lower()):
        words = _WORD.findall(clause)
        for word in words:
            found.setdefault(word, set()).update(_infinitives(word))
        if len(words) > 1 and words[-1] in _PARTICLES:
            for word in words[:-1]:
                found[word] |= {words[-1] + form for form in (word, *_infinitives(word)) if len(form) >= _SHORTEST}
    return found


def _infinitives(word: str) -> set[str]:
    if word in _STRONG:
        return {_STRONG[word]}
    match = _OF_PARTICIPLE.match(word)
    if match is None:
        return set()
    particle, rest = match["particle"], match["rest"]
    if rest in _STRONG:
        return {particle + _STRONG[rest]}
    if rest.endswith("en") or not rest.endswith("t"):
        return {particle + rest} if particle else set()
    stem = rest.removesuffix("t").removesuffix("e")
    return {particle + stem + ("n" if stem.endswith(("er", "el")) else "en")}
