"""How people ask to be written to, call it off, put it off, or answer a question about it; German and English.

The rules read a turn in lower case. `{time}` does not stand in them: where the time stands is decided by the resolver.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

from domain.follow_ups.rules import Topic


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns))


_MAY = (
    r"(?:k[öo]nn?te?n?|kann|kannst|k[öo]nnt(?:est|et)?|w[üu]rde?(?:st|t|n)?|magst|m[öo]gt|sollt?e?(?:st|t|n)?"
    r"|willst|wollt|wollen)"
)
_YOU = r"(?:du|ihr|sie|jemand|man|euer team|das team|das studio)"
_GAP = r"(?:(?!\bnicht\b|\bkeine?\b)(?:[^.!?;\n]|(?<=\d)\.)){0,80}?"
_ASK_DE = _any(
    # erinnern: jemand erinnert mich
    r"\berinner(?:e|t|st|n)? (?:sie )?(?:mich|uns)\b",
    rf"\b{_MAY} {_YOU} (?:mich|uns)\b{_GAP}\berinnern\b",
    rf"\b(?:mich|uns)\b{_GAP}\bzu erinnern\b",
    r"\bbitte\b" + _GAP + r"\berinnern\b",
    r"\b(?:erinnerst|erinnert) (?:du|ihr) (?:mich|uns)\b",
    r"\b(?:eine?n? |die )?(?:erinnerung|reminder)\b (?:bitte|f[üu]r|am|an|in|im|n[äa]chste|morgen|[üu]bermorgen"
    r"|ab|zum|um)",
    r"\b(?:stell|setz|schick|mach|richte?)(?:e|t|en)? (?:sie )?(?:mir|uns)\b"
    + _GAP
    + r"\b(?:erinnerung|reminder|nachricht|wiedervorlage)\b",
    rf"\b{_MAY} {_YOU} (?:mir|uns)\b{_GAP}\b(?:erinnerung|reminder|nachricht)\b{_GAP}"
    r"\b(?:stellen|setzen|schicken|senden|machen|einrichten)\b",
    r"\bwiedervorlage\b",
    # sich melden
    r"\bmeld(?:e|et)?(?:'s)? (?:dich|euch)\b",
    r"\bmelden sie sich\b",
    rf"\b{_MAY} (?:du dich|ihr euch|sie sich|sich (?:bitte )?(?:jemand|wer))\b{_GAP}\bmelden\b",
    r"\b(?:dass |wenn |ob )?(?:du dich|ihr euch|sie sich)\b"
    + _GAP
    + r"\b(?:meldest|meldet|melden (?:w[üu]rde|k[öo]nnte)(?:s?t|n)?)\b",
    r"\b(?:dass|wenn|ob) (?:du|ihr|sie) (?:mich|uns|mir)\b"
    + _GAP
    + r"\b(?:erinner\w+|schreib\w+|kontaktier\w+|anschreib\w+)\b",
    r"\bmeldest du dich\b|\bmeldet ihr euch\b|\bmeldet sich (?:bitte )?(?:jemand|wer)\b",
    r"\b(?:bitte|gerne?|nochmals?|noch ?mal|noch einmal|wieder|erst)\b"
    + _GAP
    + r"\bmelden\b(?! (?:mich|uns|will|werde))",
    # schreiben, fragen, ansprechen
    r"\b(?:schreibst|schreibt|fragst|fragt|kontaktierst|kontaktiert) (?:du|ihr) (?:mir|mich|uns)\b",
    r"\bfrag(?:e|t|en sie)? (?:mich|uns)\b",
    rf"\b{_MAY} {_YOU} (?:mich|uns)\b{_GAP}\bfragen\b",
    rf"\b{_MAY} (?:mich|uns|mir|sich) (?:bitte )?(?:jemand|wer|einer)\b{_GAP}"
    r"\b(?:erinnern|kontaktieren|schreiben|melden)\b",
    r"\bschreib(?:e|t|en)? (?:sie )?(?:mir|ma|uns)\b",
    r"\bbitte\b" + _GAP + r"\b(?:schreiben|fragen)\b",
    r"\bh[äa]tten? gerne?\b" + _GAP + r"\b(?:erinnerung|reminder)\b",
    r"\bschreib(?:e|t|en)? (?:sie )?(?:mich|uns)\b" + _GAP + r"\ban\b",
    rf"\b{_MAY} {_YOU} (?:mir|uns|mich)\b{_GAP}\b(?:an)?schreiben\b",
    r"\b(?:bitte|gerne?)\b" + _GAP + r"\b(?:anschreiben|nachfragen|nachhaken|kontaktieren|ansprechen)\b",
    r"\bfrag(?:e|t|en)? (?:sie )?(?:mich|uns)?\b" + _GAP + r"\b(?:noch ?mals?|noch einmal|wieder|nach)\b",
    rf"\b{_MAY} {_YOU} (?:mich |uns )?{_GAP}\bnachfragen\b",
    r"\bhak(?:e|t|en)? (?:sie )?" + _GAP + r"\bnach\b",
    r"\bkontaktier(?:e|t|en)? (?:sie )?(?:mich|uns)\b",
    rf"\b{_MAY} {_YOU} (?:mich|uns)\b{_GAP}\bkontaktieren\b",
    r"\bkomm(?:e|t|en)? (?:sie )?" + _GAP + r"\bauf (?:mich|uns) zu\b",
    rf"\b{_MAY} {_YOU}\b{_GAP}\bauf (?:mich|uns) zukommen\b",
    r"\bspr(?:ich|echt|echen sie) (?:mich|uns)\b" + _GAP + r"\ban\b",
    r"\b(?:gib|gebt|geben sie|sag|sagt|sagen sie) (?:mir|uns)\b" + _GAP + r"\bbescheid\b",
    r"\blass(?:t|en sie)? uns\b" + _GAP + r"\b(?:sprechen|schreiben|reden|h[öo]ren|telefonieren)\b",
    r"\bk[öo]nnen wir\b"
    + _GAP
    + r"\b(?:noch ?mal|noch einmal|wieder|dar[üu]ber)\b"
    + _GAP
    + r"\b(?:sprechen|schreiben|reden)\b",
    r"\bping(?:t|e)? mich\b|\bstups(?:t|e)? mich\b",
)
_ASK_EN = _any(
    r"\bremind (?:me|us)\b",
    r"\b(?:set|send|give|create|make|sending|giving) (?:me |us )?(?:up )?(?:a |another )?"
    r"(?:quick |little |short )?(?:reminder"
    r"|nudge)\b",
    r"\b(?:send|shoot|drop) (?:me|us) (?:a |another )?(?:quick |short |little )?(?:message|text|line|note|email"
    r"|mail)\b",
    r"\breminder\b,? (?:please|for|on|in|next|tomorrow|at)",
    r"\b(?:get|come) back to (?:me|us)\b",
    r"\b(?:get|be|keep) in touch\b",
    r"\bget in contact\b",
    r"\bfollow(?:ing)? up\b",
    r"\bcheck(?:ing)? (?:back|in|up)(?: in)? (?:again |with (?:me|us)|on (?:me|us)|on|in|next|tomorrow|after"
    r"|around|later)",
    r"\breach(?:ing)? out\b",
    r"\b(?:contact|text|message|ping|nudge|email|whatsapp) (?:me|us)\b",
    r"\bwrite (?:to )?(?:me|us)\b|\bwrite (?:back|again)\b",
    r"\bhit (?:me|us) up\b",
    r"\btouch base\b|\bcircle back\b",
    r"\bask again\b",
    r"\bask (?:me|us)\b(?: about (?:it|this|that))?(?: again| once more| in| next| on| after| tomorrow)",
    r"\btry (?:me|us) again\b",
    r"\b(?:let's|let us|can we|could we|shall we|we can) (?:talk|speak|chat|discuss|catch up|revisit|reconnect)\b",
    r"\b(?:talk|speak|chat) (?:to (?:me|you) )?again\b",
    r"\bhear from you\b",
)
ASK: Mapping[str, re.Pattern[str]] = MappingProxyType({"de": _ASK_DE, "en": _ASK_EN})

# What sounds like asking, and is not: the member promises, remembers, reports, asks for a fact, or books.
_NOT_DE = _any(
    r"\b(?:ich|wir) (?:werde |werden |w[üu]rde |kann |k[öo]nnen )?(?:melde|melden|schreibe|schreiben|frage|fragen)\b",
    r"\b(?:melde|schreibe|frage) (?:ich|mich)\b",
    r"\b(?:melden|schreiben) wir\b",
    r"\b(?:schreibe|sage|gebe) (?:euch|dir|ihnen|dann)\b|\bmelde mich\b",
    r"\b(?:werde|w[üu]rde|muss|will|m[öo]chte|wollte|kann) (?:ich )?mich\b" + _GAP + r"\bmelden\b",
    r"\bich\b[^.!?;,\n]{0,60}?\berinner(?:e|n)\b(?! lassen| werden)",
    r"\berinner(?:st du dich|t ihr euch|n sie sich)\b",
    r"\berinner(?:e|t|st|n)? (?:sie )?(?:mich|uns)\b(?: (?:bitte|kurz|nochmal|noch ?mal|mal|doch))*,? "
    r"(?:wann|wie|wo|was|welche[rsn]?|ob|wer|an was|woran|warum)\b",
    r"\bmich\b" + _GAP + r"\berinnern,? (?:wann|wie|wo|was|welche[rsn]?|ob|wer|woran)\b",
    r"\b(?:gesagt|(?<!krank )geschrieben|versprochen|gemeldet|zugesagt|hattest|hattet|wolltest|wolltet|wollten sie)\b",
    r"\b(?:nicht|keine?n?|nie|niemals)\b"
    r"[^.!?;\n]{0,40}?"
    r"\b(?:melden|melde|meldet|erinner\w*|schreib\w*|anschreiben|kontaktier\w*|nachricht\w*|erinnerung)\b",
    r"\b(?:meld|schreib|erinner|kontaktier)\w* [^.!?;,\n]{0,30}\b(?:nicht|nie|niemals)\b",
    r"\bschreib(?:e|t|en)? (?:sie )?(?:mich|uns)\b" + _GAP + r"\b(?:ein|rein|auf)\b",
    r"\b(?:an|ab|um|krank|zur[üu]ck|zu)melden\b",
    r"\bmeldet (?:euch|sich)\b" + _GAP + r"\b(?:an|ab)\b\s*[.!?]?$",
    r"\bsobald\b|\bfalls (?:ihr|du|sie|es)\b|\bwenn (?:(?:ihr|du|sie) (?!mich|uns|euch|dich|mir|sich)|es|was"
    r"|etwas|wieder|ein platz|der kurs|noch)\b",
    r"\b(?:er|mein mann|meine frau|mein freund|meine freundin|meine tochter|mein sohn|die trainerin|der trainer)\b"
    r" (?:meldet|schreibt|fragt|erinnert)\b",
    r"\b(?:ruf|rufen|rufst|ruft)\b",
)
_NOT_EN = _any(
    r"\b(?:i|we)(?:'ll| will| can| shall| might|'m going to| am going to| would|'d| want to| wanted to| need to"
    r"| have to"
    r"|'d like to| would like to| was going to| should| must| could| plan to)?(?: also| probably| just| definitely)? "
    r"(?:get back|follow up|text|write|message|check|reach out|contact|get in touch|be in touch|touch base|ping"
    r"|email|"
    r"try|come back|circle back|remind|following up|checking)\b",
    r"\bi'm (?:just )?(?:following|checking|reaching|writing|getting)\b|\bjust (?:following|checking|reaching)\b",
    r"\bremind (?:me|us)(?: (?:again|please|quickly|briefly))?,? (?:what|when|where|how|who|which|why|whether|if"
    r"|of (?:the|my|your))\b",
    r"\breminds?ed?\b (?:me|us) (?:of|that|about how)\b|\breminds\b|\breminded\b",
    r"\b(?:you|they|he|she|somebody|someone)(?:'d| had| have|'ve)? (?:said|promised|told|wanted|were going|was going|"
    r"were supposed|was supposed|agreed|never|didn't|forgot|already|just)\b",
    r"\b(?:don't|do not|doesn't|never|stop|no need|not|without|didn't|won't|can't)\b[^.!?;,\n]{0,30}?"
    r"\b(?:remind\w*|text|message\w*|contact\w*|write|writing|follow\w*|get back|reach\w*|email|ping|ask|check"
    r"|bother)\b",
    r"\b(?:if|once|as soon as|whenever|in case) (?:you (?!could|can|would)|(?:there|it|they|the|a|something"
    r"|anything)\b)",
    r"\bwhen (?:you have|there|it|the|a|a spot|you get|you know)\b",
    r"\b(?:my (?:wife|husband|son|daughter|friend|colleague)|he|she|they)(?:'ll| will| can| might)? "
    r"(?:text|write|message|contact|get back|follow up|reach out|check|remind|be in touch)\b",
    r"\b(?:call|phone|ring) (?:me|us)\b|\bgive (?:me|us) a (?:call|ring)\b",
    r"\b(?:will|are|did) you\b[^.!?;\n]*\bor not\b",
    r"\bhow (?:do|can|should) (?:i|we)\b|\bwho (?:do|can|should)\b|\bwhere (?:do|can)\b",
    r"\b(?:follow[- ]up|check[- ]?up|check[- ]in) (?:appointment|session|class|call|visit|is|was|at the desk"
    r"|opens?)\b",
)
NOT_ASK: Mapping[str, re.Pattern[str]] = MappingProxyType({"de": _NOT_DE, "en": _NOT_EN})

_CANCEL_DE = _any(
    r"\bhat sich (?:schon |bereits |alles |das |mittlerweile |inzwischen )*erledigt\b|\bist (?:schon "
    r"|bereits )?erledigt\b",
    r"^(?:ach |nee |nein |ok |okay |sorry |doch )*(?:schon )?erledigt\b",
    r"\b(?:brauchst|braucht|brauchen|musst|m[üu]sst|m[üu]ssen)\b[^.!?;\n]{0,40}\b(?:nicht|nichts)\b[^.!?;\n]{0,40}"
    r"\b(?:melden|erinnern|schreiben|nachfragen|nachhaken|anschreiben|kontaktieren)\b",
    r"\b(?:melden|erinnern|schreiben|nachfragen|nachhaken)\b[^.!?;\n]{0,20}\b(?:nicht (?:mehr )?(?:n[öo]tig"
    r"|notwendig))\b",
    r"\b(?:erinnerung|reminder|wiedervorlage)\b[^.!?;\n]{0,40}\b(?:l[öo]sch\w*|streich\w*|stornier\w*|absag\w*"
    r"|weg(?:lassen)?|"
    r"raus(?:nehmen)?|vergess\w*|abbrech\w*|nicht mehr|[üu]berfl[üu]ssig|hinf[äa]llig|entf[äa]llt)\b",
    r"\b(?:l[öo]sch\w*|streich\w*|stornier\w*|vergiss|vergesst|vergessen sie|brech\w*)\b[^.!?;\n]{0,40}"
    r"\b(?:erinnerung|reminder|wiedervorlage|nachfrage|r[üu]ckmeldung)\b",
    r"\b(?:keine|ohne) (?:erinnerung|reminder|r[üu]ckmeldung)\b",
    r"\b(?:nicht|nimmer) (?:mehr )?(?:daran |dran )?erinnern\b|\berinner\w* mich (?:bitte )?(?:doch )?nicht\b",
    r"\bdoch nicht (?:mehr )?(?:melden|erinnern|schreiben|n[öo]tig)\b",
    r"\b(?:meldet euch|meld dich|melde dich|melden sie sich) (?:bitte )?(?:doch |dann )?nicht\b",
)
_CANCEL_EN = _any(
    r"\bnever ?mind\b[^.!?;\n]{0,20}\b(?:reminder|remind|follow[- ]?up|message|that|it)\b|^(?:oh |actually |ah "
    r"|ok |sorry )*"
    r"(?:,? )*never ?mind\b",
    r"\b(?:no need|not necessary|unnecessary|don't (?:have|need)|do not (?:have|need))\b[^.!?;\n]{0,25}"
    r"\b(?:remind\w*|follow|get(?:ting)? back|write|writing|text\w*|message|messaging|check\w*|reach\w*"
    r"|contact\w*|reminder)\b",
    r"\b(?:cancel|delete|scrap|drop|remove|forget|skip|scratch|call off|disregard)\b[^.!?;\n]{0,25}"
    r"\b(?:reminder|follow[- ]?up|nudge|check[- ]?in)\b",
    r"\b(?:don't|do not) (?:bother )?(?:remind\w*|follow(?:ing)? up|get(?:ting)? back|text\w*|messag\w*|check\w*"
    r"|reach\w*|contact\w*)"
    r"\b(?! (?:on|at|in the|before|after|during|until) )",
    r"\b(?:it's|it is|that's|that is|this is|all|already|it has been|it's been|has been) (?:all |already |been )*"
    r"(?:sorted|taken care of|settled|dealt with|resolved)\b",
    r"\breminder\b[^.!?;\n]{0,25}\b(?:not needed|no longer|isn't needed|unnecessary|obsolete)\b",
    r"\bno (?:reminder|follow[- ]?up)\b[^.!?;\n]{0,10}\b(?:needed|necessary|required|please|any ?more)\b",
)
CANCEL: Mapping[str, re.Pattern[str]] = MappingProxyType({"de": _CANCEL_DE, "en": _CANCEL_EN})

_MOVE_DE = _any(
    r"\bdoch (?:erst|lieber|besser|schon|eher)\b|\b(?:lieber|besser|eher) (?:doch )?(?:erst|schon)?\b",
    r"\bversch(?:ieb|oben|ieben)\w*\b|\bverleg\w*\b|\bauf\b" + _GAP + r"\b(?:legen|schieben)\b",
    r"\b(?:sp[äa]ter|fr[üu]her) (?:melden|erinnern|schreiben)\b|\b(?:erst|schon) (?:am|im|in|ab|n[äa]chste"
    r"|[üu]bern[äa]chste|nach|morgen|zum)\b",
    r"\bstatt(?:dessen)?\b|\banstatt\b",
    r"\b(?:passt|w[äa]re|ist) (?:mir |es )?(?:doch )?(?:besser|lieber)\b",
    r"^(?:n[äa]|nee|nein|ach|sorry|ups|oh|hm+),? (?:doch )?\b",
)
_MOVE_EN = _any(
    r"\binstead\b|\brather\b|\bactually\b",
    r"\b(?:move|push|shift|postpone|delay|reschedule|bump|bring) (?:it|that|this|the (?:reminder|follow[- ]?up"
    r"|message)|"
    r"my reminder|things)\b",
    r"\b(?:make|let's make|can we make|could we make) (?:it|that)\b",
    r"\b(?:would be|is|works|suits me|fits) better\b|\bbetter (?:in|on|next|after|tomorrow)\b",
    r"\b(?:not until|later|earlier|sooner),? (?:in|on|next|please|like|maybe)\b|\bnot until\b",
    r"^(?:no|nah|sorry|oops|hm+),? (?:wait,? )?\b",
)
MOVE: Mapping[str, re.Pattern[str]] = MappingProxyType({"de": _MOVE_DE, "en": _MOVE_EN})
# A move needs nothing of this: then the member speaks of a booking, not of the message that was promised.
BOOKING = _any(
    r"\b(?:buch\w*|reservier\w*|termin|kurs\w*|stunde|platz|training|probetraining|anmeld\w*|abmeld\w*"
    r"|k[üu]ndig\w*)\b",
    r"\b(?:book\w*|reserv\w*|class|classes|appointment|session|slot|spot|sign (?:me )?up|membership|cancel my)\b",
)

# What the studio itself promises in a chat.
_PROMISE_DE = _any(
    r"\b(?:ich|wir) (?:melde|melden|schreibe|schreiben|frage|fragen|erinnere|erinnern|komme|kommen)\b",
    r"\b(?:melde|schreibe|frage|erinnere) (?:ich|mich|dich|euch|sie|dir)\b|\b(?:melden|schreiben|erinnern) wir\b",
)
_PROMISE_EN = _any(
    r"\b(?:i|we)(?:'ll| will) (?:get back|follow up|text|write|message|check|reach out|contact|remind"
    r"|be in touch|touch base|"
    r"circle back|ping)\b",
)
PROMISE: Mapping[str, re.Pattern[str]] = MappingProxyType({"de": _PROMISE_DE, "en": _PROMISE_EN})

QUESTION_WORDS = _any(
    r"\b(?:wann|wie lange|wieviel|wie viel|um wieviel|habt ihr|hat das|ist das studio|gibt es|geht der|findet)\b",
    r"\b(?:what time|when (?:is|are|does|do|will|can)|how long|are you open|is there|do you have|is the)\b",
)

YES = _any(
    r"^(?:ja|jo|jup|jap|yes|yep|yeah|yup|ok|okay|oki|gern|gerne|sure|klar|passt|perfekt|super|prima|genau"
    r"|perfect|great|fine|"
    r"einverstanden|alles klar|geht klar|mach das|macht das|bitte|please do|go ahead|sounds good|that works"
    r"|that's fine)\b",
)
NO = _any(
    r"^(?:nein|nee|n[öo]|no|nope|nah|lieber nicht|besser nicht|nicht n[öo]tig|bitte nicht|kein(?:e)? (?:bedarf"
    r"|n[öo]t)|not needed|"
    r"no thanks|no thank you|keins|keine|neither|none|gar nicht|weder noch|danke,? nein|lass (?:mal|es)"
    r"|lasst (?:mal|es))\b",
)
FIRST = _any(
    r"^(?:die |der |das |option |nr\.? ?|nummer |number |the )*(?:1|eins|erste[rns]?|one"
    r"|first)\b(?! \w+tag)"
)
SECOND = _any(
    r"^(?:die |der |das |option |nr\.? ?|nummer |number |the )*(?:2|zwei|zweite[rns]?|two|second|letztere[rns]?"
    r"|latter)\b"
)

TOPICS: tuple[tuple[Topic, re.Pattern[str]], ...] = (
    (Topic.TRIAL, _any(r"\bprobe(?:training|stunde|monat|woche|abo|tag)?\b|\bschnupper\w*\b|\btrial\b|\btaster\b")),
    (
        Topic.MEMBERSHIP,
        _any(
            r"\b(?:mitgliedschaft|vertrag|abo|k[üu]ndig\w*|pausier\w*|pause|verl[äa]nger\w*|tarif)\b",
            r"\b(?:membership|contract|subscription|renew\w*|paus(?:e|ing)|freez\w+|join(?:ing)?)\b",
        ),
    ),
    (
        Topic.PAYMENT,
        _any(
            r"\b(?:rechnung|beitrag|bezahl\w*|zahl(?:ung|en)|[üu]berweis\w*|lastschrift)\b",
            r"\b(?:invoice|payment|pay|bill|fee|transfer)\b",
        ),
    ),
    (
        Topic.OFFER,
        _any(
            r"\b(?:angebot|aktion|rabatt|preis\w*|gutschein|10er[- ]?karte|zehnerkarte)\b",
            r"\b(?:offer|deal|discount|price\w*|voucher|promo\w*)\b",
        ),
    ),
    (
        Topic.APPOINTMENT,
        _any(r"\b(?:termin|beratung\w*|besichtig\w*|einweisung)\b", r"\b(?:appointment|consultation|tour)\b"),
    ),
    (
        Topic.COURSE,
        _any(
            r"\b(?:kurs\w*|yoga\w*|pilates|spinning|zumba|bootcamp|workshop|stunde)\b",
            r"\b(?:class|classes"
            r"|course)\b",
        ),
    ),
)

CHANNEL_NAMES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("whatsapp", _any(r"\b(?:per|via|by|on|[üu]ber|auf|mit|through) whats ?app\b|\bwhatsapp me\b")),
    ("sms", _any(r"\b(?:per|via|by|als|[üu]ber) (?:sms|text message)\b|\beine sms\b")),
    ("telegram", _any(r"\b(?:per|via|by|on|[üu]ber|auf) telegram\b")),
    ("email", _any(r"\b(?:per|via|by|als|[üu]ber) e?-?mail\b|\b(?:eine|an) e-?mail\b|\be-?mail me\b")),
)

_DE_WORDS = """
ich du er wir ihr mich dich mir dir euch uns und oder aber nicht kein keine der die das den dem ein eine einen bitte
danke hallo moin servus nochmal wieder erst doch schon noch bin ist sind war habe hat kann kannst könnt könnte melde
meldet erinnere erinner erinnert schreib schreibt am im um bis ab für nach vor auf zu mit bei morgen heute woche
wochen tage tagen monat monate monaten jahr uhr stunde stunden nächste nächsten übermorgen montag dienstag mittwoch
donnerstag freitag samstag sonntag urlaub weg ja nein gerne passt wann wie lieber januar februar märz juni juli
oktober dezember euer eure gegen einer melden erinnerung
"""
_DE = frozenset(_DE_WORDS.split())
_EN_WORDS = """
i you he we they me us my your and or but not no the a an please thanks thank hello hi hey again until is are was
were have has can could would will remind get back text message write contact on at in by for after before to with
tomorrow today week weeks day days month months year hour hours next monday tuesday wednesday thursday friday
saturday sunday vacation holiday away yes when how rather instead january february march may june july october
december it's i'm i'll don't that's let let's this that
"""
_EN = frozenset(_EN_WORDS.split())
_WORD = re.compile(r"[\wäöüß']+")


def language_of(text: str, default: str) -> str:
    """Return the language of a turn by its small words; the default where they do not tell."""
    words = _WORD.findall(text.casefold().replace("’", "'"))
    german, english = sum(word in _DE for word in words), sum(word in _EN for word in words)
    if german == english:
        return default
    return "de" if german > english else "en"
