"""How a told camera class meets people's labels: accuracy with its interval, majority class, confusion."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from dropletvideo.moves import CAMERA_CLASSES

UNTOLD = "none"
_Z = 1.959964
"""Of the standard normal distribution, for 95 %."""


@dataclass(frozen=True)
class ClassScore:
    """Counts over clips that have a label.

    Attributes:
        clips: how many were compared.
        accuracy: share of clips whose told class is among the accepted ones, 0 to 1, higher is better; a class that
            was not told counts as wrong. None without a clip.
        interval: 95 % interval of the accuracy (Wilson's score interval).
        balanced_accuracy: mean of the recalls.
        majority_class, majority_accuracy: what answering the commonest class every time would reach.
        recall: by true class, the share found.
        confusion: true class to told class to count; of several accepted classes the told one, else the first.
    """

    clips: int
    accuracy: float | None
    interval: tuple[float, float] | None
    balanced_accuracy: float | None
    majority_class: str | None
    majority_accuracy: float | None
    recall: dict[str, float]
    confusion: dict[str, dict[str, int]]

    def as_dict(self) -> dict[str, Any]:
        """For JSON, rounded."""
        return {name: _rounded(value) for name, value in asdict(self).items()}


def score_classes(pairs: Iterable[tuple[Sequence[str], str | None]]) -> ClassScore:
    """Score (accepted classes, told class or None) of every clip."""
    compared = list(pairs)
    confusion: dict[str, Counter[str]] = {}
    answers: Counter[str] = Counter()
    for accepted, told in compared:
        true = told if told in accepted else accepted[0]
        confusion.setdefault(str(true), Counter())[told or UNTOLD] += 1
        answers.update(set(accepted))
    right = sum(row[name] for name, row in confusion.items())
    recall = {
        str(name): confusion[name][name] / confusion[name].total() for name in CAMERA_CLASSES if name in confusion
    }
    majority = answers.most_common(1)
    count = len(compared)
    return ClassScore(
        clips=count,
        accuracy=right / count if count else None,
        interval=wilson_interval(right, count) if count else None,
        balanced_accuracy=sum(recall.values()) / len(recall) if recall else None,
        majority_class=majority[0][0] if majority else None,
        majority_accuracy=majority[0][1] / count if majority else None,
        recall=recall,
        confusion={name: dict(sorted(confusion[name].items())) for name in CAMERA_CLASSES if name in confusion},
    )


def wilson_interval(right: int, count: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927): (p + z²/2n ± z sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n)."""
    share, squared = right / count, _Z * _Z
    middle = share + squared / (2 * count)
    half = _Z * math.sqrt(share * (1 - share) / count + squared / (4 * count * count))
    return max(0.0, (middle - half) / (1 + squared / count)), min(1.0, (middle + half) / (1 + squared / count))


def confusion_table(score: ClassScore) -> list[list[str]]:
    """Head and rows of the confusion table as text: true classes down, told classes across."""
    told = [name for name in (*CAMERA_CLASSES, UNTOLD) if any(name in row for row in score.confusion.values())]
    rows = [["true", *told, "recall"]]
    for name, row in score.confusion.items():
        rows.append([name, *(str(row.get(one, 0)) for one in told), f"{score.recall[name]:.2f}"])
    return rows


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, tuple):
        return [_rounded(item) for item in value]
    return {key: _rounded(item) for key, item in value.items()} if isinstance(value, dict) else value
