"""The house rules that no linter knows."""

import ast
import subprocess
import tomllib
from pathlib import Path

from ariia.migrate import APPEND_ONLY
from kernel import names
from models import Base

ROOT = Path(__file__).resolve().parent.parent
ROOMS = {
    "agents", "api", "ariia", "bench", "channels", "console", "docs", "domain", "kernel", "migrations", "models",
    "preview", "tests",
}  # fmt: skip
PACKAGES = ("ariia", "console", "preview", "api", "agents", "domain", "channels", "models", "kernel")


def sources(*folders: str) -> list[Path]:
    return [path for folder in folders for path in (ROOT / folder).rglob("*.py") if "node_modules" not in path.parts]


def test_the_root_holds_the_agreed_rooms_and_no_other():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    folders = {path.split("/")[0] for path in listed if "/" in path and not path.startswith(".")}
    assert folders <= ROOMS


def test_import_contracts_name_every_package():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    assert set(contracts["root_packages"]) == set(PACKAGES)
    assert set(names.FOLDERS) >= set(PACKAGES)


def test_only_the_kernel_commits():
    offenders = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sources("domain", "api", "agents", "preview", "ariia")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and node.attr in {"commit", "rollback"}
        and isinstance(node.value, ast.Name)
        and node.value.id == "session"
    ]
    assert offenders == []


def test_doors_are_made_by_the_outlets_and_opened_by_the_engine_alone():
    users = {
        str(path.relative_to(ROOT))
        for path in sources("domain", "api", "agents", "preview", "ariia")
        if "SmtpSession" in path.read_text() or "SmtpPool" in path.read_text()
    }
    assert users == {"domain/delivery/outlets.py"}
    openers = {
        str(path.relative_to(ROOT))
        for path in sources("domain", "api", "agents", "preview", "ariia")
        if "outlet.open(" in path.read_text()
    }
    assert openers == {"domain/delivery/engine.py"}


def test_every_foreign_key_between_tenant_tables_carries_the_tenant():
    loose = []
    for table in Base.metadata.tables.values():
        if "tenant_id" not in table.c:
            continue
        for constraint in table.foreign_key_constraints:
            target = next(iter(constraint.elements)).column.table
            if "tenant_id" in target.c and "tenant_id" not in constraint.column_keys:
                loose.append(f"{table.name} -> {target.name}")
    assert loose == []


def test_append_only_tables_exist():
    assert set(APPEND_ONLY) <= set(Base.metadata.tables)


def test_models_hold_no_query():
    offenders = [str(path) for path in sources("models") if "select(" in path.read_text()]
    assert offenders == []


def test_no_lock_file_names_a_host():
    for name in ("requirements.lock.txt", "requirements-dev.lock.txt", "requirements-assets.lock.txt"):
        assert "://" not in (ROOT / name).read_text(), name
    lock = (ROOT / "console" / "assets" / "package-lock.json").read_text()
    assert '"resolved"' not in lock
