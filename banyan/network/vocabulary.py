"""The closed lists a network file draws from: our languages, the world's countries and time zones."""

from functools import cache
from zoneinfo import available_timezones

from babel import Locale

LANGUAGES: dict[str, str] = {
    "en": "en",
    "vi": "vi",
    "zh-Hans": "zh_Hans",
    "km": "km",
    "lo": "lo",
    "my": "my",
    "th": "th",
    "fr": "fr",
}
"""BCP 47 tag as written in files → Babel's locale identifier."""

_NOT_COUNTRIES = frozenset({"EU", "EZ", "QO", "UN", "XA", "XB", "ZZ"})


@cache
def country_names(code: str) -> frozenset[str]:
    """Names of a country in each of our languages, as CLDR has them. Empty for an unknown code."""
    if code in _NOT_COUNTRIES or len(code) != len("KH") or not code.isalpha():
        return frozenset()
    locales = map(Locale.parse, LANGUAGES.values())
    return frozenset(str(locale.territories[code]) for locale in locales if code in locale.territories)


@cache
def country_codes() -> frozenset[str]:
    """Every ISO 3166-1 alpha-2 code."""
    return frozenset(code for code in map(str, Locale("en").territories) if country_names(code))


@cache
def time_zones() -> frozenset[str]:
    """Every IANA time zone of this machine's database."""
    return frozenset(available_timezones())
