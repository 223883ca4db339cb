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

OFFER = {
    "de": "{offer1_title} für {offer1_price}{?offer1_old_price:  statt {offer1_old_price}}"
    "{?offer1_valid_until: , gültig bis {offer1_valid_until}}.",
    "en": "{offer1_title} for {offer1_price}{?offer1_old_price:  instead of {offer1_old_price}}"
    "{?offer1_valid_until: , valid until {offer1_valid_until}}.",
}
