"""What the metrics of MiraBench share: scores that are measures, times others where the paper multiplies; by caption.

Its paper tests 50 clips with a short, a dense and a structured caption each and compares the three (section 5.3):
every metric gives its means by `caption_kind` of the rows, as `droplet mirabench` writes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dropletvideo.evaluate.aggregate import mean_estimate
from dropletvideo.evaluate.manifest import ManifestRow
from dropletvideo.evaluate.metric import Better, Column, Flavour, Metric, ScoredRow, judges_behind
from dropletvideo.perception.judge import Judge

BY_CAPTION = "by_caption"


@dataclass(frozen=True, kw_only=True)
class MiraScore:
    """One column: `measure`, times `times` where that is named; no value unless both counts of `equal` are the same.

    `official` is the paper's name for it.
    """

    name: str
    label: str
    measure: str
    times: str | None = None
    equal: tuple[str, str] | None = None
    unit: str = ""
    better: Better = "higher"
    decimals: int = 3
    flavour: Flavour = "compat"
    official: str = ""

    def column(self, judges: Sequence[Judge]) -> Column:
        """As the metric declares it, whose judges are `judges`."""
        return Column(
            name=self.name,
            label=self.label,
            unit=self.unit,
            better=self.better,
            decimals=self.decimals,
            flavour=self.flavour,
            official=self.official,
            judges=judges_behind(judges, self.measure, self.times, *(self.equal or ())),
        )

    def value(self, measures: Mapping[str, Any]) -> float | None:
        """The score of one video, None where a part of it could not be told."""
        found = [measures.get(name) for name in (self.measure, self.times) if name is not None]
        if any(value is None for value in found):
            return None
        if self.equal is not None and measures.get(self.equal[0]) != measures.get(self.equal[1]):
            return None
        product = 1.0
        for value in found:
            product *= float(value or 0.0)
        return product


def mirabench_metric(
    name: str,
    scores: Sequence[MiraScore],
    *,
    title: str,
    about: str,
    judges: tuple[Judge, ...],
    weights: tuple[str, ...] = (),
    libraries: tuple[str, ...] = (),
) -> Metric:
    """A metric of some of the 17."""

    def score(row: ManifestRow, measures: Mapping[str, Any]) -> dict[str, float | None]:  # noqa: ARG001  asks nothing
        return {each.name: each.value(measures) for each in scores}

    columns = tuple(each.column(judges) for each in scores)
    return Metric(
        name=name,
        title=title,
        version=1,
        about=about,
        suites=("mirabench",),
        flavour=scores[0].flavour,
        weights=weights,
        libraries=libraries,
        columns=columns,
        judges=judges,
        score=score,
        tables=by_caption(columns),
    )


def by_caption(columns: Sequence[Column]) -> Callable[[Sequence[ScoredRow]], dict[str, Any]]:
    """Tables of means by kind of caption; empty where rows name no kind."""

    def tables(rows: Sequence[ScoredRow]) -> dict[str, Any]:
        kinds: dict[str, list[ScoredRow]] = {}
        for each in rows:
            kind = each.row.extra.get("caption_kind")
            if kind:
                kinds.setdefault(str(kind), []).append(each)
        found = {kind: _means(own, columns) for kind, own in sorted(kinds.items())}
        return {BY_CAPTION: found} if found else {}

    return tables


def _means(rows: Sequence[ScoredRow], columns: Sequence[Column]) -> dict[str, Any]:
    means = {}
    for column in columns:
        asking = [each for each in rows if column.name in each.scores]
        if asking:
            values = [each.scores[column.name] for each in asking]
            means[column.name] = mean_estimate(values, [each.row.cluster for each in asking]).as_dict()
    return means
