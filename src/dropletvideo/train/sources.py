"""Where a run's clips come from: rendered world shots, or the clips of a dataset."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from dropletvideo.data.clips import ClipList
from dropletvideo.data.windows import WindowConfig
from dropletvideo.errors import ConfigError
from dropletvideo.train.world_clips import WorldClips, WorldData


class DataConfig(BaseModel):
    """Clips of `dataset` (a catalog folder) for which the SQL expression `where` holds; without one, world shots."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: Path | None = None
    where: str | None = None
    limit: int | None = None
    world: WorldData = WorldData()


def clip_list(data: DataConfig, windows: WindowConfig) -> ClipList:
    """The clips that a recipe names.

    Raises:
        ConfigError: the dataset has no clip for which `where` holds.
        CatalogError: the dataset cannot be opened.
    """
    if data.dataset is None:
        return WorldClips(data.world, windows.height, windows.width)
    raise ConfigError("datasets come with tables")
