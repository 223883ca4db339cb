"""Tests of variants by simulation: people respond hour after hour, and each hour somebody looks."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from domain.experiments import evidence, rules, service
from domain.experiments.evidence import Evidence
from domain.experiments.rules import Arm, Judgement, Settings
from domain.experiments.statistics import Moments

Dice = np.random.Generator
Spending = Callable[[Dice, int], np.ndarray]


def bound(n: int, rate: float) -> float:
    """Return what a true rate exceeds less than once in ten thousand times, of n."""
    return n * rate + 3.72 * math.sqrt(n * rate * (1 - rate))


def run(
    dice: Dice, settings: Settings, rates: Sequence[float], n: int, looks: int, spending: Spending | None = None
) -> Judgement:
    """Run one test on n people with so many looks; returns the first judgement with a winner, or the last."""
    sizes = rules.allocate(n, settings.weights)
    people = [_respond(dice, size, rate, looks, spending) for size, rate in zip(sizes, rates, strict=True)]
    proofs, before = [Evidence()] * (settings.arms - 1), [0] * settings.arms
    judged = None
    for look in range(1, looks + 1):
        now = [int(np.searchsorted(when, look, side="right")) for when, _ in people]
        if settings.martingales:
            spent = [amounts[old:new] for (_, amounts), old, new in zip(people, before, now, strict=True)]
            known = np.concatenate([amounts[:k] for (_, amounts), k in zip(people, now, strict=True)])
            usual = float(known.mean()) if known.size else 0.0
            proofs = [
                _after(settings, proof, (sizes[0] - before[0], sizes[k] - before[k]), (spent[0], spent[k]), usual)
                for k, proof in enumerate(proofs, start=1)
            ]
        before = now
        arms = [_arm(size, amounts[:k]) for size, k, (_, amounts) in zip(sizes, now, people, strict=True)]
        judged = rules.judge(settings, arms, proofs, over=look == looks)
        if judged.winner is not None:
            break
    assert judged is not None
    return judged


def _respond(
    dice: Dice, size: int, rate: float, looks: int, spending: Spending | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return when each response of an arm comes, most of them early, and what each is worth."""
    n = int(dice.binomial(size, rate))
    when = np.sort(np.minimum(dice.exponential(looks / 4, n), looks - 1e-9))
    return when, spending(dice, n) if spending else np.ones(n)


def _after(
    settings: Settings, proof: Evidence, left: tuple[int, int], new: tuple[np.ndarray, np.ndarray], usual: float
) -> Evidence:
    if settings.metric != "revenue":
        return evidence.after_responses(proof, left=left, new=(len(new[0]), len(new[1])))
    spent = (new[0].tolist(), new[1].tolist())
    return evidence.after_amounts(proof, left=left, new=spent, scale=usual, most=service.CAPPED * usual)


def _arm(size: int, amounts: np.ndarray) -> Arm:
    moments = Moments(size, float(amounts.sum()), float((amounts * amounts).sum()))
    return Arm(size, size, size, len(amounts), moments)
