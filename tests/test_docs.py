"""Documents are compared with the code they describe."""

import re
from pathlib import Path

import pytest

from agents.campaign.graph import compiled
from api.app import create_app
from domain.campaigns.lifecycle import TABLE, Status
from domain.content.slots import REGISTRY
from domain.plans.catalog import FEATURES, LIMITS
from kernel.settings import Settings

ROOT = Path(__file__).resolve().parent.parent


def read(name: str) -> str:
    return (ROOT / name).read_text()


def test_every_setting_is_documented_with_its_meaning():
    text = read("docs/operate.md")
    for name, field in Settings.model_fields.items():
        assert f"| `ARIIA_{name.upper()}` |" in text, name
        assert field.description in text, name


@pytest.mark.parametrize("limit", LIMITS.values(), ids=lambda limit: limit.key)
def test_the_plan_table_of_the_readme_says_what_the_catalogue_says(limit):
    label = f"{limit.label_en} per month" if limit.per == "month" else limit.label_en
    cells = ["unlimited" if amount is None else str(amount) for amount in limit.amounts]
    for document in ("README.md", "docs/plans.md"):
        assert f"| {label} | {' | '.join(cells)} |" in read(document)


def test_the_plan_table_names_every_feature():
    for feature in FEATURES.values():
        cells = ["–" if level is None else level for level in feature.levels]
        for document in ("README.md", "docs/plans.md"):
            assert f"| {feature.label_en} | {' | '.join(cells)} |" in read(document)


def test_the_document_of_contents_names_every_slot_and_finding():
    text = read("docs/content.md")
    for slot in REGISTRY.values():
        if slot.scope != "offer":
            assert f"| `{{{slot.name}}}` | {slot.label_en} | {slot.example} | {slot.longest} |" in text
    sources = [path.read_text() for path in (ROOT / "domain/content").glob("*.py")]
    codes = {code for source in sources for code in re.findall(r'(?:block|warn)\(\s*"([a-z_]+)"', source)}
    assert len(codes) > 15
    assert {code for code in codes if f"`{code}`" not in text} == set()


def test_the_drawn_graph_is_the_graph():
    assert compiled().get_graph().draw_mermaid().strip() in read("docs/campaign-graph.md")


def test_the_tree_of_the_readme_names_every_folder():
    text = read("README.md")
    for folder in ("ariia", "api", "console", "preview", "agents", "domain", "channels", "models", "kernel"):
        assert f"{folder}/" in text


def test_every_error_code_is_in_the_api_document():
    codes = set()
    edges = [*ROOT.glob("domain/**/*.py"), *ROOT.glob("api/**/*.py"), *ROOT.glob("preview/*.py")]
    for path in [*edges, ROOT / "kernel/errors.py"]:
        codes |= set(re.findall(r'code="([a-z_]+)"', path.read_text()))
        codes |= set(re.findall(r'^    code = "([a-z_]+)"', path.read_text(), re.MULTILINE))
    text = read("docs/api.md")
    assert {code for code in codes if f"`{code}`" not in text} == set()


def test_the_lifecycle_table_of_the_api_document_is_the_lifecycle():
    text = read("docs/api.md")
    for status in Status:
        verbs = ", ".join(f"{verb} → {target}" for verb, target in TABLE[status].items())
        assert f"| {status} | {verbs} |" in text


def test_every_operation_has_a_summary_a_description_and_its_errors():
    document = create_app().openapi()
    for path, operations in document["paths"].items():
        for verb, operation in operations.items():
            assert operation["summary"], (verb, path)
            assert operation.get("description"), (verb, path)
            if path.startswith("/api/v1"):
                assert {"401", "403", "404", "409", "422"} <= set(operation["responses"]), (verb, path)


def test_a_refusal_is_shown_as_it_is_sent():
    """Regression: its schema stood under application/json, which no refusal is."""
    codes = read("docs/api.md")
    for path, operations in create_app().openapi()["paths"].items():
        for verb, operation in operations.items():
            for status, answer in operation["responses"].items():
                if int(status) >= 400:
                    ((media, shown),) = answer["content"].items()
                    assert media == "application/problem+json", (verb, path, status)
                    assert shown["schema"] == {"$ref": "#/components/schemas/ProblemDocument"}
                    assert shown["example"]["status"] == int(status)
                    assert f"`{shown['example']['code']}`" in codes, shown["example"]["code"]


def test_every_list_is_paginated():
    document = create_app().openapi()
    schemas = document["components"]["schemas"]
    pages = {name for name in schemas if name.startswith("Page_")}
    assert pages
    for path, operations in document["paths"].items():
        answer = operations.get("get", {}).get("responses", {}).get("200", {})
        reference = str(answer.get("content", {}).get("application/json", {}).get("schema", {}).get("$ref", ""))
        if reference.rpartition("/")[2] in pages:
            assert {"limit", "cursor"} <= {p["name"] for p in operations["get"]["parameters"]}, path
