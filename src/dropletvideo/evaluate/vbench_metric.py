"""What the metrics of VBench's dimensions share: two columns, compat and fixed, read from two measures of judges."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from dropletvideo.evaluate.manifest import ManifestRow
from dropletvideo.evaluate.metric import Column, Metric, ScoredRow, SuiteName, judges_behind
from dropletvideo.evaluate.vbench_score import SHORT, column
from dropletvideo.perception.judge import Judge
from dropletvideo.perception.similarity import ImageSimilarity

SUITES: tuple[SuiteName, ...] = ("vbench-i2v", "istp")


@dataclass(frozen=True, kw_only=True)
class Dimension:
    """One dimension of VBench.

    Attributes:
        name: as its list names it. title: for people.
        about: what the number means, its fault, and what `fixed` does about it.
        compat, fixed: the judges' columns behind the two scores. over: what they are divided by.
        pooled: measure that weighs a video in the compat mean, where the tool pools the frames of all videos.
        exported: what else the tool writes of a video.
    """

    name: str
    title: str
    about: str
    judges: tuple[Judge, ...]
    compat: str
    fixed: str
    weights: tuple[str, ...]
    libraries: tuple[str, ...] = ()
    over: float = 1.0
    pooled: str | None = None
    requires: tuple[str, ...] = ()
    exported: Callable[[ScoredRow], dict[str, Any]] | None = None

    def metric(self) -> Metric:
        """The metric of this dimension."""
        return Metric(
            name=column(self.name),
            title=self.title,
            version=1,
            about=self.about,
            suites=SUITES,
            flavour="compat",
            weights=self.weights,
            libraries=self.libraries,
            requires=self.requires,
            dimension=self.name,
            columns=self._columns(),
            judges=self.judges,
            score=self.score,
            exported=self.exported,
        )

    def _columns(self) -> tuple[Column, ...]:
        """Both columns with the judges behind each."""
        both = zip(columns_of(self.name, self.title, pooled=self.pooled), (self.compat, self.fixed), strict=True)
        return tuple(replace(column, judges=judges_behind(self.judges, measure)) for column, measure in both)

    def score(self, row: ManifestRow, measures: Mapping[str, Any]) -> dict[str, float | None]:
        """Both scores; nothing for a row that has not what they need."""
        if any(not getattr(row, name) for name in self.requires):
            return {}
        found = {"compat": measures.get(self.compat), "fixed": measures.get(self.fixed)}
        return {
            column(self.name, flavour): None if value is None else value / self.over for flavour, value in found.items()
        }


def image_dimension(name: str, title: str, of: Literal["subject", "background"], weight: str, also: str = "") -> Metric:
    """A metric that compares the frames with the asked image and with each other: `perception/similarity.py`.

    Args:
        name, title: as of `Dimension`.
        of: what the judge compares. weight: the network's entry.
        also: what `fixed` does beside the mean over frames.
    """
    return Dimension(
        name=name,
        title=title,
        about="Fault: frame 0 is the image, so the best likeness is 1 whatever follows. Fixed: the mean over "
        f"frames; image and frames prepared in one way{also}.",
        judges=(ImageSimilarity(of), ImageSimilarity("subject_picture" if of == "subject" else "background_picture")),
        compat=f"image_{of}",
        fixed=f"image_{of}_picture_even",
        weights=(weight,),
        requires=("image",),
        exported=lambda scored: {"image_path": str(scored.row.image)},
    ).metric()


def columns_of(name: str, title: str, *, pooled: str | None = None) -> tuple[Column, Column]:
    """The columns of both flavours, 0 to 1, higher is better by the benchmark's reading."""
    return (
        Column(
            name=column(name),
            label=title,
            unit="",
            better="higher",
            decimals=4,
            weight=pooled,
            flavour="compat",
            official=SHORT[name],
        ),
        Column(
            name=column(name, "fixed"), label=f"{title} (fixed)", unit="", better="higher", decimals=4, flavour="fixed"
        ),
    )
