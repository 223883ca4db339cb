"""Our folder names are import names; another distribution must not shadow them."""

import importlib.util
from pathlib import Path

FOLDERS = (
    "ariia",
    "console",
    "preview",
    "api",
    "agents",
    "domain",
    "channels",
    "models",
    "kernel",
    "migrations",
)
_ROOT = Path(__file__).resolve().parent.parent


class ShadowedName(Exception):  # noqa: N818
    """An import name of ours leads to a foreign distribution."""


def check() -> None:
    """Stop with a clear line when an import name is taken by another distribution.

    Raises ShadowedName naming the folder and what Python finds instead.
    """
    for name in FOLDERS:
        spec = importlib.util.find_spec(name)
        found = Path(spec.origin) if spec is not None and spec.origin else None
        if found is None or found.resolve().parent != _ROOT / name:
            raise ShadowedName(f"import '{name}' finds {found}, not ours: use a virtual environment of its own")
