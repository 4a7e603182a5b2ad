"""The payments of a world: countries, issuers, networks, amounts and arrival times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.testing.worlds.clock import DAY_US, HOUR_US, weekdays
from pellucid.testing.worlds.config import CONTROL_SHARE, WorldConfig
from pellucid.testing.worlds.rows import Bools, Codes, Floats, Ints, Rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Country:
    """A country that payments come from.

    Attributes
    ----------
    per_euro : float
        Units of `currency` per euro; fixed, for this is no market simulation.
    digits : int
        Decimal places of the currency: 2, or 0 for the yen.
    share : float
        Relative traffic.
    utc_offset : int
        Hours ahead of UTC.
    scale : float
        Typical amount relative to the others.
    issuers : tuple of str
        Invented banks, largest first.
    """

    code: str
    currency: str
    per_euro: float
    digits: int
    share: float
    utc_offset: int
    scale: float
    issuers: tuple[str, ...]


COUNTRIES = (
    Country(code="BR", currency="BRL", per_euro=6.2, digits=2, share=0.15,
            utc_offset=-3, scale=0.8,
            issuers=("br-aurora", "br-jangada", "br-cerrado", "br-guara", "br-ipe")),
    Country(code="DE", currency="EUR", per_euro=1.0, digits=2, share=0.13,
            utc_offset=1, scale=1.1,
            issuers=("de-linde", "de-falke", "de-elbtal", "de-nordlicht")),
    Country(code="FR", currency="EUR", per_euro=1.0, digits=2, share=0.10,
            utc_offset=1, scale=1.0,
            issuers=("fr-mistral", "fr-garance", "fr-belair")),
    Country(code="GB", currency="GBP", per_euro=0.86, digits=2, share=0.12,
            utc_offset=0, scale=1.1,
            issuers=("gb-heather", "gb-kestrel", "gb-fenland", "gb-lantern")),
    Country(code="IN", currency="INR", per_euro=96.0, digits=2, share=0.14,
            utc_offset=5, scale=0.5,
            issuers=("in-banyan", "in-koel", "in-sagar", "in-chandan", "in-megh", "in-tara")),
    Country(code="JP", currency="JPY", per_euro=165.0, digits=0, share=0.09,
            utc_offset=9, scale=1.2,
            issuers=("jp-kaede", "jp-suzume", "jp-minato")),
    Country(code="MX", currency="MXN", per_euro=21.0, digits=2, share=0.09,
            utc_offset=-6, scale=0.7,
            issuers=("mx-nopal", "mx-quetzal", "mx-marea", "mx-agave")),
    Country(code="US", currency="USD", per_euro=1.1, digits=2, share=0.18,
            utc_offset=-5, scale=1.3,
            issuers=("us-juniper", "us-mesa", "us-harbor", "us-sequoia", "us-jay", "us-prairie")),
)  # fmt: skip
NETWORKS = ("network-a", "network-b", "network-c")
CARD_TYPES = ("credit", "debit")
AMOUNT_BANDS = ("under_20", "20_to_100", "100_to_500", "500_and_over")
CURRENCIES = tuple(sorted({country.currency for country in COUNTRIES}))
ISSUERS = tuple(issuer for country in COUNTRIES for issuer in country.issuers)
COUNTRY_OF_ISSUER: Codes = np.repeat(
    np.arange(len(COUNTRIES), dtype=np.int8), [len(country.issuers) for country in COUNTRIES]
)

_BAND_EDGES = np.array([20.0, 100.0, 500.0])
_NETWORK_SHARE = (0.50, 0.35, 0.15)
_DEBIT_SHARE = 0.42
_CROSS_BORDER_SHARE = 0.12
_HOUR_SHAPE = 0.25 + 0.75 * np.exp(-(((np.arange(24) - 15.5) / 6.0) ** 2))
_WEEKDAY_SHAPE = np.array([0.95, 0.95, 1.0, 1.0, 1.1, 1.1, 0.9])


@dataclass(frozen=True, slots=True)
class Payments(Rows):
    """Payments in order of arrival; codes index the tuples of this module.

    `number` is unique over history and live traffic and keys every later random number.
    """

    number: NDArray[np.uint64]
    at_us: Ints
    country: Codes
    issuer: Codes
    network: Codes
    card_type: Codes
    currency: Codes
    amount_minor: Ints
    amount: Floats
    amount_band: Codes
    customer_age_days: Floats
    is_cross_border: Bools
    is_control: Bools


def draw_payments(
    config: WorldConfig, *, count: int, start_us: int, days: int, first_number: int
) -> Payments:
    """Draw `count` payments that arrive in the `days` from `start_us` on.

    Parameters
    ----------
    config : WorldConfig
        Gives the seed.
    count : int
        Number of payments.
    start_us : int
        Start of the window, a UTC midnight, in microseconds since 1970.
    days : int
        Length of the window.
    first_number : int
        Number of the first payment; also tells windows' random numbers apart.

    Returns
    -------
    Payments
        Sorted by arrival.
    """
    rng = np.random.default_rng([config.seed, first_number & 0xFFFFFFFF, first_number >> 32])
    shares = np.array([country.share for country in COUNTRIES])
    country = rng.choice(len(COUNTRIES), size=count, p=shares / shares.sum()).astype(np.int8)
    at_us = _arrivals(rng, country, start_us, days)
    order = np.argsort(at_us, kind="stable")
    country, at_us = country[order], at_us[order]
    is_cross_border = rng.random(count) < _CROSS_BORDER_SHARE
    currency = _currency_codes(country, is_cross_border)
    amount_minor, amount = _amounts(rng, country, currency)
    return Payments(
        number=np.arange(count, dtype=np.uint64) + np.uint64(first_number),
        at_us=at_us,
        country=country,
        issuer=_issuers(rng, country),
        network=rng.choice(len(NETWORKS), size=count, p=_NETWORK_SHARE).astype(np.int8),
        card_type=(rng.random(count) < _DEBIT_SHARE).astype(np.int8),
        currency=currency,
        amount_minor=amount_minor,
        amount=amount,
        amount_band=np.searchsorted(_BAND_EDGES, amount, side="right").astype(np.int8),
        customer_age_days=np.floor(rng.gamma(1.2, 300.0, size=count)),
        is_cross_border=is_cross_border,
        is_control=rng.random(count) < CONTROL_SHARE,
    )


def _arrivals(rng: np.random.Generator, country: Codes, start_us: int, days: int) -> Ints:
    """Draw arrival times that follow each country's own day and week."""
    hours = np.arange(days * 24)
    place = rng.random(len(country))
    at_hour = np.empty(len(country))
    for code, place_of in enumerate(COUNTRIES):
        local = hours + place_of.utc_offset
        weekday = weekdays(start_us + local * HOUR_US)
        weight = _HOUR_SHAPE[local % 24] * _WEEKDAY_SHAPE[weekday]
        cumulative = np.concatenate([[0.0], np.cumsum(weight)]) / weight.sum()
        mine = country == code
        at_hour[mine] = np.interp(place[mine], cumulative, np.arange(days * 24 + 1))
    offset_us = np.minimum((at_hour * HOUR_US).astype(np.int64), days * DAY_US - 1)
    return start_us + offset_us


def _issuers(rng: np.random.Generator, country: Codes) -> Codes:
    """Draw an issuer of each payment's country; the first ones issue the most."""
    place = rng.random(len(country))
    issuer = np.empty(len(country), dtype=np.int8)
    for code in range(len(COUNTRIES)):
        mine = country == code
        first = int(np.argmax(code == COUNTRY_OF_ISSUER))
        weight = 0.65 ** np.arange(np.count_nonzero(code == COUNTRY_OF_ISSUER))
        cumulative = np.cumsum(weight)[:-1] / weight.sum()
        issuer[mine] = first + np.searchsorted(cumulative, place[mine], side="right")
    return issuer


def _currency_codes(country: Codes, is_cross_border: Bools) -> Codes:
    """Return local currency, or euros (dollars in euro countries) across borders."""
    local = np.array([CURRENCIES.index(place.currency) for place in COUNTRIES], dtype=np.int8)
    euro, dollar = np.int8(CURRENCIES.index("EUR")), np.int8(CURRENCIES.index("USD"))
    foreign = np.where(local == euro, dollar, euro)
    return np.where(is_cross_border, foreign[country], local[country])


def _amounts(rng: np.random.Generator, country: Codes, currency: Codes) -> tuple[Ints, Floats]:
    """Draw amounts in minor units, and the same in euros."""
    by_code = {place.currency: place for place in COUNTRIES}
    minor_per_euro = np.array(
        [by_code[code].per_euro * 10.0 ** by_code[code].digits for code in CURRENCIES]
    )[currency]
    scale = np.array([place.scale for place in COUNTRIES])[country]
    euros = np.clip(rng.lognormal(np.log(48.0), 1.2, size=len(country)) * scale, 2.0, 5_000.0)
    minor = np.maximum(np.rint(euros * minor_per_euro), 1.0)
    return minor.astype(np.int64), minor / minor_per_euro
