"""German words."""

import re
from fractions import Fraction

from agents.follow_up.when import daytimes, numbers, values
from agents.follow_up.when.daytimes import Slots
from agents.follow_up.when.grammar import Leaf, index
from agents.follow_up.when.lexicon import Vocabulary, Words, add, bag, dash, glue, number, zones
from agents.follow_up.when.types import Grain
from agents.follow_up.when.values import Num, Today

WEEKDAYS = ("montag", "dienstag", "mittwoch", "donnerstag", "freitag", "samstag", "sonntag")
_WEEKDAY_SHORT = ("mo", "di", "mi", "do", "fr", "sa", "so")
_MONTHS = (
    "januar jänner jan jän",
    "februar feber feb",
    "märz mrz mär",
    "april apr",
    "mai",
    "juni jun juno",
    "juli jul julei",
    "august aug",
    "september sept sep",
    "oktober okt",
    "november nov",
    "dezember dez",
)
_WEAK_MONTHS = {"mai", "august"}  # first names too
_UNITS = {
    Grain.SECOND: "sekunde sekunden sek",
    Grain.MINUTE: "minute minuten min minütchen",
    Grain.HOUR: "stunde stunden std stündchen",
    Grain.DAY: "tag tage tagen tages",
    Grain.WEEK: "woche wochen wo",
    Grain.MONTH: "monat monate monaten monats",
    Grain.QUARTER: "quartal quartale quartalen quartals vierteljahr vierteljahre vierteljahren vierteljahres",
    Grain.YEAR: "jahr jahre jahren jahres",
}
_PARTS = {
    daytimes.EARLY: "früh",
    daytimes.FORENOON: "vormittag",
    daytimes.NOON: "mittag",
    daytimes.AFTERNOON: "nachmittag spätnachmittag",
    daytimes.EVENING: "abend",
    daytimes.NIGHT: "nacht",
}
_ADVERBS = {
    daytimes.MORNING: "morgens frühmorgens",
    daytimes.FORENOON: "vormittags",
    daytimes.NOON: "mittags",
    daytimes.AFTERNOON: "nachmittags",
    daytimes.EVENING: "abends",
    daytimes.NIGHT: "nachts",
}
_GLUE = {
    "BETWEEN": "zwischen",
    "THE": "der die das den dem des",
    "OF": "im in des der vom von",
    "ON": "am an zum",
    "AT": "um gegen punkt",
    "ABOUT": "ca circa zirka etwa ungefähr rund so zirca",
    "IN": "in",
    "AND": "und",
    "OR": "oder",
    "TO": "bis auf",
    "FROM": "von vom",
    "SINCE": "ab",
    "AFTER": "nach",
    "BEFORE": "vor",
    "NEXT": "nächste nächsten nächster nächstes nächstem",
    "UPCOMING": "kommende kommenden kommender kommendes kommendem",
    "THIS": "diese diesen dieser dieses diesem",
    "AFTERNEXT": "übernächste übernächsten übernächster übernächstes übernächstem",
    "LAST": "letzte letzten letzter letztes letztem",
    "GONE": "letzte letzten letzter letztes letztem vorige vorigen voriger voriges vergangene vergangenen vergangener "
    "vergangenes vorletzte vorletzten vorletzter vorletztes",
    "EVERY": "jede jeden jeder jedes jedem",
    "OCLOCK": "uhr h",
}
_HOLIDAYS = {
    "new_year": "neujahr neujahrstag",
    "epiphany": "dreikönigstag dreikönig dreikönige heiligedreikönige",
    "valentine": "valentinstag valentin",
    "womens_day": "frauentag weltfrauentag",
    "april_fools": "",
    "labour_may": "maifeiertag",
    "walpurgis": "walpurgisnacht",
    "mothers_day": "muttertag",
    "childrens_day": "kindertag",
    "assumption": "mariähimmelfahrt",
    "harvest": "erntedank erntedankfest",
    "austrian": "nationalfeiertag",
    "reformation": "reformationstag",
    "halloween": "halloween",
    "all_saints": "allerheiligen",
    "all_souls": "allerseelen",
    "st_martin": "martinstag sankt-martin",
    "thanksgiving": "thanksgiving",
    "mourning": "volkstrauertag",
    "repentance": "bußundbettag",
    "dead_sunday": "totensonntag ewigkeitssonntag",
    "st_nicholas": "nikolaus nikolaustag nikolo",
    "christmas_eve": "heiligabend weihnachtsabend heiligerabend",
    "christmas": "weihnachten weihnacht weihnachtstag christtag",
    "second_christmas": "stephanstag stefanitag stephanitag",
    "new_years_eve": "silvester sylvester silvesterabend",
    "fat_thursday": "weiberfastnacht altweiber altweiberfastnacht",
    "rose_monday": "rosenmontag",
    "mardi_gras": "faschingsdienstag fastnachtsdienstag veilchendienstag fastnacht",
    "ash_wednesday": "aschermittwoch",
    "palm_sunday": "palmsonntag",
    "maundy_thursday": "gründonnerstag",
    "good_friday": "karfreitag",
    "holy_saturday": "karsamstag ostersamstag",
    "easter": "ostern ostersonntag",
    "easter_monday": "ostermontag",
    "white_sunday": "weißersonntag",
    "ascension": "himmelfahrt christihimmelfahrt vatertag männertag herrentag",
    "pentecost": "pfingsten pfingstsonntag",
    "whit_monday": "pfingstmontag",
    "corpus_christi": "fronleichnam",
}
_HALVES = {"ein": 1, "zwei": 2, "drei": 3, "vier": 4, "fünf": 5, "sechs": 6, "sieben": 7, "acht": 8, "neun": 9}
_EDGES = {"start": "anfang beginn", "middle": "mitte", "end": "ende"}
_EDGE_UNITS = {
    "woche": Grain.WEEK,
    "wochen": Grain.WEEK,
    "monats": Grain.MONTH,
    "quartals": Grain.QUARTER,
    "jahres": Grain.YEAR,
}
_WEEKDAY_PARTS = {
    "früh": daytimes.EARLY,
    "morgen": daytimes.MORNING,
    "vormittag": daytimes.FORENOON,
    "mittag": daytimes.NOON,
    "nachmittag": daytimes.AFTERNOON,
    "abend": daytimes.EVENING,
    "nacht": daytimes.NIGHT,
}


def _calendar(words: Words) -> None:
    for day, (name, short) in enumerate(zip(WEEKDAYS, _WEEKDAY_SHORT, strict=True)):
        add(words, "WD", day, f"{name} {name}es {name}e {name}en")
        add(words, "WD", day, short, weak=True)
        add(words, "HABITW", "habit", f"{name}s")
        for ending, part in _WEEKDAY_PARTS.items():
            add(words, "WHEN", Slots(wday=day, part=part), name + ending)
            add(words, "HABITW", "habit", f"{name}{ending}s")
    add(words, "WD", 5, "sonnabend")
    add(words, "HABITW", "habit", "sonnabends")
    for month, names in enumerate(_MONTHS, 1):
        for name in names.split():
            add(words, "MONTH", month, name, weak=name in _WEAK_MONTHS)
    for grain, names in _UNITS.items():
        add(words, "UNIT", grain, names)
    add(words, "UNITS", Grain.SECOND, "s")
    add(words, "UNITS", Grain.MINUTE, "m")
    add(words, "UNITS", Grain.HOUR, "h")
    add(words, "WEEKEND", "weekend", "wochenende wochenend we")
    for key, names in _HOLIDAYS.items():
        add(words, "HOLIDAY", key, names)


def _days(words: Words) -> None:
    add(words, "EARLYADJ", "early", "frühen frühe früher späten späte später")
    add(words, "DATE", Today(), "heute heut")
    add(words, "TOMORROW", 1, "morgen")
    add(words, "DATE", Today(2), "übermorgen")
    add(words, "DATE", Today(3), "überübermorgen")
    add(words, "PASTW", "past", "gestern vorgestern neulich kürzlich vorhin damals")
    add(words, "HABITW", "habit", "täglich wöchentlich monatlich jährlich werktags wochentags feiertags immer")
    add(words, "NOW", "now", "jetzt sofort")
    add(words, "NOW", "now", "gleich", weak=True)
    for part, names in _PARTS.items():
        add(words, "PARTN", part, names)
    add(words, "MORNINGW", daytimes.MORNING, "morgen")
    for part, names in _ADVERBS.items():
        add(words, "PARTA", part, names)


def _clocks(words: Words) -> None:
    add(words, "QUARTERW", "quarter", "viertel")
    add(words, "THREEQUARTERS", "threequarters", "dreiviertel")
    add(words, "HALFW", "half", "halb")
    add(words, "HALFADJ", "half", "halbe halben halber halbes")
    add(words, "MIDNIGHT", "midnight", "mitternacht")
    add(words, "PAIR", number(2), "paar")


def _counts(words: Words) -> None:
    for word, value in numbers.german_numbers().items():
        add(words, "NUM", number(value), word)
    for word in ("ein", "eine", "einer", "einem", "einen", "eines", "nem", "ner", "ne", "nen"):
        words[word] = [Leaf("NUM", number(1, article=True))]
    add(words, "ONE", number(1), "ein")
    add(words, "NUM", number(2), "beiden")
    add(words, "NUM", number(3), "mehreren mehrere wenigen wenige einigen einige")
    add(words, "NUM", number(12), "dutzend")
    add(words, "NUM", Num(Fraction(3, 2)), "anderthalb")
    for word, value in _HALVES.items():
        add(words, "NUM", Num(value + Fraction(1, 2)), f"{word}einhalb {word}undhalb")
    add(words, "BIG", "tausend", "tausend million millionen")
    add(words, "YEAR", 2000, "zweitausend")
    for year in range(1, 100):
        name = numbers.german(year)
        add(words, "YEAR", 2000 + year, f"zweitausend{name} zweitausendund{name}")
    for word, value in numbers.german_ordinals().items():
        add(words, "ORD", value, word)
    add(words, "SPANW", values.span(Fraction(15), Grain.MINUTE), "viertelstunde")
    add(words, "SPANW", values.span(Fraction(45), Grain.MINUTE), "dreiviertelstunde")
    add(words, "SPANW", values.span(Fraction(30), Grain.MINUTE), "halbstunde")
    add(words, "SPANW", values.span(Fraction(6), Grain.MONTH), "halbjahr")


def _backwards(words: Words) -> None:
    """Enter "vorletzter", "drittletzter"."""
    for stem, count in (("vorletzt", 2), ("zweitletzt", 2), ("drittletzt", 3), ("viertletzt", 4)):
        for ending in ("e", "er", "es", "en", "em"):
            words.setdefault(stem + ending, []).append(Leaf("NTHLAST", count))


def _edges(words: Words) -> None:
    for where, names in _EDGES.items():
        add(words, "EDGE", where, names)
        for stem, grain in _EDGE_UNITS.items():
            for name in names.split():
                if stem + name != "wochenende":
                    add(words, "EDGEW", (where, grain), stem + name)


def words() -> Words:
    """Return the German lexicon."""
    found: Words = {}
    for fill in (_calendar, _days, _clocks, _counts, _backwards, _edges):
        fill(found)
    glue(found, _GLUE)
    dash(found)
    zones(found, but=("ist", "et", "est", "pt", "west"))
    return index(found)


VOCABULARY = Vocabulary(
    fillers=bag(
        "! ( ) , - . : ; ? ab also am an auf bis bitte ca circa dann das dem den der des die doch erst "
        "etwa exakt frühestens für gegen genau gern gerne halt im in ja kurz mal ok okay pünktlich so "
        "spätestens um ungefähr vielleicht vom von wieder zirka zum zur"
    ),
    followers=bag(
        "an anrufen auf bei beim bescheid bitte da dich dir du eine einen er erinnere erinnern es für geht "
        "gern gerne ginge gut hab habe haben herum hier hätte ich im in ist kann komme kommen können könnt "
        "könnte los mal melde melden meldet mich mir mit muss möchte nachfragen noch nochmal oder passt "
        "passen passend gehen trainieren vorbeikommen vorbeischauen reden quatschen rufen "
        "rum schreib schreiben sie soll sollte sprechen telefonieren und uns vorbei werde wieder will wir "
        "wird wäre würde zu zum zur zurück"
    ),
    counted=bag("mal"),
    blocked={
        "zwei": bag("mal"),
        "halbe": bag("portion sache"),
        "viertel": bag("liter pfund"),
    },
    bounds=bag("seit vor statt anstatt"),
    until=bag("bis"),
    breaks=bag("aber da denn doch obwohl oder sondern und weil während"),
    past=bag(
        "damals gab gestern gewesen ging gingen hatte hatten hattest kam kamen letztens neulich rief "
        "schrieb seit vorgestern vorhin war waren warst wart wurde wurden wurdest"
    ),
    habit=bag(
        "gewöhnlich häufig immer jede jedem jeden jeder jedes jährlich manchmal meistens monatlich "
        "normalerweise oft regelmäßig stets täglich werktags wochentags wöchentlich üblicherweise"
    ),
    negations=bag("ausser außer kein keine keinem keinen keiner nicht nie niemals ohne"),
    forget=bag("vergessen vergesst vergiss"),
    auxiliaries=bag("bin hab habe haben habt hast hat ist sind"),
    participle=re.compile(r"(?:\w*ge\w+(?:t|en)|\w{3,}iert|be\w{3,}t)"),
    wishes=bag(
        "angenehmen erholsamen erholsames frohe frohes fröhliche fröhlichen gute guten guter gutes schoenen "
        "schöne schönem schönen schönes"
    ),
    wished=(bag("danke für"), bag("zu spät"), bag("zu früh"), bag("alles gute"), bag("einen guten rutsch")),
    facts=bag(
        "offen geöffnet geschlossen öffnet öffnen schließt schliesst schließen kostet kosten beginnt startet endet "
        "läuft stattfindet gilt dauert abgebucht kündigen kündige kündigung"
    ),
    asks=bag("wer was wann wo wie warum wieso welche welcher welches wieviel"),
    asks_so=frozenset(
        {
            ("habt", "ihr"),
            ("gibt", "es"),
            ("ist", "der"),
            ("ist", "die"),
            ("ist", "das"),
            ("ist", "im"),
            ("seid", "ihr"),
        }
    ),
    proposes=bag("wäre zeit passt sieht wärs wär geht ginge"),
    praise=bag("toll toller tolle tolles super klasse genial"),
    relative=bag("vorher davor zuvor danach"),
    away=bag(
        "abwesend auszeit dienstreise elternzeit ferien fort geschäftsreise krank krankgeschrieben kur pause "
        "pausiere pausieren reha unterwegs urlaub verhindert verreist weg"
    ),
    away_so=frozenset({("nicht", "da"), ("nicht", "hier"), ("nicht", "im"), ("außer", "haus")}),
    requests=bag(
        "meld melde melden meldet schreib schreibt schreibe schreiben ruf ruft rufe rufen anrufen anruf frag fragt "
        "fragen nachfragen erinner erinnere erinnert kontaktier kontaktiert sprechen telefonieren nachhaken"
    ),
    back=bag("wieder zurueck zurück"),
)
