"""Check the draft as it will be checked at approval, and say what the writer could mend."""

from typing import Any

from langgraph.runtime import Runtime

from agents.campaign.context import Context
from agents.campaign.state import State
from domain.campaigns import frame
from domain.campaigns import service as campaigns
from domain.content import checks, cohorts, lines, versions
from domain.content.findings import Finding, Material, warn

LIMIT = 2
_OF_THE_RUN = {"feedback_not_understood", "question_open", "goal_unsourced", "text_cut"}


def check(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    context = runtime.context
    with context.open_session() as session:
        campaign = campaigns.get(session, context.campaign_id)
        pinned = [source.as_json() for source in state["sources"]]
        material = frame.material(session, campaign, state["content"], pinned)
    content, found, dropped = _without_bad_lines(state, material)
    if not state["mends"] or state["repairs"] >= LIMIT:
        content, found = _without_bad_cohorts(content, found, material)
    missing = [_missing(cohort_id) for cohort_id in state.get("problems", [])]
    kept = [finding for finding in state["findings"] if finding["code"] in _OF_THE_RUN]
    content, others = _without_bad_alternatives(content, found, material)
    left = {each["id"] for each in (content.get(cohorts.KEY) or {}).get("items", ())}
    claims = [claim for claim in state["claims"] if claim.get("cohort") in {None, *left}]
    return {
        "content": content,
        "claims": claims,
        "findings": kept + [finding.as_json() for finding in [*found, *missing, *dropped, *others]],
    }


def _without_bad_lines(state: State, material: Material) -> tuple[dict[str, Any], list[Finding], list[Finding]]:
    """Leave out personal lines of which anything is wrong: such a line is right or absent, and never mended."""
    content = state["content"]
    found = checks.check_revision(content, material)
    wrong = {finding.path.partition(".lines.")[2] for finding in found} - {""}
    lost = state.get("lost_lines", 0) + len(wrong)
    dropped = [_line_dropped(lost)] if lost else []
    if not wrong:
        return content, found, dropped
    items = [each for each in content[lines.KEY]["items"] if each["id"] not in wrong]
    less = {name: value for name, value in content.items() if name != lines.KEY}
    less |= {lines.KEY: {"items": items}} if items else {}
    return less, [finding for finding in found if ".lines." not in finding.path], dropped


def _line_dropped(count: int) -> Finding:
    return Finding(
        "line_dropped",
        "info",
        "lines",
        str(count),
        f"{count} persönliche Sätze fehlen, weil sie nicht sicher stimmten; diese Mitglieder bekommen keinen.",
        f"{count} personal lines are left out because they were not certainly right; these members get none.",
    )


def _without_bad_cohorts(
    content: dict[str, Any], found: list[Finding], material: Material
) -> tuple[dict[str, Any], list[Finding]]:
    """Give the members of a cohort whose copy cannot be mended the base copy: nothing of theirs stops the rest."""
    keys = {finding.path.partition(".")[0] for finding in found if finding.severity == "block"}
    bad = {key.partition("#")[2] for key in keys if "#" in key}
    if not bad:
        return content, found
    given = content[cohorts.KEY]
    items = [each for each in given["items"] if each["id"] not in bad]
    less = {**content, cohorts.KEY: {**given, "items": items}}
    return less, [*checks.check_revision(less, material), *(_missing(cohort_id) for cohort_id in sorted(bad))]


def _without_bad_alternatives(
    content: dict[str, Any], found: list[Finding], material: Material
) -> tuple[dict[str, Any], list[Finding]]:
    """Leave out second texts that could not be approved, and say so; what else is wrong with them is shown once."""
    known = {(finding.code, finding.path.partition(".")[2], finding.excerpt) for finding in found}
    kept, findings = {}, []
    for language, said in checks.of_alternatives(content, material).items():
        bad = [finding for finding in said if finding.severity == "block"]
        if bad:
            findings.append(_alternative_dropped(language, material.channel, bad[0]))
            continue
        kept[language] = content[versions.ALTERNATIVES][language]
        findings += [each for each in said if (each.code, each.path.partition(".")[2], each.excerpt) not in known]
    less = {name: value for name, value in content.items() if name != versions.ALTERNATIVES}
    return less | ({versions.ALTERNATIVES: kept} if kept else {}), findings


def _alternative_dropped(language: str, channel: str, because: Finding) -> Finding:
    return warn(
        "alternative_dropped",
        f"{versions.key_of(language, 1)}.{channel}",
        because.excerpt,
        f"Die zweite Fassung für einen Vergleich fehlt: {because.reason_de}",
        f"The second text for a comparison is left out: {because.reason_en}",
    )


def _missing(cohort_id: str) -> Finding:
    language = cohort_id.partition("-")[0]
    return warn(
        "cohort_missing",
        f"{language}#{cohort_id}",
        cohort_id,
        "Für diese Gruppe gibt es keine eigenen Worte; sie bekommt den Grundtext.",
        "There are no words of its own for this group; it gets the base copy.",
    )


def blockers(state: State) -> list[dict[str, Any]]:
    """Return the findings that would stop an approval."""
    return [finding for finding in state["findings"] if finding["severity"] == "block"]
