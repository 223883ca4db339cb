"""The phrases of `opt_out_words`, over plain words: lower case, without accents and punctuation. Data, no rules."""

import re


def _any(phrases: str) -> re.Pattern[str]:
    """Compile alternatives that stand on several lines; the breaks between them mean nothing."""
    return re.compile(r"\b(?:" + "".join([line.strip() for line in phrases.splitlines()]) + r")\b")


# Whoever says this wants messages, whatever else is said.
WANTS_MORE = _any(
    r"""
    (?:dont|do not|never|please dont|nicht|bitte nicht|niemals) (?:stop|stopp|unsubscribe|abmelden|abbestellen|
    austragen|cancel)|
    (?:dont|do not) (?:want|wish) to (?:stop|unsubscribe|opt out)|
    (?:nicht|never|ne pas) (?:vom newsletter |von der liste )?(?:abmelden|abbestellen)|
    (?:didnt|did not|havent|have not|nicht) (?:receive|received|get|got|erhalten|bekommen)|
    (?:no|keine?n?|pas d|pas de) (?:more )?(?:messages?|texts?|nachrichten?|sms|newsletter) (?:received|arrived|
    bekommen|erhalten|angekommen|recue?s?)|
    (?:hor|hort|horen)e?[nt]? (?:bitte )?nicht auf|
    (?:bekomme|kriege|erhalte) (?:ich )?(?:\w+ ){0,2}(?:keine?n?|nichts)|
    why (?:did|have) (?:you|u|the \w+) stop(?:ped)?|
    (?:bekomme|kriege|erhalte) (?:ich )?(?:\w+ ){0,3}(?:nicht|keine\w*|nichts) mehr|
    warum (?:bekomme|kriege|erhalte) ich (?:keine|nichts)|
    (?:wieder|again|de nouveau) (?:nachrichten|newsletter|messages|texts|infos) (?:bekommen|erhalten|receive|get|
    recevoir)|
    continuez|weiter so|keep (?:them|it|sending|texting)|
    unstop
    """
)

# Words that mean something else here.
HARMLESS = _any(
    r"""
    (?:stop|stopping|stopped|stopp) (?:by|over|off at|in at|at|in front|watch|sign|light|motion)|
    (?:bus|tram|full|pit|next|last|first|one|non|door|short) ?stop(?:s|p)?|
    nonstop|
    no ?stop|
    (?:cant|cannot|can not|couldnt|wont|will not|wouldnt) stop|
    stop(?:ped)? (?:smoking|eating|drinking|snoring|training|exercising|going|coming|raining|worrying|laughing)|
    (?:week|month|year|day|class|course) ?end|
    (?:end|ende) (?:of|der|des|dieser|nachster|vom|november|dezember|januar|februar|marz|april|mai|juni|juli|august|
    september|oktober)|
    (?:am|zum|bis) ende|
    quit (?:smoking|drinking|my job|the job)|
    gegen (?:ende|mittag|abend)
    """
)

# What can be ended and is no message.
ABOUT_SOMETHING_ELSE = _any(
    r"""
    (?:\w*kurs\w*|\w*termin\w*|\w*stunde\w*|\w*training\w*|\w*mitgliedschaft\w*|\w*vertrag\w*|\w*buchung\w*|
    \w*platz\w*|\w*abo|abos|abonnement|karte|zehnerkarte|rechnung\w*|zahlung\w*|lastschrift|teilnahme|workshop\w*|
    probe\w*|yoga\w*|pilates\w*|spinning|zumba|sauna|reservierung\w*|bestellung\w*|musik|schmerzen\w*)|
    (?:class|classes|course|courses|appointments?|sessions?|membership|contract|bookings?|reservations?|orders?|
    invoice|payments?|lessons?|trainings?|workouts?|gym|yoga|pilates|spot|seat|place|party|meeting|music|pain)|
    (?:cours|rendez vous|rdv|seance|adhesion|contrat|reservation|commande|facture|paiement|inscription au|place)|
    (?:mich|me|uns|us|ihn|sie|him|her|kind|sohn|tochter|son|daughter) (?:fur|von|from|for|zum|zur|vom) (?:morgen|
    heute|ubermorgen|montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonntag|tomorrow|today|tonight|monday|
    tuesday|wednesday|thursday|friday|saturday|sunday)|
    (?:morgen|heute|ubermorgen|montag|dienstag|mittwoch|donnerstag|freitag|samstag|
    sonntag) (?:\w+ )?(?:wieder )?(?:abmelden|absagen|ab)|
    krank|sick|ill|verletzt|injured|malade|urlaub|vacation|holiday|vacances
    """
)

MESSAGES = _any(
    r"""
    (?:communications?|message|messages|messaging|msg|msgs|text|texts|texting|texte|texten|sms|smsen|whatsapp|
    whatsapps|mail|mails|email|emails|e mails?|newsletters?|spam|spamming|notifications?|mailings?|ads?|advert\w*|
    advertising|marketing|promos?|promotions?|promotional|updates?|reminders?|list|mailing list|number|contact|
    contacting)|
    (?:\w*nachrichten?|\w*werbung|\w*werbe\w*|\w*mitteilungen?|\w*benachrichtigungen?|\w*verteiler\w*|\w*liste|
    \w*angebote?n?|infos|informationen|post|zusendungen?|zuschriften|zeug|kram|mist|quatsch|kontakt|nummer|
    handynummer|
    telefonnummer|daten|kontaktdaten|anschreiben|kontaktieren|kontaktiert|schreiben|schreibt|schreib|senden|
    schicken)|
    (?:messages?|pubs?|publicites?|textos?|courriels?|notifications?|offres?|infos?|numero|coordonnees|liste|
    contacter|ecrire|envoyer)
    """
)

CEASE = _any(
    r"""
    stop(?:p|pe|pen|pt|pez|s|ped|ping)?|
    (?:hor|hort|horen|hoer|hoert|hoeren|hore|hoere)\b.*\bauf|
    auf(?:zu)?ho(?:e)?ren|
    (?:kein|keine|keinen|keinerlei|nie|niemals|nicht|nichts|null)\b.*\b(?:mehr|wieder|langer|weiter|weitere|
    weiteren|kunftig|zukunftig|in zukunft|ab sofort)|
    (?:mehr|weitere[nrs]?)\b.*\b(?:keine?n?|nicht|unerwunscht)|
    (?:bitte |ab sofort |ich will |ich mochte |ich brauche |wunsche |wir wollen )(?:bitte )?(?:keine|keinen|
    keinerlei|nie wieder)|
    cease|halt|discontinue|terminate|enough|
    (?:no|not|never|without|end|quit)\b.*\b(?:more|again|any|anymore|longer|further|future|these|those|this|your|
    sending|texting|of)|
    (?:dont|do not|donot|never|no longer) (?:ever )?(?:send|text|message|contact|call|write|email|mail|spam|want|
    wish|need|care|like)|
    unsubscrib\w*|opt(?:ing|ed)? ?(?:me )?out|abmeld\w*|abzumelden|abbestell\w*|abzubestellen|austrag\w*|
    auszutragen|streich\w*|loschen?|loscht|entfern\w*|entfernt|nehm(?:t|en)\b.*\b(?:raus|heraus|runter)|
    nimm\b.*\b(?:raus|heraus|runter)|beende\w*|unterlass\w*|verzicht\w*|widerruf\w*|widersprech\w*|widerspruch|
    untersag\w*|verbiet\w*|einstellen|unterbinde\w*|sperr\w*|blockier\w*|vernicht\w*|kein(?:en)? bock|keine lust|
    unerwunscht|nix|(?:will|mochte|
    mag|brauche|wollen|lese|wunsche) (?:\w+ ){0,5}nicht$|
    (?:melde|meldet|melden)\b.*\bab|(?:trag|trage|tragt|tragen)\b.*\baus|(?:bestelle|bestell)\b.*\bab|(?:stell|
    stelle|stellt|stellen)\b.*\bein|
    (?:remove|delete|erase|take|cancel|drop|block|scrub|withdraw|revoke|object)|
    (?:arrete\w*|cesse\w*|desabonn\w*|desinscri\w*|desinscription|retir\w*|supprim\w*|enlev\w*|efface\w*|oppose|
    refuse)|
    (?:ne|n)\b.*\bplus|(?:ne|n) (?:me|m|nous)\b.*\b(?:pas|jamais)|plus (?:de|d|aucun\w*|jamais)|pas de|
    (?:genug|schluss|nervt|nerven|nervig|belastig\w*|annoying|harass\w*|bothering|unerwunscht|unwanted|assez|marre)
    """
)

# Whole wishes, whatever they are about.
ALWAYS = (
    _any(
        r"""
        stop (?:texting|messaging|contacting|spamming|sending|bothering|harassing|writing|emailing|mailing|calling|
        annoying|pestering|this spam|these|the texts|the messages|all)|
        (?:quit|cease) (?:texting|messaging|contacting|spamming|sending|bothering|harassing|writing)|
        leave (?:me|us) alone|lose (?:my|this) number|go away|fuck off|piss off|get lost|bugger off|
        to be (?:removed|deleted|taken off|unsubscribed|left alone)|(?:remove|delete|erase|wipe) my|
        (?:asked|told|begged|want|need|would like) (?:you |
        u )?(?:guys )?to stop(?: it| this| please| now| before| already)*$|
        (?:quit|knock|cut) it(?: off| out)?$|(?:turn|switch|shut) (?:this|these|them|it|that) off|
        lawyer|attorney|sue you|gdpr|tcpa|do not call|police|anwalt|anzeige|polizei|verbraucherzentrale|
        bundesnetzagentur|dsgvo|abmahn\w*|rgpd|cnil|
        harass\w*|(?:i am|im|i m|i want|leave me|let me) out|block (?:me|us|this|my)|(?:please )?remove(?: please)?$|
        (?:dont|do not) (?:bother|disturb|send|text|write|message|contact|
        spam)(?: me| us)?(?: please| anymore| again)*$|
        (?:take|get) (?:me|us|my (?:number|phone|phone number|cell|data|details|contact|name)|this number)
        (?: please)?(?: off| from| out)|
        (?:remove|delete|strike|drop) (?:me|us|my (?:number|phone|phone number|cell|data|details|contact|
        name)|this number)(?: please)? ?(?:off|from|out)?|
        (?:unsubscribe|opt) (?:me|us)\b|opt(?:ing)? (?:me )?out|(?:want|like|wish|need|how|can|going|
        trying) (?:\w+ )*to (?:unsubscribe|opt out)|how (?:do|can) i (?:unsubscribe|opt out|stop)|unsubscribe|
        (?:dont|do not|never) (?:ever )?(?:text|message|contact|spam|email|bother|write)(?: to)? (?:me|us|this|
        again|anymore|here)|
        (?:dont|do not|never) (?:ever )?send (?:me |us )?(?:any|anything|more|this|these|texts?|messages?|sms|ads|
        stuff|me)|
        (?:no longer|not) (?:wish|want|like|interested|care) ?(?:to (?:receive|get|hear)|in (?:this|these|your|
        receiving|getting)|anymore|any more)|
        (?:dont|do not) (?:want|wish|need) (?:to (?:receive|get|hear|be contacted)|any|these|this|your|anything|
        more|messages|texts)|
        (?:not|no longer|no more|never) interested|no interest|
        no (?:\w+ )?(?:messages|sms|texts|ads|spam|marketing|promotions?|promos|newsletters?)|
        wrong (?:number|person)|you have the wrong|i am not \w+ stop|
        who (?:is this|are you) (?:\w+ )*(?:stop|remove|dont)|
        (?:revoke|withdraw) (?:my|the) (?:consent|permission)|i (?:object|opt out|revoke)|do not consent
        """
    ),
    _any(
        r"""
        verschon\w*|(?:spart|spar|sparen) (?:euch|dir|sie sich)|erspar\w*|raus aus|bin raus|raus hier|
        deaktivier\w*|deabonn\w*|abo(?:nnement)? (?:der|von) (?:nachrichten|sms)|(?:gehort|gehore) nicht (?:in|auf)|
        (?:lasst|lass|lassen) (?:es|das|sie es|sie das)(?: bitte| sein| bleiben| endlich)*$|(?:um|die) loschung|
        (?:mach|macht|machen|schalt|schaltet|stell|stellt) (?:das|dies|die nachrichten|es) (?:bitte )?(?:aus|ab)|
        (?:nachrichten|sms|benachrichtigung|benachrichtigungen|werbung|newsletter) (?:aus|weg|ende|nein|stopp?)$|
        belastig\w*|(?:lass(?:t|en)?) (?:\w+ ){0,4}(?:mit den|sein)|(?:plus|aufho?e?ren|nix|
        nichts) (?:mehr )?(?:senden|schicken|
        schreiben)|
        (?:bitte |sofort |endlich |jetzt |doch )*(?:einstellen|aufho?e?ren|schluss|unerwunscht|ruhe|lassen|loschen|
        sperren|weg damit)
        (?: bitte| sofort| jetzt| damit)*$|
        lass(?:t|en)? (?:sie )?(?:mich|uns) (?:bitte |einfach |endlich |doch )*(?:in ruhe|in frieden|zufrieden)|
        (?:kein|null|gar kein|uberhaupt kein) (?:weiteres )?interesse|nicht (?:mehr )?interessiert|
        interessiert mich nicht(?: mehr)?|
        (?:schreib|schreibt|schreiben|schick|schickt|schicken|send|sende|sendet|senden|kontaktier\w*|sms|textet|
        mailt)\b.{0,30}\b(?:nicht mehr|nichts mehr|nie mehr|nie wieder|keine\b.*|nichts weiter)|
        (?:nicht mehr|nichts mehr|nie mehr|nie wieder|nicht langer|nicht weiter) (?:\w+ )?(?:an)?(?:schreiben|
        kontaktieren|kontaktiert|angeschrieben|anzuschreiben|schicken|senden|zusenden|horen|hoeren|lesen|
        belastig\w*|bekommen|erhalten|haben|werden|bombardier\w*|empfangen|kriegen)|
        (?:will|mochte|mag|wollen|mochten|wunsche|brauche) (?:\w+ ){0,3}(?:nichts|keine\w*) (?:\w+ ){0,3}(?:mehr|
        bekommen|erhalten|haben|horen)|
        (?:will|mochte|mag|wollen|mochten|wunsche|brauche) (?:\w+ ){0,3}nicht (?:\w+ ){0,3}(?:mehr$|bekommen|
        erhalten|haben|horen)|
        (?:losch|losche|loscht|loschen|entfern|entferne|entfernt|entfernen|streich|streiche|streicht|streichen|
        nehmt|nehmen|nimm) (?:sie )?(?:bitte )?(?:mich|uns|meine|unsere|diese) ?(?:nummer|handynummer|telefonnummer|
        daten|kontaktdaten|kontakt|adresse|aus|von|bitte|raus)?|
        (?:meine|diese) (?:\w*nummer|daten|kontaktdaten) (?:\w+ ){0,3}(?:loschen|entfernen|rausnehmen|nehmen|
        streichen)|
        (?:trag|trage|tragt|tragen) (?:sie )?(?:mich|uns) (?:\w+ ){0,3}aus|austragen|
        (?:mich|uns) (?:\w+ ){0,3}(?:aus|von) (?:\w+ ){0,2}(?:verteiler|liste|newsletter|kartei|datenbank)|
        falsche (?:nummer|person)|(?:ihr|sie) habt? die falsche|nicht meine nummer|
        widerrufe? (?:hiermit )?(?:meine|die|jegliche)|(?:widerspreche|widerspruch)|
        einwilligung (?:\w+ )*(?:widerruf\w*|zuruck\w*)|(?:ziehe|nehme) (?:\w+ ){0,3}(?:einwilligung|
        zustimmung) zuruck|
        (?:mochte|will|wurde|bitte|wie kann ich|kann ich|wo kann ich|wie|hier|gerne) (?:\w+ ){0,3}(?:abbestellen|
        keine werbung)|abbestell\w*|(?:bestelle?n?) (?:\w+ ){0,4}ab$|
        (?:das|ihr|sie|die|es) nervt?|nervt(?: nur| total| langsam)?|horen? sie auf|hort (?:bitte |endlich |doch |
        mal )*auf|hor (?:bitte |endlich |doch |mal )*auf|
        verpiss\w*|haut ab|hau ab|schluss damit|schluss jetzt|es reicht|jetzt reichts|reicht jetzt|
        kein (?:spam|newsletter)|keine (?:\w+ )?(?:werbung|nachrichten|sms|mails|angebote|benachrichtigungen|infos|
        mitteilungen|whatsapps?)|
        (?:abmelden|abmeldung|abzumelden) (?:vom|von|aus|aller|der) (?:\w+ )?(?:newsletter|verteiler|liste|werbung|
        nachrichten|sms|whatsapp|infos|mails)
        """
    ),
    _any(
        r"""
        (?:ne|n) (?:m|me|nous) (?:\w+ )?(?:envoye\w*|envoie\w*|contacte\w*|ecri\w*|derange\w*|sollicite\w*|
        spamm\w*) (?:plus|pas|jamais)|
        (?:ne|n) (?:menvoye\w*|menvoie\w*|mecri\w*) (?:plus|pas|jamais)|
        (?:laisse\w*|fiche\w*|foute\w*|lache\w*) (?:moi|nous) (?:tranquilles?|la paix)|foutez (?:moi )?le camp|
        (?:je|j|nous|on) (?:ne |n |n ai |nai )?(?:veux|voulons|souhaite|souhaitons|desire|ai|veut|
        suis) (?:\w+ )?(?:plus|pas) (?:\w+ )*(?:recevoir|messages?|sms|pubs?|publicites?|etre contacte\w*|
        interesse\w*|besoin|textos?|notifications?|offres?)|
        (?:plus|pas|stop) (?:d|de|aux?) (?:\w+ )?(?:messages?|sms|pubs?|publicites?|textos?|spams?|notifications?|
        mails?)|
        (?:plus|aucun\w*|stop aux|stop a|halte aux|fini les|assez de|marre (?:de|des)|trop de) (?:d |de |la |les |
        vos |ces |cette )?(?:messages?|sms|pubs?|publicites?|textos?|spams?|notifications?|mails?|offres?|
        newsletters?)|
        arret\w* (?:les? |vos |ces |tous )?(?:messages?|sms|envois?)|arrete[rz]?s? (?:de |d |les |vos |ces |la |
        tout|svp|s il|toute|immediatement|moi|avec)|
        (?:desabonn\w*|desinscri\w*|retir\w*|supprim\w*|enlev\w*|efface\w*|raye\w*) (?:moi|nous|mon|mes|me|ce|
        cette)|(?:me|nous) (?:desabonner|desinscrire|retirer)|desabonn\w*|desinscri\w*|
        (?:pas|plus|aucunement) interesse\w*|aucun interet|ca ne m ?interesse (?:pas|plus)|
        arrete[rzs]? (?:ca|tout|maintenant|immediatement)|(?:mettez|mettre) fin|(?:plus|absolument) rien|
        rien de plus|(?:mauvais|faux) numero|
        vous (?:vous )?trompez de (?:numero|personne)|cessez|
        (?:retire|revoque) mon (?:consentement|accord)|je m ?oppose
        """
    ),
)

# Wishes that may be about a class or a contract.
UNLESS_ABOUT_SOMETHING_ELSE = (
    _any(
        r"""
        (?:schon|bereits|doch|langst|mich) (?:\w+ ){0,3}abgemeldet|(?:mich|uns) (?:\w+ ){0,3}(?:abmelden|
        abzumelden)|(?:melde|meldet|melden) (?:sie )?(?:mich|
        uns) (?:\w+ ){0,5}ab|abmelden|abmeldung|
        (?:please|bitte|can you|could you|just|now|ok|okay|i said|i want|make it|so|thanks|danke|merci|
        svp) stop+(?: it| this| that| now| please| bitte| damit| jetzt| das| danke| thanks| svp)*$|
        ^stop+(?:e|en|t)? (?:it|this|that|now|please|bitte|damit|jetzt|das|immediately|already|svp|merci|danke|
        thanks|mich|me|alles|all|everything|ab sofort|mit)\b|
        (?:cancel|end|quit|stop) (?:my |this |the |all |these |those )*(?:subscription|subscriptions|service|
        alerts?|program|texts?|messages?)|
        (?:no more|enough|that is enough|thats enough|genug|assez|ca suffit)$|
        ^(?:nothing more|nichts mehr|nie mehr|nie wieder|never again)\b|
        (?:will|mochte) (?:\w+ ){0,3}(?:raus|nicht mehr|keine mehr)$|^ich will (?:das )?nicht mehr|
        (?:stop|stopp)$
        """
    ),
)  # fmt: skip

EVERYWHERE = _any(
    r"""
    (?:auf |uber )?(?:allen?|jeden|samtlichen) (?:kanalen?|wegen|kanal)|
    (?:all|any|every) (?:channels?|ways?)|
    (?:tous les|aucun|tout) (?:canaux|canal|moyens?)|
    uberall|everywhere|partout|weder per|weder sms|(?:sms|mail|whatsapp|anruf) (?:und|oder|noch|and|nor|or|et|
    ni) (?:\w+ )?(?:sms|mail|e mail|whatsapp|telegram|email)
    """
)
