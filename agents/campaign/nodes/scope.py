"""Turn feedback into a style; what no rule understands is told to a model, or to the person as a finding."""

from typing import Any

from agents.campaign import feedback
from agents.campaign.state import State


def scope(state: State) -> dict[str, Any]:
    wish = feedback.read(state["feedback"], state["style"])
    findings = []
    if wish.other and state["feedback"]:
        findings.append(
            {
                "code": "feedback_not_understood",
                "severity": "info",
                "path": "feedback",
                "excerpt": wish.other[:200],
                "reason_de": f"Nicht als Regel verstanden: „{wish.other[:200]}“. Bitte am Text prüfen.",
                "reason_en": f"Not understood as a rule: '{wish.other[:200]}'. Please check it in the text.",
                "source_ids": [],
            }
        )
    return {"style": wish.style, "changed": list(wish.changed), "findings": findings}
