"""Colours, font and spacing by name: the one source for style sheets, browsers and Python."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

Theme = Literal["light", "dark"]

FONT = (
    "'Inter Variable','Inter',ui-sans-serif,system-ui,-apple-system,'Segoe UI',Roboto,"
    "'Helvetica Neue',Arial,sans-serif"
)
SPACING = {"gutter": "24px", "gap": "14px", "pad": "16px", "radius": "10px", "rail": "216px"}

LIGHT = {
    "bg": "#F5F6F8", "surface": "#FFFFFF", "raised": "#FFFFFF", "sunken": "#F0F2F5",
    "border": "#E2E5EA", "grid": "#ECEEF2",
    "text": "#14181F", "muted": "#596273", "faint": "#666F7E",
    "accent": "#0B5FE0", "accent_soft": "#E7F0FE", "on_accent": "#FFFFFF",
    "good": "#0A7554", "bad": "#BF3B0B", "warn": "#946200",
    "good_soft": "#E2F4EC", "bad_soft": "#FCEBE3", "warn_soft": "#FBF1DA",
    "up": "#0B5FE0", "down": "#BF3B0B", "neutral": "#8590A2",
    "cat1": "#076AF6", "cat2": "#DE7B20", "cat3": "#148069", "cat4": "#C93D65",
    "cat5": "#07A1C9", "cat6": "#8C6510", "cat7": "#5D35AD", "cat8": "#787A94",
    "seq0": "#F3F6FB", "seq1": "#C9DDF8", "seq2": "#8DB7F0",
    "seq3": "#4A8BE3", "seq4": "#1B5FC4", "seq5": "#0A3B86",
}  # fmt: skip
DARK = {
    "bg": "#0D1015", "surface": "#15191F", "raised": "#1B2028", "sunken": "#11151A",
    "border": "#272D37", "grid": "#20262F",
    "text": "#E7EAF0", "muted": "#9BA5B4", "faint": "#8791A1",
    "accent": "#6EA3FF", "accent_soft": "#17253F", "on_accent": "#0B0E13",
    "good": "#45C48D", "bad": "#FF8A5C", "warn": "#E3B341",
    "good_soft": "#12291F", "bad_soft": "#331C12", "warn_soft": "#2D2410",
    "up": "#6EA3FF", "down": "#FF8A5C", "neutral": "#6B7585",
    "cat1": "#3767DE", "cat2": "#F5A55A", "cat3": "#139E78", "cat4": "#FD6286",
    "cat5": "#85D4F9", "cat6": "#9F7D23", "cat7": "#D576F2", "cat8": "#8C98B1",
    "seq0": "#1A2029", "seq1": "#1B3358", "seq2": "#21508F",
    "seq3": "#3375CC", "seq4": "#6EA3FF", "seq5": "#BBD5FF",
}  # fmt: skip
THEMES: Mapping[Theme, Mapping[str, str]] = {"light": LIGHT, "dark": DARK}

MOST_CANDIDATES = 8
OTHER = "Other"
OTHER_TOKEN = "@cat8"  # noqa: S105 - a colour, not a secret
_TOKEN = re.compile(r"@([a-z_0-9]+)(?:/(\d{1,3}))?")


def resolve(figure: Any, theme: Theme = "light") -> Any:
    """Return a JSON value with every colour token replaced by its colour.

    Parameters
    ----------
    figure : JSON value
        Strings such as ``@cat1`` or ``@cat1/16`` (16% opacity), at any depth. A string that is
        not wholly a token, or names no token, is left as it is.
    theme : {"light", "dark"}, default "light"
        Which colours.

    Returns
    -------
    JSON value
        A copy; tuples become lists.

    Examples
    --------
    >>> resolve({"line": {"color": "@cat1/16"}})
    {'line': {'color': 'rgba(7,106,246,0.16)'}}
    """
    if isinstance(figure, str):
        return _colour(figure, THEMES[theme])
    if isinstance(figure, Mapping):
        return {key: resolve(value, theme) for key, value in figure.items()}
    if isinstance(figure, list | tuple):
        return [resolve(value, theme) for value in figure]
    return figure


def _colour(text: str, colours: Mapping[str, str]) -> str:
    match = _TOKEN.fullmatch(text)
    if match is None or match[1] not in colours:
        return text
    colour = colours[match[1]]
    if match[2] is None:
        return colour
    red, green, blue = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return f"rgba({red},{green},{blue},{int(match[2]) / 100:g})"


def css_variables() -> str:
    """Return CSS that declares every token as a variable.

    Light is the default, dark follows the system's preference, and ``data-theme`` on the root
    element overrides both. A token ``accent_soft`` becomes ``--accent-soft``.
    """
    fixed = {"font": FONT, **SPACING}
    light = _declarations({**fixed, **LIGHT})
    dark = _declarations(DARK)
    paper = _declarations(LIGHT)
    return (
        f":root{{color-scheme:light;{light}}}\n"
        f"@media (prefers-color-scheme:dark){{"
        f":root:not([data-theme=light]){{color-scheme:dark;{dark}}}}}\n"
        f":root[data-theme=dark]{{color-scheme:dark;{dark}}}\n"
        f"@media print{{:root:root,:root[data-theme]{{color-scheme:light;{paper}}}}}\n"
    )


def _declarations(values: Mapping[str, str]) -> str:
    return "".join(f"--{name.replace('_', '-')}:{value};" for name, value in values.items())


def candidate_order(sizes: Mapping[str, float]) -> tuple[str, ...]:
    """Return the order of candidates that every figure of a page should share.

    Sorted names; of more than eight, the seven largest come first, because only those own a
    colour and the rest is drawn as "Other".

    Parameters
    ----------
    sizes : mapping of str to float
        Candidate to its decisions.

    Examples
    --------
    >>> candidate_order({"birch": 10, "alder": 5})
    ('alder', 'birch')
    """
    if len(sizes) <= MOST_CANDIDATES:
        return tuple(sorted(sizes))
    ranked = sorted(sizes, key=lambda name: (-sizes[name], name))
    own = MOST_CANDIDATES - 1
    return (*sorted(ranked[:own]), *sorted(ranked[own:]))


def candidate_tokens(order: Sequence[str]) -> dict[str, str]:
    """Return candidate to colour token, fixed by place in `order`.

    Up to eight candidates each own a colour; of more, the first seven do and the rest have that
    of "Other".

    Examples
    --------
    >>> candidate_tokens(["alder", "birch"])
    {'alder': '@cat1', 'birch': '@cat2'}
    """
    own = len(order) if len(order) <= MOST_CANDIDATES else MOST_CANDIDATES - 1
    return {
        name: f"@cat{place}" if place <= own else OTHER_TOKEN for place, name in enumerate(order, 1)
    }


def shown_candidates(order: Sequence[str]) -> tuple[str, ...]:
    """Return the candidates that are drawn on their own; the rest is "Other"."""
    return tuple(order) if len(order) <= MOST_CANDIDATES else tuple(order[: MOST_CANDIDATES - 1])
