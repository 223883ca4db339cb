"""Comparing the reader with labelled mails: precision and recall of "hard", recipients found, reasons."""

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from channels.email.reports.read import read


@dataclass
class Score:
    """Counts over a folder; `wrong` holds one line for every hard verdict that differs from its label."""

    files: int = 0
    recipients: int = 0
    right_hard: int = 0
    wrong_hard: int = 0
    missed_hard: int = 0
    found: int = 0
    reasons_right: int = 0
    confusion: Counter[tuple[str, str]] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    @property
    def precision(self) -> float:
        return self.right_hard / max(1, self.right_hard + self.wrong_hard)

    @property
    def recall(self) -> float:
        return self.right_hard / max(1, self.right_hard + self.missed_hard)

    @property
    def recipients_found(self) -> float:
        return self.found / max(1, self.files)

    def as_dict(self) -> dict[str, Any]:
        """Return the figures for JSON."""
        return {
            "files": self.files,
            "recipients": self.recipients,
            "hard_precision": round(self.precision, 4),
            "hard_recall": round(self.recall, 4),
            "recipient_found": round(self.recipients_found, 4),
            "reason_right": round(self.reasons_right / max(1, self.recipients), 4),
            "confusion": [
                {"label": label, "read": said, "count": count} for (label, said), count in self.confusion.most_common()
            ],
            "wrong": self.wrong,
        }


def score(folder: Path, labels: Path, only: frozenset[str] | None = None) -> Score:
    """Read the labelled mails of a folder; a label is a list of `{reason, hard}` for each file name.

    Recipients are compared in their order. Raises OSError and ValueError for files that cannot be read.
    """
    result = Score()
    for name, expected in sorted(json.loads(labels.read_text()).items()):
        if only is None or name in only:
            _one(result, name, expected, (folder / name).read_bytes())
    return result


def _one(result: Score, name: str, expected: list[dict[str, Any]], raw: bytes) -> None:
    findings = read(raw).recipients
    result.files += 1
    result.found += any(finding.address for finding in findings)
    for number, label in enumerate(expected):
        finding = findings[number] if number < len(findings) else None
        said = finding.reason.replace("_", "") if finding else "nothing"
        hard = bool(finding and finding.hard)
        result.recipients += 1
        result.reasons_right += said == label["reason"]
        if said != label["reason"]:
            result.confusion[label["reason"], said] += 1
        result.right_hard += hard and label["hard"]
        result.wrong_hard += hard and not label["hard"]
        result.missed_hard += label["hard"] and not hard
        if hard != label["hard"]:
            words = finding.diagnostic[:120] if finding else "no recipient found"
            result.wrong.append(f"{name}: {label['reason']} read as {said}, hard {hard}: {words}")
    result.wrong_hard += sum(finding.hard for finding in findings[len(expected) :])
