"""What of a text can be seen."""

import re

# Default_Ignorable_Code_Point of Unicode (DerivedCoreProperties.txt), white space, controls, interlinear marks, and the
# braille pattern without dots. Some of it are letters by category, such as the fillers of Hangul.
UNSEEN = (
    "\\s\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff"
)
_NOTHING = re.compile(f"[{UNSEEN}]*")


def blank(text: str) -> bool:
    """Return whether a reader sees nothing: no text, white space, or characters that take no ink."""
    return _NOTHING.fullmatch(text) is not None
