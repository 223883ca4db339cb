"""One short line per goal for an SMS, after the greeting; and the offer in as few words as it can be said."""

SHORT: dict[tuple[str, str], dict[str, str]] = {
    ("de", "du"): {
        "reactivation": "wir haben dich eine Weile nicht gesehen und freuen uns auf dich.",
        "offer": "heute haben wir etwas für dich.",
        "event": "wir laden dich herzlich ein.",
        "newsletter": "es gibt Neues bei uns.",
        "welcome": "herzlich willkommen bei uns.",
        "birthday": "alles Gute zum Geburtstag von uns allen.",
        "reminder": "eine kurze Erinnerung, damit dir nichts entgeht.",
        "feedback": "wie gefällt es dir bei uns? Wir freuen uns über ein paar Worte.",
        "information": "wir haben eine Information für dich.",
    },
    ("de", "sie"): {
        "reactivation": "wir haben Sie eine Weile nicht gesehen und freuen uns auf Sie.",
        "offer": "heute haben wir etwas für Sie.",
        "event": "wir laden Sie herzlich ein.",
        "newsletter": "es gibt Neues bei uns.",
        "welcome": "herzlich willkommen bei uns.",
        "birthday": "alles Gute zum Geburtstag von uns allen.",
        "reminder": "eine kurze Erinnerung, damit Ihnen nichts entgeht.",
        "feedback": "wie gefällt es Ihnen bei uns? Wir freuen uns über ein paar Worte.",
        "information": "wir haben eine Information für Sie.",
    },
    ("en", "du"): {
        "reactivation": "we have not seen you for a while and would love to have you back.",
        "offer": "today we have something for you.",
        "event": "you are invited.",
        "newsletter": "we have news for you.",
        "welcome": "welcome, it is good to have you.",
        "birthday": "all of us wish you a happy birthday.",
        "reminder": "a short reminder from us.",
        "feedback": "how are we doing? A few words from you would help.",
        "information": "we have some information for you.",
    },
}
SHORT["en", "sie"] = SHORT["en", "du"]

# The second way to say it: for a comparison, and where another one is asked for.
OTHER: dict[tuple[str, str], dict[str, str]] = {
    ("de", "du"): {
        "reactivation": "hast du Lust, wieder vorbeizukommen? Wir freuen uns auf dich.",
        "offer": "das könnte etwas für dich sein.",
        "event": "hast du Zeit? Wir hätten dich gern dabei.",
        "newsletter": "es gibt Neues, kurz gehalten für dich.",
        "welcome": "schön, dass du jetzt dazugehörst.",
        "birthday": "heute denken wir an dich und gratulieren herzlich.",
        "reminder": "nur kurz, damit du es nicht vergisst.",
        "feedback": "deine Meinung hilft uns. Magst du uns ein paar Worte schreiben?",
        "information": "es gibt etwas, das du wissen solltest.",
    },
    ("de", "sie"): {
        "reactivation": "haben Sie Lust, wieder vorbeizukommen? Wir freuen uns auf Sie.",
        "offer": "das könnte etwas für Sie sein.",
        "event": "haben Sie Zeit? Wir hätten Sie gern dabei.",
        "newsletter": "es gibt Neues, kurz gehalten für Sie.",
        "welcome": "schön, dass Sie jetzt dazugehören.",
        "birthday": "heute denken wir an Sie und gratulieren herzlich.",
        "reminder": "nur kurz, damit Sie es nicht vergessen.",
        "feedback": "Ihre Meinung hilft uns. Mögen Sie uns ein paar Worte schreiben?",
        "information": "es gibt etwas, das Sie wissen sollten.",
    },
    ("en", "du"): {
        "reactivation": "would you like to come back? We look forward to you.",
        "offer": "this could be something for you.",
        "event": "do you have time? We would love to have you there.",
        "newsletter": "there is news, kept short for you.",
        "welcome": "it is good that you are one of us now.",
        "birthday": "today we think of you and send you warm wishes.",
        "reminder": "just a quick note, so that you do not forget.",
        "feedback": "your opinion helps us. Would you write us a few words?",
        "information": "there is something that you should know.",
    },
}
OTHER["en", "sie"] = OTHER["en", "du"]

OFFER = {
    "de": "{offer1_title} für {offer1_price}{?offer1_old_price:  statt {offer1_old_price}}"
    "{?offer1_valid_until: , gültig bis {offer1_valid_until}}.",
    "en": "{offer1_title} for {offer1_price}{?offer1_old_price:  instead of {offer1_old_price}}"
    "{?offer1_valid_until: , valid until {offer1_valid_until}}.",
}
