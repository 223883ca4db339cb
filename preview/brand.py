"""A tenant's colour as the accent of a page: one colour in, readable ones out, for light and dark."""

import re
from colorsys import hls_to_rgb, rgb_to_hls

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_LIGHT, _DARK = "#ffffff", "#161d24"
_INKS = ("#ffffff", "#04202a", "#000000")
_TEXT = 4.5
_SOFT_LIGHT, _SOFT_DARK = 0.9, 0.78
_STEP = 0.02

Channels = tuple[float, float, float]


def style(colour: str | None) -> str:
    """Return custom properties for `<html style>`; nothing for no colour or one that cannot be read."""
    if not colour or not _COLOUR.fullmatch(colour):
        return ""
    light, dark = _until(colour, _LIGHT, -_STEP), _until(colour, _DARK, _STEP)
    soft_light, soft_dark = _mixed(light, _LIGHT, _SOFT_LIGHT), _mixed(dark, _DARK, _SOFT_DARK)
    pairs = {
        "brand": (light, dark),
        "brand-soft": (soft_light, soft_dark),
        "brand-strong": (_until(light, soft_light, -_STEP), _until(dark, soft_dark, _STEP)),
        "on-brand": (_ink(light), _ink(dark)),
        "focus": (light, dark),
    }
    return ";".join(f"--{name}:light-dark({one},{other})" for name, (one, other) in pairs.items())


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours (WCAG 2.2)."""
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in _channels(colour)]  # noqa: PLR2004 - sRGB
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _channels(colour: str) -> Channels:
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return red, green, blue


def _hex(channels: Channels) -> str:
    return "#" + "".join(f"{round(min(1, max(0, c)) * 255):02x}" for c in channels)


def _until(colour: str, ground: str, step: float) -> str:
    """Return the colour, made lighter or darker until text in it reads well on the ground."""
    hue, lightness, saturation = rgb_to_hls(*_channels(colour))
    while contrast(colour, ground) < _TEXT and 0 <= lightness + step <= 1 + abs(step):
        lightness = min(1.0, max(0.0, lightness + step))
        colour = _hex(hls_to_rgb(hue, lightness, saturation))
    return colour


def _mixed(colour: str, ground: str, share: float) -> str:
    pairs = zip(_channels(colour), _channels(ground), strict=True)
    red, green, blue = (c * (1 - share) + g * share for c, g in pairs)
    return _hex((red, green, blue))


def _ink(colour: str) -> str:
    return next((ink for ink in _INKS if contrast(ink, colour) >= _TEXT), _INKS[-1])
