"""English copy of the built-in writer: nine goals. English has one form of address; formal swaps the sign-off."""

from agents.llm.builtin.phrases import Phrases

EN: dict[str, Phrases] = {
    "reactivation": Phrases(
        subjects=(
            "Your place at {studio} is waiting{?first_name: , {first_name}}",
            "{?favourite_course: {favourite_course} without you? }Come back soon",
            "Time for you: back to {studio}",
        ),
        preheader="A good moment to start again, at your own pace.",
        opening="We have not seen you for a while and would love to welcome you back. "
        "{?favourite_course: Perhaps {favourite_course} is a good way back in.}",
        lively="It is good to have you with us! We have not seen you for a while and would love to welcome you back. "
        "{?favourite_course: Perhaps {favourite_course} is a good way back in.}",
        body="Start as gently as you like, there is nothing to catch up on. Just pick a time that fits your week.",
        extra="If you like, we can work out together where to start.",
        cta="Start again",
        closing="",
    ),
    "offer": Phrases(
        subjects=("An offer for you{?first_name: , {first_name}}", "New at {studio}: {offer1_title}"),
        preheader="An offer from us that is well worth a look.",
        opening="Today we have an offer that you may like.",
        lively="Today we have an offer that you may like!",
        body="Take your time to look at it. All the details are one click away.",
        extra="If you have questions, ask us at the desk or reply to this e-mail.",
        cta="See the offer",
        closing="",
    ),
    "event": Phrases(
        subjects=("You are invited{?first_name: , {first_name}}", "Come along: you are invited"),
        preheader="We invite you and look forward to seeing you.",
        opening="We would like to invite you.",
        body="Come along, join in and meet the others. Feel free to bring a friend.",
        extra="Let us know whether you are coming, so that we keep a place for you.",
        cta="Save my place",
        closing="",
    ),
    "newsletter": Phrases(
        subjects=("News from {studio}", "Here is what is new{?first_name: , {first_name}}"),
        preheader="What is going on with us at the moment, in short.",
        opening="Here is what is going on with us at the moment.",
        body="We have kept the news short, so that you quickly find what is in it for you.",
        extra="If you miss a topic, just reply to this e-mail.",
        cta="Read more",
        closing="",
    ),
    "welcome": Phrases(
        subjects=("Welcome to {studio}{?first_name: , {first_name}}", "Good to have you with us"),
        preheader="This is how you find your way around quickly.",
        opening="A warm welcome. We are glad to have you with us.",
        lively="A warm welcome! We are glad to have you with us.",
        body="To make the start easy: pick a time in the coming days and say hello at the desk. We show you "
        "everything.",
        extra="On our website you find the timetable, the opening hours and the common questions.",
        cta="Pick a first date",
        closing="",
    ),
    "birthday": Phrases(
        subjects=("Warm wishes{?first_name: , {first_name}}", "Happy birthday from {studio}"),
        preheader="The whole team wishes you a truly lovely day.",
        opening="The whole team wishes you a happy birthday and a lovely day.",
        lively="The whole team wishes you a happy birthday and a lovely day!",
        body="It is good to have you with us. We look forward to everything that we take on together this year.",
        extra="Come by if you feel like some exercise, or simply treat yourself to a rest today.",
        cta="See the timetable",
        closing="",
    ),
    "reminder": Phrases(
        subjects=("A short reminder{?first_name: , {first_name}}", "Do not forget: {studio}"),
        preheader="A short reminder, so that you do not miss anything.",
        opening="A short reminder from us, so that you do not miss anything.",
        body="If you still want to be part of it, now is a good moment. A click is enough.",
        extra="Has something changed? Then just reply to this e-mail.",
        cta="Have a look",
        closing="",
    ),
    "feedback": Phrases(
        subjects=("How are we doing?", "Your opinion counts"),
        preheader="A few words from you help us to get better.",
        opening="How are we doing? Your feedback helps us to get better.",
        body="Tell us in a few sentences what goes well and what bothers you. We read every answer.",
        extra="You can also simply reply to this e-mail.",
        cta="Give feedback",
        closing="",
    ),
    "information": Phrases(
        subjects=("A message from {studio}{?first_name: , {first_name}}", "Good to know: {studio}"),
        preheader="A short piece of news from all of us, for you.",
        opening="We would like to keep you up to date.",
        body="On our website you find everything that is important for you.",
        extra="If you have questions, just reply to this e-mail.",
        cta="Learn more",
        closing="",
    ),
}
