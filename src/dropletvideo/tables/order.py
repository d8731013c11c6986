"""The order of a run: which stages belong to which clips, and which share a decode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from dropletvideo.errors import ConfigError
from dropletvideo.perception.judge import Frames
from dropletvideo.tables.clips import CLIP_COLUMNS, STATE, Group
from dropletvideo.tables.fingerprint import fingerprint
from dropletvideo.tables.stage import Stage

VIDEO_COLUMNS = {
    "video_id": str,
    "video_path": str,
    "paths": list[str],
    "size_bytes": int,
    "codec": str,
    "pixel_format": str,
    "width": int,
    "height": int,
    "rotation": int,
    "source_fps": float,
    "num_frames": int,
    "duration_seconds": float,
    "time_base": str,
    "has_audio": bool,
    "is_variable_rate": bool,
    "metadata": dict,
}
BASE_COLUMNS = {*CLIP_COLUMNS, *VIDEO_COLUMNS}


@dataclass
class Wave:
    """Stages that are computed together: one decode per video, or one pass over the table."""

    stages: list[Stage]

    @property
    def gate(self) -> str | None:
        """The gate before all of them."""
        return self.stages[0].gate

    @property
    def is_table(self) -> bool:
        """Whether it reads the table and no frames."""
        return self.stages[0].kind == "table->columns"

    @property
    def is_asked(self) -> bool:
        """Whether it asks something outside about each clip."""
        return self.stages[0].kind == "clip->columns"


@dataclass
class Level:
    """Clips of one fingerprint and the waves of columns on them."""

    maker: Stage
    fingerprint: str
    waves: list[Wave] = field(default_factory=list)
    groups: dict[str, Group] = field(default_factory=dict)

    def columns(self) -> dict[str, str]:
        """Each column to the stage that gives it."""
        return {column: group.stage for group in self.groups.values() for column in group.columns}


def order(stages: Sequence[Stage]) -> list[Level]:
    """Levels and waves of a recipe; refused before any work where it cannot run.

    Raises:
        ConfigError: no or several shot detectors, a name or column given twice, a column needed before it is there.
    """
    _check_names(stages)
    if not stages or stages[0].kind != "video->clips":
        raise ConfigError("a run begins with one stage of kind video->clips (a shot detector): put it first")
    levels: list[Level] = []
    for stage in stages:
        if stage.kind == "video->clips":
            if levels:
                raise ConfigError(f"stage {stage.name} is a second one of kind video->clips: a run has one, the first")
            levels.append(Level(stage, fingerprint(stage)))
        elif stage.kind == "clips->clips":
            before = levels[-1]
            needs = _upstream(stage, before)
            levels.append(Level(stage, fingerprint(stage, [before.fingerprint, *needs])))
        else:
            _add(stage, levels[-1])
    return levels


def _check_names(stages: Sequence[Stage]) -> None:
    names: set[str] = set()
    judges: set[str] = set()
    for stage in stages:
        if stage.name in names or stage.name == "probe":
            raise ConfigError(f"stage name {stage.name!r} is given twice (probe is the runner's own): rename one")
        names.add(stage.name)
        if stage.judge is None:
            continue
        if stage.judge.name in judges:
            raise ConfigError(f"stage {stage.name}: a judge named {stage.judge.name!r} is there already: rename one")
        judges.add(stage.judge.name)
        is_detector = isinstance(stage.judge.needs, Frames) and stage.judge.needs.span == "video"
        if is_detector != (stage.kind == "video->clips"):
            raise ConfigError(f'stage {stage.name}: kind {stage.kind} and a judge with span="video" do not go together')


def _upstream(stage: Stage, level: Level) -> list[str]:
    """Fingerprints of the stages that give the columns needed."""
    givers = level.columns()
    missing = [column for column in stage.needs_columns if column not in givers and column not in BASE_COLUMNS]
    if missing:
        raise ConfigError(
            f"stage {stage.name} needs the column {missing[0]!r}, which no stage before it gives for these clips: "
            f"put the stage that gives it before {stage.name}"
        )
    if stage.needs_any and not any(set(one) <= set(givers) for one in stage.needs_any):
        wanted = " or ".join("+".join(one) for one in stage.needs_any)
        raise ConfigError(f"stage {stage.name} needs the columns {wanted} of stages before it: put such stages in")
    names = dict.fromkeys(givers[column] for column in stage.reads(givers) if column in givers)
    return [level.groups[name].fingerprint for name in names]


def _add(stage: Stage, level: Level) -> None:
    taken = {*level.columns(), *BASE_COLUMNS, STATE}
    if twice := sorted(taken.intersection(stage.columns)):
        raise ConfigError(f"stage {stage.name} gives the column {twice[0]!r}, which is there already: rename one")
    upstream = [level.fingerprint, *_upstream(stage, level)]
    needed = {level.columns()[column] for column in stage.needs_columns if column in level.columns()}
    level.groups[stage.name] = Group(
        stage=stage.name, fingerprint=fingerprint(stage, upstream), columns=dict(stage.columns)
    )
    last = level.waves[-1] if level.waves else None
    first_wave = level.waves[0] if level.waves else None
    if stage.kind == "frames->columns" and stage.gate is None and not needed:
        if first_wave is not None and not first_wave.is_table and first_wave.gate is None:
            first_wave.stages.append(stage)
        else:
            level.waves.insert(0, Wave([stage]))
    elif (
        last is not None
        and stage.kind == last.stages[0].kind == "frames->columns"
        and stage.gate == last.gate
        and not needed.intersection(each.name for each in last.stages)
    ):
        last.stages.append(stage)
    else:
        level.waves.append(Wave([stage]))
