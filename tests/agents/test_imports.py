import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    "module",
    [
        "agents",
        "agents.llm.port",
        "agents.llm.provider",
        "agents.llm.openai_compatible",
        "agents.llm.registry",
        "agents.call",
    ],
)
def test_importing_the_model_layer_loads_neither_openai_nor_langgraph(module: str):
    code = (
        f"import sys, {module}; "
        "print([name for name in ('openai', 'langgraph', 'httpx2', 'langsmith') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.strip() == "[]", done.stderr
