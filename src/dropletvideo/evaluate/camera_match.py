"""Asked camera moves against measured ones: pure functions over sets and lists of names.

Per video: precision, recall and F1 of the *sets* (an extra move costs precision), for several asked moves the order,
and how far the amounts of the moves that were found are from those asked. Over videos: how often each move was found, a
confusion table, and each of the three corrected by the best constant policy: a model that answers every request alike
gets 0, a perfect one 1. `static` is a move like the others: asked and measured.

A time in which the judge cannot tell which of two moves runs is neither: it finds nothing that was asked (but a zoom
before one flat surface), and costs no precision. `coverage` says how much was told.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
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
        order = _order(asked, measured)
    return Match(precision=precision, recall=recall, f1=f1, order=order)


def edit_distance(first: Sequence[str], second: Sequence[str]) -> int:
    """Levenshtein distance of two lists of names: fewest insertions, deletions and replacements."""
    row = list(range(len(second) + 1))
    for i, name in enumerate(first, start=1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(second, start=1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (name != other))
    return row[-1]


def found_entries(asked: Collection[str], measures: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Entries of `camera_detail` in time order, with those of `camera_unclear` that are an asked zoom or else a dolly.

    Before one flat surface the two are one picture, so who asks for the zoom has got it. A turn or travel that cannot
    be told is never found: a picture pushed aside is what a still camera's can be made to show.
    """
    told, zooms = list(measures.get("camera_detail") or ()), _asked_zooms(asked, measures)
    return sorted([*told, *zooms], key=lambda entry: entry["start"]) if zooms else told


def found_moves(asked: Collection[str], measures: Mapping[str, Any]) -> list[str]:
    """Names of the measured moves in time order, with zooms that were asked for as `found_entries` counts them."""
    if not _asked_zooms(asked, measures):
        return list(measures["camera_moves"])
    return [entry["move"] for entry in found_entries(asked, measures)]


def _asked_zooms(asked: Collection[str], measures: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"move": entry["moves"][0], "start": entry["start"], "end": entry["end"], "amount": entry["amounts"][0]}
        for entry in measures.get("camera_unclear") or ()
        if entry["moves"][0].startswith("zoom") and entry["moves"][0] in asked
    ]


def coverage(told: Sequence[str], unclear: Sequence[Any]) -> float:
    """Share, 0 to 1, of what moves that has a name; 1 where nothing is unclear."""
    return len(told) / (len(told) + len(unclear)) if unclear else 1.0


def size_of(move: str, amount: float) -> float:
    """An amount as a size that is 0 for no motion: degrees and parallax as they are, of a focal ratio the logarithm.

    NaN for a focal ratio of 0 or less, which is none.
    """
    if move.startswith("zoom"):
        return abs(math.log(amount)) if amount > 0 else math.nan
    return abs(amount)


def amount_errors(
    asked: Sequence[tuple[str, float | None]], measured: Sequence[Mapping[str, Any]]
) -> list[tuple[str, float, float]]:
    """Every asked move that has an amount and was found, with the sizes asked and measured (`size_of`).

    Args:
        asked: moves with their amounts, in order.
        measured: entries of `camera_detail`; of those of one name all are added up, as are the asked ones.
    """
    wanted: defaultdict[str, float] = defaultdict(float)
    found: defaultdict[str, float] = defaultdict(float)
    for name, amount in asked:
        if amount is not None:
            wanted[name] += size_of(name, amount)
    for entry in measured:
        if entry.get("amount") is not None:
            found[entry["move"]] += size_of(entry["move"], float(entry["amount"]))
    return [(name, wanted[name], found[name]) for name in wanted if name in found]


def relative_error(asked: float, measured: float) -> float:
    """Difference of two sizes over the larger: 0 for equal ones, 1 at most; 0.5 for half or twice as much."""
    larger = max(asked, measured)
    return abs(asked - measured) / larger if larger > 0 else 0.0


def amount_table(videos: Sequence[Sequence[tuple[str, float, float]]]) -> dict[str, Any]:
    """Mean `relative_error` of the amounts over all found moves, that of the best constant policy, and what is left.

    The constant policy knows which move is asked and always gives it the same size: the median asked. `corrected` is
    1 - error / its error: 1 for perfect, 0 for a model whose amounts tell no more than the name of the move; None where
    every request asks the same size, or nothing was found.
    """
    found = [entry for entries in videos for entry in entries]
    if not found:
        return {"error": None, "constant_error": None, "corrected": None, "count": 0}
    sizes: defaultdict[str, list[float]] = defaultdict(list)
    for name, wanted, _ in found:
        sizes[name].append(wanted)
    usual = {name: statistics.median(values) for name, values in sizes.items()}
    error = statistics.fmean(relative_error(wanted, measured) for _, wanted, measured in found)
    constant = statistics.fmean(relative_error(wanted, usual[name]) for name, wanted, _ in found)
    corrected = 1 - error / constant if constant > 0 else None
    return {"error": error, "constant_error": constant, "corrected": corrected, "count": len(found)}


def order_table(asked: Sequence[Sequence[str]], measured: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Mean order (`Match.order`) of the videos that ask several moves, that of the best constant sequence, corrected.

    The constant sequence is the one of those asked that, given to every request, has the highest mean order.
    """
    several = [(moves, found) for moves, found in zip(asked, measured, strict=True) if len(moves) > 1]
    if not several:
        return {"order": None, "constant": None, "constant_sequence": [], "corrected": None, "count": 0}
    order = statistics.fmean(_order(moves, found) for moves, found in several)
    best, sequence = max(
        (statistics.fmean(_order(moves, answer) for moves, _ in several), answer)
        for answer in sorted({tuple(moves) for moves, _ in several})
    )
    return {
        "order": order,
        "constant": best,
        "constant_sequence": list(sequence),
        "corrected": chance_corrected(order, best),
        "count": len(several),
    }


def _order(asked: Sequence[str], measured: Sequence[str]) -> float:
    return 1.0 - edit_distance(asked, measured) / max(len(asked), len(measured))


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


def confusion(
    asked: Sequence[Sequence[str]],
    measured: Sequence[Sequence[str]],
    unclear: Sequence[Sequence[Sequence[str]]] | None = None,
) -> dict[str, dict[str, float]]:
    """For videos that ask one move: share of them in which each move was measured; `(none)` where none was.

    `unclear` holds per video the moves between which the judge could not tell; such a time counts as `a or b`. A row
    may sum to more than 1, since several moves can be measured in one video.
    """
    totals: Counter[str] = Counter()
    cells: dict[str, Counter[str]] = {}
    for number, (moves, found) in enumerate(zip(asked, measured, strict=True)):
        if len(set(moves)) != 1:
            continue
        totals[moves[0]] += 1
        either = {" or ".join(names) for names in unclear[number]} if unclear else set()
        cells.setdefault(moves[0], Counter()).update(set(found) | either or {NOTHING})
    return {
        name: {other: count / totals[name] for other, count in sorted(cells[name].items())} for name in sorted(cells)
    }


def _mean_f1(asked: Sequence[Sequence[str]], answer: Sequence[str]) -> float:
    return sum(match_moves(moves, answer).f1 for moves in asked) / len(asked)
