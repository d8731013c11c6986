"""A stage: a plain record that says how to make clips or columns. Stages measure; they never hold thresholds.

Five kinds:

- `video->clips`: `judge` is a shot detector (a judge with `span="video"` and a column `boundaries`), `function` the
  clip rule (`tables.spans.ClipRule`, see `tables.plan`). A run has exactly one, the first. A judge that knows its
  spans beforehand has `spans_of(row) -> (spans, left_out)` (frame numbers, and why some could not be made); nothing is
  looked for then, and spans may overlap.
- `clips->clips`: `function(rows, clock) -> rows` gets the clip rows of one video in order, with the columns named in
  `needs_columns`, and returns clip rows with new `start_frame` and `end_frame` (stitch, trim). All else is derived. A
  row may name the `kind` (and `score`) of the boundary that it starts at, for the view `boundaries`.
  `clock()` gives the video's clock, by the timestamps of its packets where they tell.
- `frames->columns`: `judge` measures each clip; all such stages of a run share one decode.
- `table->columns`: `function(rows) -> rows` gets every clip row of the dataset (only `clip_id` and `needs_columns`),
  and returns one mapping per row, in the same order, with this stage's columns (duplicates, quotas).
- `clip->columns`: `function()` makes a `tables.asking.Asker`: it reads a few frames of each clip and puts a question to
  something slow outside; answers are kept one by one (captions).

Probing a file is no stage record: the runner does it for every source; its columns are in the view `videos`, its
errors carry the stage `probe`.

Judges and functions travel to worker processes: a class or function of a module, a frozen dataclass with `__call__`
or a `functools.partial` of such, never a lambda or a closure.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from dropletvideo.errors import ConfigError
from dropletvideo.perception.judge import Judge

StageKind = Literal["video->clips", "clips->clips", "frames->columns", "table->columns", "clip->columns"]
STAGE_KINDS: tuple[StageKind, ...] = (
    "video->clips",
    "clips->clips",
    "frames->columns",
    "table->columns",
    "clip->columns",
)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One stage with its parameters resolved.

    Attributes:
        name: unique in a run; letters, digits, `_` and `-` (it names a folder).
        version: raised by hand whenever the same parameters would give other values.
        kind: see the module text.
        params: JSON-able; all that changes the values (thresholds of the detector, sizes, rates), nothing else.
        columns: name of each column to its Python type (float, int, str, bool, list, dict); list and dict are kept as
            JSON, save a list of strings, which `list[str]` keeps as a Parquet list. Empty for kinds that make clips.
        judge: for `video->clips` and `frames->columns`.
        function: for the other kinds, and the clip rule of `video->clips`.
        needs_columns: columns of earlier stages that `judge.start(row)` or `function` reads.
        needs_any: sets of columns for `function`, of which earlier stages have to give at least one whole set; sets
            that are there whole are read, the others are not.
        weights_digest: digest of the pretrained file behind the judge, if any.
        lacks: what the stage cannot run without and does not have, with the command that gets it (weights, a library);
            a stage that lacks something is skipped and reported as skipped. Empty when all is there.
        num_gpus: share of a GPU that a worker with this stage needs on a cluster; None is `gpus.LEARNED_SHARE` where
            there are weights and nothing else. Not in the fingerprint.
        gate: SQL expression over the clip columns computed before; rows where it does not hold are left for later.
            Not in the fingerprint.
    """

    name: str
    version: int
    kind: StageKind
    params: Mapping[str, Any] = field(default_factory=dict)
    columns: Mapping[str, Any] = field(default_factory=dict)
    judge: Judge | None = None
    function: Callable[..., Any] | None = None
    needs_columns: tuple[str, ...] = ()
    needs_any: tuple[tuple[str, ...], ...] = ()
    weights_digest: str = ""
    lacks: str = ""
    num_gpus: float | None = None
    gate: str | None = None

    def reads(self, given: Collection[str]) -> list[str]:
        """Columns it reads where stages before it give `given`: what it needs, and the whole sets of `needs_any`."""
        return [*self.needs_columns, *(name for one in self.needs_any if set(one) <= set(given) for name in one)]

    def __post_init__(self) -> None:
        if not self.name.replace("_", "").replace("-", "").isalnum():
            raise ConfigError(f"stage name {self.name!r} is not valid: use letters, digits, '_' and '-'")
        if self.num_gpus is not None and not 0 <= self.num_gpus <= 1:
            raise ConfigError(f"stage {self.name}: num_gpus={self.num_gpus:g}: give a share of one GPU, 0 to 1")
        if self.kind not in STAGE_KINDS:
            raise ConfigError(f"stage {self.name}: kind={self.kind!r} is unknown: one of {', '.join(STAGE_KINDS)}")
        if self.kind in ("video->clips", "frames->columns") and self.judge is None:
            raise ConfigError(f"stage {self.name}: kind {self.kind} needs a judge")
        if self.kind != "frames->columns" and self.function is None:
            raise ConfigError(f"stage {self.name}: kind {self.kind} needs a function")
        if self.kind.endswith("->columns") and not self.columns:
            raise ConfigError(f"stage {self.name}: kind {self.kind} needs at least one column")
