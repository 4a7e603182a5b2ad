"""What else must not be written: IBANs, e-mail addresses, phone numbers, tracks, CVVs in text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pellucid.log.redact.cards import is_card

# Lengths of the SWIFT IBAN registry, and of the countries that use the form without being in it.
_IBAN_LENGTHS = {
    pair[:2]: int(pair[2:])
    for pair in [
        "AD24",
        "AE23",
        "AL28",
        "AT20",
        "AZ28",
        "BA20",
        "BE16",
        "BG22",
        "BH22",
        "BI27",
        "BR29",
        "BY28",
        "CH21",
        "CR22",
        "CY28",
        "CZ24",
        "DE22",
        "DJ27",
        "DK18",
        "DO28",
        "EE20",
        "EG29",
        "ES24",
        "FI18",
        "FK18",
        "FO18",
        "FR27",
        "GB22",
        "GE22",
        "GI23",
        "GL18",
        "GR27",
        "GT28",
        "HN28",
        "HR21",
        "HU28",
        "IE22",
        "IL23",
        "IQ23",
        "IS26",
        "IT27",
        "JO30",
        "KW30",
        "KZ20",
        "LB28",
        "LC32",
        "LI21",
        "LT20",
        "LU20",
        "LV21",
        "LY25",
        "MC27",
        "MD24",
        "ME22",
        "MK19",
        "MN20",
        "MR27",
        "MT31",
        "MU30",
        "NI28",
        "NL18",
        "NO15",
        "OM23",
        "PK24",
        "PL28",
        "PS29",
        "PT25",
        "QA29",
        "RO24",
        "RS22",
        "RU33",
        "SA24",
        "SC31",
        "SD18",
        "SE24",
        "SI19",
        "SK24",
        "SM27",
        "SO23",
        "ST25",
        "SV28",
        "TL23",
        "TN24",
        "TR26",
        "UA29",
        "VA22",
        "VG24",
        "XK20",
        "YE30",
        "AO25",
        "BF28",
        "BJ28",
        "CF27",
        "CG27",
        "CI28",
        "CM27",
        "CV25",
        "DZ26",
        "GA27",
        "GQ27",
        "GW25",
        "IR26",
        "KM27",
        "MA28",
        "MG27",
        "ML28",
        "MZ25",
        "NE28",
        "SN28",
        "TD27",
        "TG28",
    ]
}
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}[0-9]{2}(?:[ .\-+]?[A-Za-z0-9]){11,30}")
_EMAIL = re.compile(
    r"[^\s@<>\"'(),:;=&?/\\\[\]{}|]{1,64}@[^\W_](?:[\w\-]{0,62}\.)+[^\W\d_](?:[\w\-]{0,61}[^\W_])?"
)
_PHONE = re.compile(r"(?<![\w+])\+[1-9](?:[ .\-()/]{0,2}[0-9]){6,14}(?![0-9])")
_TRACK_1 = re.compile(r"%?[A-Za-z][0-9][0-9 ]{11,22}\^[^^\n]{0,40}\^[^?\n\"]{0,90}\??")
_TRACK_2 = re.compile(r";?(?<![0-9])([0-9]{12,19})[=Dd][0-9]{4,}[^?\s\"]{0,40}\??")
_CVV = re.compile(
    r"\b(?:i?cvv2?|cvc2?|cvn2?|csc|cid|cav2|(?:card[ _-]?)?security[ _-]?code|"
    r"card[ _-]?verification[ _-]?(?:code|value))"
    r"[\\\"']*(?:\s*(?:[:=#]|is|of)\s*|\s+)[\\\"']*([0-9]{3,4})(?![0-9])",
    re.IGNORECASE,
)
_PHONE_VALUE = re.compile(r"[+()0-9 .\-/]*")


def is_iban(text: str) -> bool:
    """Return whether letters and digits are an IBAN: country, length and check digits.

    Examples
    --------
    >>> is_iban("GB82WEST12345698765432"), is_iban("GB82WEST12345698765433")
    (True, False)
    """
    text = text.upper()
    if _IBAN_LENGTHS.get(text[:2]) != len(text) or not (text.isascii() and text.isalnum()):
        return False
    return int("".join(str(int(c, 36)) for c in text[4:] + text[:4])) % 97 == 1


def find_ibans(text: str) -> Iterator[tuple[int, int]]:
    """Yield the (start, end) of each IBAN; words after it are not taken for a part of it."""
    at = 0
    while found := _IBAN.search(text, at):
        places = [n for n in range(found.start(), found.end()) if text[n].isalnum()]
        size = _IBAN_LENGTHS.get(text[found.start() : found.start() + 2].upper(), 0)
        if 0 < size <= len(places) and is_iban("".join(text[n] for n in places[:size])):
            at = places[size - 1] + 1
            if not text[at : at + 1].isalnum():
                yield found.start(), at
        else:
            at = found.start() + 1


def find_others(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield (kind, start, end) of tracks, CVVs, IBANs, e-mail addresses and phone numbers."""
    if "^" in text:
        for found in _TRACK_1.finditer(text):
            yield "track", found.start(), found.end()
    for found in _TRACK_2.finditer(text):
        if is_card(found[1]) or (found[0][0] == ";" and found[0][-1] == "?"):
            yield "track", found.start(), found.end()
    for found in _CVV.finditer(text):
        yield "cvv", found.start(1), found.end(1)
    for start, end in find_ibans(text):
        yield "iban", start, end
    if "@" in text:
        for found in _EMAIL.finditer(text):
            yield "email", found.start(), found.end()
    if "+" in text:
        for found in _PHONE.finditer(text):
            yield "phone", found.start(), found.end()


def is_phone_value(text: str) -> bool:
    """Return whether a value under a phone's name is one: 7 to 15 digits and punctuation."""
    digits = sum(c.isdigit() for c in text)
    return 7 <= digits <= 15 and _PHONE_VALUE.fullmatch(text) is not None
