"""What a process loads at its start: nothing that takes a second and may never be used."""

import subprocess
import sys
from pathlib import Path

import pytest

_LATE = ("openai", "langgraph", "twilio", "telegram", "requests")


@pytest.mark.parametrize("module", ["ariia.worker", "ariia.web"])
def test_libraries_of_providers_and_models_are_loaded_by_their_first_use(module: str):
    code = f"import sys, {module}; print([name for name in {_LATE} if name in sys.modules])"
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr
