"""The small values a network file is made of, each with the sentence a person reads when it is wrong."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Annotated, NoReturn

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from banyan.network.vocabulary import LANGUAGES, country_codes, time_zones

REGIONAL = "regional"
"""The scope of what spans all countries."""

_CODE_NAME = "[A-Za-z][A-Za-z '-]{1,23}"
_KEY = "[a-z][a-z0-9_-]{0,31}"
_SERVER_NAME = r"[a-z0-9.-]{1,230}(:[0-9]{1,5})?"


def near(word: str, known: Iterable[str]) -> str:
    """`did you mean X?` for the closest known word, or empty."""
    words = {each.casefold(): each for each in known}
    close = get_close_matches(word.casefold(), words, n=1, cutoff=0.6)
    return f"did you mean {words[close[0]]}?" if close else ""


def wrong(problem: str, hint: str = "") -> NoReturn:
    """Refuse a value with a sentence and a hint."""
    raise PydanticCustomError("network", "{problem}", {"problem": problem, "hint": hint})


def _language(tag: str) -> str:
    if tag not in LANGUAGES:
        wrong(
            f"{tag!r} is not a language we speak", near(tag, LANGUAGES) or f"we have {', '.join(LANGUAGES)}"
        )
    return tag


def _country(code: str) -> str:
    if code not in country_codes():
        hint = f"did you mean {code.upper()}?" if code.upper() in country_codes() else "ISO 3166-1, e.g. KH"
        wrong(f"{code!r} is not a country code", hint)
    return code


def _scope(code: str) -> str:
    return code if code == REGIONAL else _country(code)


def _zone(name: str) -> str:
    if name not in time_zones():
        wrong(
            f"{name!r} is not a time zone", near(name, time_zones()) or "an IANA name, e.g. Asia/Phnom_Penh"
        )
    return name


def _code_name(name: str) -> str:
    # plain ASCII: readable on every phone, and no look-alike letters
    if not re.fullmatch(_CODE_NAME, name):
        wrong(f"{name!r} cannot be a code name", "2 to 24 letters a-z, e.g. Juniper")
    return name


def _key(key: str) -> str:
    if not re.fullmatch(_KEY, key):
        wrong(f"{key!r} cannot be a key", "small letters, digits, - and _, beginning with a letter")
    return key


def _titles(titles: dict[str, str]) -> dict[str, str]:
    if "en" not in titles:
        wrong("has no English title", "add `en:`; everything falls back to it")
    return titles


def _server_name(name: str) -> str:
    if not re.fullmatch(_SERVER_NAME, name):
        wrong(f"{name!r} is not a server name", "as it stands in user ids, e.g. matrix.example.org")
    return name


def _user_id(user_id: str) -> str:
    if not re.fullmatch(f"@[a-z0-9._=/+-]{{1,64}}:{_SERVER_NAME}", user_id):
        wrong(f"{user_id!r} is not a user id", "as their app shows it, e.g. '@lamp-7:matrix.example.org'")
    return user_id


def _stays_home(federates: bool) -> bool:
    if federates:
        wrong(
            "cannot be true", "partner servers never get a room of a country, an alert room or a staff room"
        )
    return federates


Language = Annotated[str, AfterValidator(_language), Field(json_schema_extra={"enum": list(LANGUAGES)})]
Languages = Annotated[tuple[Language, ...], Field(min_length=1)]
CountryCode = Annotated[str, AfterValidator(_country), Field(json_schema_extra={"pattern": "^[A-Z]{2}$"})]
Scope = Annotated[str, AfterValidator(_scope)]
Zone = Annotated[str, AfterValidator(_zone)]
CodeName = Annotated[str, AfterValidator(_code_name), Field(json_schema_extra={"pattern": f"^{_CODE_NAME}$"})]
Key = Annotated[str, AfterValidator(_key), Field(json_schema_extra={"pattern": f"^{_KEY}$"})]
Titles = Annotated[dict[Language, str], AfterValidator(_titles)]
ServerName = Annotated[str, AfterValidator(_server_name)]
UserId = Annotated[str, AfterValidator(_user_id)]
StaysHome = Annotated[bool, Field(strict=True), AfterValidator(_stays_home)]
Flag = Annotated[bool, Field(strict=True)]
Count = Annotated[int, Field(strict=True, ge=1)]
Days = Annotated[int, Field(strict=True, ge=1, le=365)]
Power = Annotated[int, Field(strict=True, ge=0, le=50)]
