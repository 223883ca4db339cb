"""Numbers and ordinals in words, German and English, up to 999."""

_DE_ONES = ("", "ein", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun")
_DE_TEENS = ("zehn", "elf", "zwölf", "dreizehn", "vierzehn", "fünfzehn", "sechzehn", "siebzehn", "achtzehn", "neunzehn")
_DE_TENS = ("", "", "zwanzig", "dreißig", "vierzig", "fünfzig", "sechzig", "siebzig", "achtzig", "neunzig")
_EN_ONES = ("", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_EN_TEENS = (
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
)
_EN_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_EN_ODD = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
_DE_ODD = {1: "erst", 3: "dritt", 7: "siebt", 8: "acht"}
_TEN, _TWENTY, _HUNDRED = 10, 20, 100


def german(number: int) -> str:
    """Return 1 … 999 as a German word ("einundzwanzig"); one is "eins"."""
    hundreds, rest = divmod(number, _HUNDRED)
    head = ("" if hundreds == 1 else _DE_ONES[hundreds]) + "hundert" if hundreds else ""
    if rest == 1:
        return head + "eins"
    return head + _german_below_hundred(rest)


def _german_below_hundred(number: int) -> str:
    if number < _TEN:
        return _DE_ONES[number]
    if number < _TWENTY:
        return _DE_TEENS[number - _TEN]
    tens, ones = divmod(number, _TEN)
    return (f"{_DE_ONES[ones]}und" if ones else "") + _DE_TENS[tens]


def german_numbers() -> dict[str, int]:
    """Return every spelling of 0 … 999 and what it is."""
    found = {"null": 0, "zwo": 2}
    for number in range(1, 1000):
        word = german(number)
        found[word] = number
        if word.startswith("hundert"):
            found[f"ein{word}"] = number
        if number > _HUNDRED and number % _HUNDRED:
            head, tail = word.split("hundert", 1)
            found[f"{head}hundertund{tail}"] = number
    return found


def german_ordinals() -> dict[str, int]:
    """Return the ordinals 1 … 366 with every ending."""
    found = {}
    for number in range(1, 367):
        rest = number % _HUNDRED
        head = german(number - rest) if number > rest else ""
        if 0 < rest < _TWENTY:
            stem = head + (_DE_ODD.get(rest) or _german_below_hundred(rest) + "t")
        else:
            stem = german(number) + "st"
        for ending in ("e", "er", "es", "en", "em"):
            found[stem + ending] = number
    found |= {"siebente": 7, "siebenten": 7, "siebenter": 7}
    return found


def english_small() -> dict[str, int]:
    """Return the single words for 0 … 90."""
    found = {"zero": 0, "forty": 40, "fourty": 40}
    found |= {word: number for number, word in enumerate(_EN_ONES) if word}
    found |= {word: number + _TEN for number, word in enumerate(_EN_TEENS)}
    found |= {word: number * _TEN for number, word in enumerate(_EN_TENS) if word}
    return found


def english_ordinals() -> dict[str, int]:
    """Return the single-word ordinals ("first" … "ninetieth") and what they are."""
    found = {}
    for word, number in english_small().items():
        if number:
            ordinal = _EN_ODD.get(word) or (f"{word[:-1]}ieth" if word.endswith("y") else f"{word}th")
            found[ordinal] = number
    return found
