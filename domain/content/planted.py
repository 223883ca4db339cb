"""Words that a planted instruction leaves in a text, in German and English: a note for people, never a guard.

Each class stands for something that copy for members has no reason to say. A gap between two words ends with the
sentence, so that neighbours do not make one up together.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

_LONGEST_EXCERPT = 80


@dataclass(frozen=True, slots=True)
class Class:
    """One kind of planted words: what it looks like, for people, and its patterns.

    A sentence that `unless` matches is about something else.
    """

    name: str
    de: str
    en: str
    patterns: Sequence[re.Pattern[str]]
    unless: re.Pattern[str] | None = None


_GAP = r"[^.!?\n]"
_CLAUSE = r"[^.!?,;:\n]"
_NOT_DENIED = r"(?<!n't )(?<!not )(?<!never )"
_ORDERS_EN = r"(?:instructions?|prompts?|rules|guidelines|directives?|restrictions)"
_ORDERS_DE = r"(?:anweisung|instruktion|vorgabe|richtlinie|befehl|regel|prompt|einschränkung)\w*"
_EARLIER_EN = r"(?:previous|prior|preceding|above|earlier|foregoing|original|initial)"
_EARLIER_DE = r"(?:vorherig|bisherig|obig|vorangehend|vorangegangen|vorig|früher|ursprünglich)\w*"
_MACHINE = (
    r"(?:ai|a\.i\.|artificial intelligence|(?:large )?language model|llm|(?:ai|virtual) assistant|"
    r"ki|künstliche intelligenz|(?:großes )?sprachmodell|ki-(?:modell|assistent\w*|system))(?![\w-])"
)
_MAILING_EN = r"(?:campaign|draft|mailing|newsletter|e-?mail|mail|message|sms)"
_MAILING_DE = r"(?:kampagne|entwurf|mailing|newsletter|e-?mail|mail|nachricht|sms|versand)"
_CREDENTIALS = (
    r"(?:passwords?|passcodes?|(?-i:PIN|TAN)|credit card|card numbers?|cv[vc]|bank details|login (?:details|data)|"
    r"credentials|passwort|passwörter|kennwort|kreditkarte\w*|kartennummer|bankdaten|kontodaten|zugangsdaten|"
    r"login-?daten|anmeldedaten)"
)
_OFF_EN = (
    r"(?:(?:not|no longer|never|n't)(?: be)? (?:possible|available|allowed|supported|offered|permitted)|"
    r"(?:is|are|was|were|been|be) (?:impossible|disabled|removed|deactivated|suspended|switched off|forbidden|"
    r"prohibited|unavailable|ignored)|(?:does not|doesn't|no longer) works?)"
)
_OFF_DE = (
    r"(?:nicht(?: mehr| länger)? (?:möglich|erlaubt|vorgesehen|zulässig|gestattet|wirksam)|unmöglich|ausgeschlossen|"
    r"abgeschaltet|abgeschafft|deaktiviert|verboten|gesperrt|wirkungslos|zwecklos)"
)
_LEAVING = r"(?:abmeld\w*|abbestell\w*|austragen|werbewiderspr\w*)"


def _class(name: str, de: str, en: str, *patterns: str, unless: str | None = None) -> Class:
    made = tuple(re.compile(pattern, re.IGNORECASE | re.MULTILINE) for pattern in patterns)
    return Class(name, de, en, made, re.compile(unless, re.IGNORECASE) if unless else None)


CLASSES = (
    _class(
        "override",
        "Das setzt Anweisungen außer Kraft, statt etwas zu sagen.",
        "This sets instructions aside instead of saying something.",
        rf"{_NOT_DENIED}\b(?:ignor(?:e|ing)|disregard|forget|overrid(?:e|ing)|bypass|set aside|pay no attention to|"
        rf"(?:do not|don't|stop) (?:follow|obey)(?:ing)?)\b{_GAP}{{0,40}}\b(?:{_ORDERS_EN}|"
        rf"{_EARLIER_EN} (?:text|messages?|context)|everything (?:above|before|so far))\b",
        rf"\b(?:ignorier|vergiss|vergesst|vergessen sie|missacht|überschreib|umgeh|verwirf|übergeh|widersetz)\w*\b"
        rf"(?! (?:bitte )?nicht\b){_GAP}{{0,40}}\b(?:{_ORDERS_DE}|alles (?:oben|bisherige|vorherige))",
        rf"\b{_EARLIER_EN} (?:instructions?|prompts?|guidelines|directives?)\b",
        r"\b(?:instructions?|prompts?|directives?) (?:above|before this|so far)\b",
        rf"\b{_EARLIER_DE} (?:anweisung|instruktion|befehl|prompt)\w*",
        r"\b(?:new|updated|real|actual|secret) (?:instructions?|directives?)(?: ?:| (?:from|for you|are)\b)",
        r"\b(?:neue|geänderte|eigentliche|geheime)\w* (?:anweisung|instruktion|direktive)\w*",
    ),
    _class(
        "machine",
        "Das spricht über das Modell, das schreibt.",
        "This speaks of the model that writes.",
        r"\bsystem[- ]?(?:prompt|message|nachricht|anweisung)\w*",
        r"\b(?:jailbreak\w*|developer mode|entwicklermodus|prompt injection|do anything now)\b",
        rf"\b(?:as an?|als(?: eine?)?) {_MACHINE}",
        rf"\b(?:you are|you're|act as|pretend to be|i am|i'm|du bist|sie sind|ich bin|verhalte? dich (?:als|wie))"
        rf"(?: now| jetzt| nun| ab sofort| nur)?(?: an?| the| eine?| das| der)? "
        rf"(?:{_MACHINE}|(?:unrestricted|uneingeschränkt\w*|root)\b)",
        r"^\s*(?:system|assistant|developer|assistent)\s*:",
        r"<\|?/?(?:im_start|im_end|system|endoftext|inst)\|?>|\[/?INST\]",
        rf"\b(?:reveal|repeat|print|output|leak|disclose|expose)\b{_GAP}{{0,40}}"
        r"\b(?:prompts?|instructions|api[- ]?keys?|secret keys?|training data)\b",
        rf"\b(?:wiederhol|verrat|offenbar|veröffentlich)\w*{_GAP}{{0,40}}"
        r"\b(?:prompt|systemprompt|anweisungen|api-?schlüssel)\b",
    ),
    _class(
        "order",
        "Das ist ein Auftrag an den Versand, kein Satz für Mitglieder.",
        "This is an order to the sending system, no sentence for members.",
        rf"\b(?:release|publish|schedule|launch|send(?: out)?|dispatch|e?-?mail)\b (?:it|this|that|these|everything|"
        rf"(?:the|this|that) {_MAILING_EN})\b{_GAP}{{0,30}}\b(?:now|immediately|instantly|at once|right away|without|"
        r"to (?:everyone|everybody|all(?! of| your| my)|the (?:whole|entire|full) (?:list|base)))\b",
        rf"\bapprov(?:e|ing)\b{_CLAUSE}{{0,20}}\b(?:it|this|that|these|everything|itself|{_MAILING_EN})\b",
        r"\b(?:without|skip(?:ping)?|bypass(?:ing)?)(?: the| any| a)?(?: human)? (?:approval|moderation|review step)\b",
        rf"\b(?:gib|gebt|geben sie)\b{_CLAUSE}{{0,30}}\b{_MAILING_DE}\b{_CLAUSE}{{0,20}}\bfrei\b",
        r"\b(?:gib|gebt|geben sie) (?:das|dies|es|sie|alles)(?: (?:sofort|jetzt|bitte|gleich|einfach))* frei\b",
        rf"\b(?:kampagne|entwurf|mailing|versand)\b{_CLAUSE}{{0,30}}"
        r"\b(?:freigeben|freizugeben|genehmigen|einplanen|abschicken|versenden|verschicken)\b",
        r"(?<!ich )\b(?:(?:ver)?sende|(?:ver)?schicke?|sendet|schickt|(?:ver)?(?:senden|schicken) sie)\b"
        rf"{_CLAUSE}{{0,40}}\ban (?:alle(?! (?:deine|eure|ihre|freund|bekannt|kolleg))|jeden|sämtliche|die ganze)\b",
        rf"\bgenehmig(?:e|t|en sie)\b{_CLAUSE}{{0,30}}\b(?:{_MAILING_DE}|das|dies|es|sie|alles)\b",
        r"\bohne (?:menschliche |jede )?freigabe\b",
    ),
    _class(
        "no_way_out",
        "Das bestreitet, dass man sich abmelden kann.",
        "This denies that one can unsubscribe.",
        rf"\b(?:unsubscrib\w*|opt(?:ing)?[- ]?out|withdrawing (?:your )?consent)\b{_CLAUSE}{{0,40}}{_OFF_EN}",
        rf"\b(?:cannot|can't|can not|can no longer|could not|unable to|no way to|may not|must not|not possible to|"
        rf"impossible to|not allowed to|never)\b{_CLAUSE}{{0,30}}\b(?:unsubscribe|opt[- ]?out|withdraw your consent)\b",
        rf"\b{_LEAVING}\b{_CLAUSE}{{0,50}}\b(?:{_OFF_DE}|funktionier\w* nicht)\b",
        rf"\b(?:nicht(?: mehr| länger)? möglich|unmöglich)\b{_GAP}{{0,30}}\b{_LEAVING}\b",
        rf"\b(?:kannst|könnt|können|darfst|dürft|dürfen)\b{_CLAUSE}{{0,50}}\b(?:nicht|nie|niemals|keinesfalls)\b"
        rf"{_CLAUSE}{{0,30}}\b(?:abmelden|abbestellen|austragen)\b",
        unless=r"kurs|termin|stunde|training|platz|plätze|buchung|workshop|event|veranstaltung|class\b|course|session",
    ),
    _class(
        "credentials",
        "Das fragt nach Zugangs- oder Bankdaten.",
        "This asks for credentials or bank details.",
        rf"(?<!we )(?<!will )(?<!'ll )(?<!to )\b(?:enter|send|give|provide|reply with|confirm|verify|submit|share|tell|"
        rf"update)\b(?! you\b){_CLAUSE}{{0,40}}\b{_CREDENTIALS}\b",
        rf"\b(?:gib|gebt|geben sie|nenne?|nennt|nennen sie|sende|sendet|senden sie|schicke?|schickt|schicken sie|"
        rf"teile?|teilt|teilen sie|bestätige?|bestätigt|bestätigen sie|verifiziere?|antworte?|aktualisiere?)\b"
        rf"(?! (?:dir|euch|ihnen)\b){_CLAUSE}{{0,40}}\b{_CREDENTIALS}\b",
        r"\b(?:verify|confirm) your (?:identity|payment|bank account)\b",
        r"\b(?:bestätige|verifiziere|bestätigen sie) (?:deine|eure|ihre) (?:identität|zahlungsdaten|bankverbindung)\b",
    ),
)

# What stands in a brief or a source only to turn whoever writes from it; neither has a reason to forbid or to promise.
_WRITER = _class(
    "writer",
    "Das sagt dem, der schreibt, was er schreiben soll.",
    "This tells whoever writes what to write.",
    r"\byou (?:must|have to|should|will|shall) now (?:write|output|print|answer|reply|respond|say)\b",
    rf"{_NOT_DENIED}\bforget (?:it|that|this) and (?:just |only |now )?"
    r"(?:write|output|print|answer|reply|respond|say)\b",
    r"\b(?:du (?:musst|sollst|wirst|darfst)|ihr (?:müsst|sollt)|sie (?:müssen|sollen)) (?:jetzt|nun|ab sofort)"
    r" (?:noch )?(?:schreiben|ausgeben|antworten|sagen)\b",
    r"\bvergiss (?:es|das),? und (?:schreib|antworte|sage?|gib)\b",
)
_OF_SOURCES = (*(each for each in CLASSES if each.name in {"override", "machine"}), _WRITER)


def to_a_writer(text: str) -> list[str]:
    """Return the words with which a brief or a source gives orders to whoever writes from it, one for each class."""
    plain = _seen(text)
    return [words for each in _OF_SOURCES if (words := _words(each, plain)) is not None]


def found(text: str) -> list[tuple[Class, str]]:
    """Return each class that a text has words of, with the first of these words, at most 80 characters of them."""
    plain = _seen(text)
    return [(each, words) for each in CLASSES if (words := _words(each, plain)) is not None]


def _words(each: Class, text: str) -> str | None:
    for pattern in each.patterns:
        for match in pattern.finditer(text):
            if each.unless is None or not each.unless.search(_sentence(text, match)):
                return match.group(0).strip()[:_LONGEST_EXCERPT]
    return None


def _sentence(text: str, match: re.Match[str]) -> str:
    before = max(text.rfind(mark, 0, match.start()) for mark in ".!?\n")
    ends = [at for mark in ".!?\n" if (at := text.find(mark, match.end())) >= 0]
    return text[before + 1 : min(ends, default=len(text))]


def _seen(text: str) -> str:
    """Return the text as it is read: nothing invisible between its letters, one space between its words."""
    plain = unicodedata.normalize("NFKC", text)
    shown = "".join(character for character in plain if unicodedata.category(character) != "Cf")
    return re.sub(r"[^\S\n]+", " ", shown.replace("’", "'"))
