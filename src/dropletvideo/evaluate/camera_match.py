"""Asked camera moves against measured ones: pure functions over sets and lists of names.

Per video: precision, recall and F1 of the *sets* (an extra move costs precision), and for several asked moves the
order. Over videos: how often each move was found, a confusion table, and F1 corrected by the best constant policy: a
model that answers every request with the same moves gets 0, a perfect one 1. `static` is a move like the others:
asked and measured.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

NOTHING = "(none)"


@dataclass(frozen=True)
class Match:
    """Agreement of one video; `order` only where two moves or more were asked."""

    precision: float
    recall: float
    f1: float
    order: float | None


def match_moves(asked: Sequence[str], measured: Sequence[str]) -> Match:
    """Set precision, recall and F1 (0 to 1), and 1 - edit distance / longer length of the sequences.

    Nothing measured has precision 0: it is not an abstention, the frames were there. `asked` must not be empty.
    """
    assert asked, "a video that asks no camera move has no camera score"
    wanted, found = set(asked), set(measured)
    hits = len(wanted & found)
    precision = hits / len(found) if found else 0.0
    recall = hits / len(wanted)
    f1 = 2 * hits / (len(wanted) + len(found))
    order = None
    if len(asked) > 1:
        order = 1.0 - edit_distance(asked, measured) / max(len(asked), len(measured))
    return Match(precision=precision, recall=recall, f1=f1, order=order)


def edit_distance(first: Sequence[str], second: Sequence[str]) -> int:
    """Levenshtein distance of two lists of names: fewest insertions, deletions and replacements."""
    row = list(range(len(second) + 1))
    for i, name in enumerate(first, start=1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(second, start=1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (name != other))
    return row[-1]


def best_constant_policy(asked: Sequence[Sequence[str]]) -> tuple[tuple[str, ...], float]:
    """The one set of moves that, answered to every request, has the highest mean F1, and that F1.

    Grown one move at a time, each time by the one that helps most; this is the best set when every request asks one
    move, and a lower bound on it otherwise.
    """
    names = sorted({name for moves in asked for name in moves})
    chosen: list[str] = []
    best: tuple[tuple[str, ...], float] = ((), 0.0)
    while len(chosen) < len(names):
        scored = [(_mean_f1(asked, [*chosen, name]), name) for name in names if name not in chosen]
        score, name = max(scored, key=lambda pair: (pair[0], -names.index(pair[1])))
        chosen.append(name)
        if score > best[1]:
            best = (tuple(chosen), score)
    return best


def chance_corrected(score: float, constant: float) -> float | None:
    """(score - constant) / (1 - constant): 0 for the best constant policy, 1 for perfect; None if it is perfect too."""
    return (score - constant) / (1.0 - constant) if constant < 1.0 else None


def per_move_table(asked: Sequence[Sequence[str]], measured: Sequence[Sequence[str]]) -> list[dict[str, Any]]:
    """Per move, by name: videos that asked it, that found it, that found it unasked; recall and precision."""
    wanted = Counter(name for moves in asked for name in set(moves))
    hits = Counter(name for moves, found in zip(asked, measured, strict=True) for name in set(moves) & set(found))
    extra = Counter(name for moves, found in zip(asked, measured, strict=True) for name in set(found) - set(moves))
    table = []
    for name in sorted(wanted.keys() | extra.keys()):
        seen = hits[name] + extra[name]
        table.append(
            {
                "move": name,
                "asked": wanted[name],
                "found": hits[name],
                "unasked": extra[name],
                "recall": hits[name] / wanted[name] if wanted[name] else None,
                "precision": hits[name] / seen if seen else None,
            }
        )
    return table


def confusion(asked: Sequence[Sequence[str]], measured: Sequence[Sequence[str]]) -> dict[str, dict[str, float]]:
    """For videos that ask one move: share of them in which each move was measured; `(none)` where none was.

    A row may sum to more than 1, since several moves can be measured in one video.
    """
    totals: Counter[str] = Counter()
    cells: dict[str, Counter[str]] = {}
    for moves, found in zip(asked, measured, strict=True):
        if len(set(moves)) != 1:
            continue
        totals[moves[0]] += 1
        cells.setdefault(moves[0], Counter()).update(set(found) or {NOTHING})
    return {
        name: {other: count / totals[name] for other, count in sorted(cells[name].items())} for name in sorted(cells)
    }


def _mean_f1(asked: Sequence[Sequence[str]], answer: Sequence[str]) -> float:
    return sum(match_moves(moves, answer).f1 for moves in asked) / len(asked)
