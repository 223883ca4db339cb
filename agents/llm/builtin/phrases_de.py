"""German copy of the built-in writer: nine goals, du and Sie. No number, no promise: those come from sources."""

from agents.llm.builtin.phrases import Phrases

DU: dict[str, Phrases] = {
    "reactivation": Phrases(
        subjects=(
            "Dein Platz bei {studio} wartet{?first_name: , {first_name}}",
            "{?favourite_course: {favourite_course} ohne dich? }Komm wieder vorbei",
            "Zeit für dich: zurück zu {studio}",
        ),
        preheader="Ein guter Moment, wieder anzufangen – ganz in deinem Tempo.",
        opening="wir haben dich eine Weile nicht gesehen und würden uns freuen, wenn du wieder vorbeikommst. "
        "{?favourite_course: Vielleicht ist {favourite_course} ein guter Anfang.}",
        lively="schön, dass du dazugehörst! Wir haben dich eine Weile nicht gesehen und würden uns freuen, wenn "
        "du wieder "
        "vorbeikommst. {?favourite_course: Vielleicht ist {favourite_course} ein guter Anfang.}",
        body="Fang ruhig langsam an, du musst nichts aufholen. Such dir einfach einen Termin aus, der in deine "
        "Woche passt.",
        extra="Wenn du magst, schauen wir beim ersten Mal gemeinsam, womit du am besten anfängst.",
        cta="Wieder einsteigen",
        closing="",
    ),
    "offer": Phrases(
        subjects=("Ein Angebot für dich{?first_name: , {first_name}}", "Neu bei {studio}: {offer1_title}"),
        preheader="Ein Angebot, das du dir ansehen solltest.",
        opening="heute haben wir ein Angebot, das dir gefallen könnte.",
        lively="heute haben wir ein Angebot, das dir gefallen könnte!",
        body="Schau es dir in Ruhe an. Alle Einzelheiten findest du mit einem Klick.",
        extra="Fragen dazu beantworten wir dir gern am Empfang oder per Antwort auf diese E-Mail.",
        cta="Angebot ansehen",
        closing="",
    ),
    "event": Phrases(
        subjects=("Du bist eingeladen{?first_name: , {first_name}}", "Komm vorbei: wir laden dich ein"),
        preheader="Wir laden dich ein und freuen uns auf dich.",
        opening="wir laden dich herzlich ein.",
        body="Schau vorbei, mach mit und lern die anderen kennen. Bring gern jemanden mit.",
        extra="Sag uns kurz Bescheid, ob du kommst, dann planen wir einen Platz für dich ein.",
        cta="Platz sichern",
        closing="",
    ),
    "newsletter": Phrases(
        subjects=("Neues von {studio}", "Das ist neu bei uns{?first_name: , {first_name}}"),
        preheader="Was sich bei uns tut, kurz für dich zusammengefasst.",
        opening="hier ist, was sich bei uns gerade tut.",
        body="Wir haben die Neuigkeiten kurz gehalten, damit du schnell findest, was für dich dabei ist.",
        extra="Wenn dir ein Thema fehlt, antworte einfach auf diese E-Mail.",
        cta="Mehr lesen",
        closing="",
    ),
    "welcome": Phrases(
        subjects=("Willkommen bei {studio}{?first_name: , {first_name}}", "Schön, dass du da bist"),
        preheader="So findest du dich bei uns schnell zurecht.",
        opening="herzlich willkommen. Wir freuen uns, dass du bei uns bist.",
        lively="herzlich willkommen! Wir freuen uns, dass du bei uns bist.",
        body="Damit der Anfang leichtfällt: Such dir in den ersten Tagen einen Termin aus und sag am Empfang "
        "kurz Hallo. "
        "Wir zeigen dir alles.",
        extra="Auf unserer Seite findest du Kursplan, Öffnungszeiten und die häufigsten Fragen.",
        cta="Ersten Termin wählen",
        closing="",
    ),
    "birthday": Phrases(
        subjects=("Alles Gute{?first_name: , {first_name}}", "Herzlichen Glückwunsch von {studio}"),
        preheader="Das ganze Team wünscht dir einen schönen Tag.",
        opening="das ganze Team gratuliert dir zum Geburtstag und wünscht dir einen schönen Tag.",
        lively="das ganze Team gratuliert dir zum Geburtstag und wünscht dir einen schönen Tag!",
        body="Schön, dass du bei uns bist. Wir freuen uns auf alles, was wir im neuen Lebensjahr gemeinsam angehen.",
        extra="Komm vorbei, wenn dir nach Bewegung ist, oder gönn dir heute einfach Ruhe.",
        cta="Zum Kursplan",
        closing="",
    ),
    "reminder": Phrases(
        subjects=("Kurze Erinnerung{?first_name: , {first_name}}", "Nicht vergessen: {studio}"),
        preheader="Eine kurze Erinnerung, damit dir nichts entgeht.",
        opening="eine kurze Erinnerung von uns, damit dir nichts entgeht.",
        body="Wenn du noch dabei sein möchtest, ist jetzt ein guter Moment. Ein Klick genügt.",
        extra="Hat sich etwas geändert? Dann antworte einfach auf diese E-Mail.",
        cta="Jetzt ansehen",
        closing="",
    ),
    "feedback": Phrases(
        subjects=("Wie gefällt es dir bei uns?", "Deine Meinung zählt"),
        preheader="Ein paar Worte von dir helfen uns weiter.",
        opening="wie gefällt es dir bei uns? Deine Rückmeldung hilft uns, besser zu werden.",
        body="Schreib uns in ein paar Sätzen, was gut läuft und was dich stört. Wir lesen jede Antwort.",
        extra="Du kannst auch einfach auf diese E-Mail antworten.",
        cta="Rückmeldung geben",
        closing="",
    ),
    "information": Phrases(
        subjects=("Eine Nachricht von {studio}{?first_name: , {first_name}}", "Gut zu wissen: {studio}"),
        preheader="Eine kurze Information von uns, für dich.",
        opening="wir möchten dich kurz auf dem Laufenden halten.",
        body="Auf unserer Seite findest du alles, was für dich wichtig ist.",
        extra="Wenn du Fragen hast, antworte einfach auf diese E-Mail.",
        cta="Mehr erfahren",
        closing="",
    ),
}

SIE: dict[str, Phrases] = {
    "reactivation": Phrases(
        subjects=("Ihr Platz bei {studio} wartet", "Zeit für Sie: zurück zu {studio}"),
        preheader="Ein guter Moment, wieder anzufangen – ganz in Ihrem Tempo.",
        opening="wir haben Sie eine Weile nicht gesehen und würden uns freuen, wenn Sie wieder vorbeikommen. "
        "{?favourite_course: Vielleicht ist {favourite_course} ein guter Anfang.}",
        body="Fangen Sie ruhig langsam an, Sie müssen nichts aufholen. Wählen Sie einfach einen Termin, der in Ihre "
        "Woche passt.",
        extra="Gern schauen wir beim ersten Mal gemeinsam, womit Sie am besten anfangen.",
        cta="Wieder einsteigen",
        closing="",
    ),
    "offer": Phrases(
        subjects=("Ein Angebot für Sie", "Neu bei {studio}: {offer1_title}"),
        preheader="Ein Angebot, das Sie sich ansehen sollten.",
        opening="heute haben wir ein Angebot, das Ihnen gefallen könnte.",
        body="Sehen Sie es sich in Ruhe an. Alle Einzelheiten finden Sie mit einem Klick.",
        extra="Fragen dazu beantworten wir Ihnen gern am Empfang oder per Antwort auf diese E-Mail.",
        cta="Angebot ansehen",
        closing="",
    ),
    "event": Phrases(
        subjects=("Sie sind eingeladen", "Wir laden Sie ein"),
        preheader="Wir laden Sie ein und freuen uns auf Sie.",
        opening="wir laden Sie herzlich ein.",
        body="Schauen Sie vorbei, machen Sie mit und lernen Sie die anderen kennen. Bringen Sie gern jemanden mit.",
        extra="Sagen Sie uns kurz Bescheid, ob Sie kommen, dann planen wir einen Platz für Sie ein.",
        cta="Platz sichern",
        closing="",
    ),
    "newsletter": Phrases(
        subjects=("Neues von {studio}", "Das ist neu bei uns"),
        preheader="Was sich bei uns tut, kurz für Sie zusammengefasst.",
        opening="hier ist, was sich bei uns gerade tut.",
        body="Wir haben die Neuigkeiten kurz gehalten, damit Sie schnell finden, was für Sie dabei ist.",
        extra="Wenn Ihnen ein Thema fehlt, antworten Sie einfach auf diese E-Mail.",
        cta="Mehr lesen",
        closing="",
    ),
    "welcome": Phrases(
        subjects=("Willkommen bei {studio}", "Schön, dass Sie da sind"),
        preheader="So finden Sie sich bei uns schnell zurecht.",
        opening="herzlich willkommen. Wir freuen uns, dass Sie bei uns sind.",
        body="Damit der Anfang leichtfällt: Wählen Sie in den ersten Tagen einen Termin und melden Sie sich kurz am "
        "Empfang. Wir zeigen Ihnen alles.",
        extra="Auf unserer Seite finden Sie Kursplan, Öffnungszeiten und die häufigsten Fragen.",
        cta="Ersten Termin wählen",
        closing="",
    ),
    "birthday": Phrases(
        subjects=("Herzlichen Glückwunsch von {studio}", "Alles Gute zum Geburtstag"),
        preheader="Das ganze Team wünscht Ihnen einen schönen Tag.",
        opening="das ganze Team gratuliert Ihnen zum Geburtstag und wünscht Ihnen einen schönen Tag.",
        body="Schön, dass Sie bei uns sind. Wir freuen uns auf alles, was wir im neuen Lebensjahr gemeinsam angehen.",
        extra="Kommen Sie vorbei, wenn Ihnen nach Bewegung ist, oder gönnen Sie sich heute einfach Ruhe.",
        cta="Zum Kursplan",
        closing="",
    ),
    "reminder": Phrases(
        subjects=("Kurze Erinnerung von {studio}", "Nicht vergessen: {studio}"),
        preheader="Eine kurze Erinnerung, damit Ihnen nichts entgeht.",
        opening="eine kurze Erinnerung von uns, damit Ihnen nichts entgeht.",
        body="Wenn Sie noch dabei sein möchten, ist jetzt ein guter Moment. Ein Klick genügt.",
        extra="Hat sich etwas geändert? Dann antworten Sie einfach auf diese E-Mail.",
        cta="Jetzt ansehen",
        closing="",
    ),
    "feedback": Phrases(
        subjects=("Wie gefällt es Ihnen bei uns?", "Ihre Meinung zählt"),
        preheader="Ein paar Worte von Ihnen helfen uns weiter.",
        opening="wie gefällt es Ihnen bei uns? Ihre Rückmeldung hilft uns, besser zu werden.",
        body="Schreiben Sie uns in ein paar Sätzen, was gut läuft und was Sie stört. Wir lesen jede Antwort.",
        extra="Sie können auch einfach auf diese E-Mail antworten.",
        cta="Rückmeldung geben",
        closing="",
    ),
    "information": Phrases(
        subjects=("Eine Nachricht von {studio}", "Gut zu wissen: {studio}"),
        preheader="Eine kurze Information von uns, für Sie.",
        opening="wir möchten Sie kurz auf dem Laufenden halten.",
        body="Auf unserer Seite finden Sie alles, was für Sie wichtig ist.",
        extra="Wenn Sie Fragen haben, antworten Sie einfach auf diese E-Mail.",
        cta="Mehr erfahren",
        closing="",
    ),
}
