"""The exception tree.

    DropletError
    ├── MediaError          a video or image that cannot be read or written
    │   └── WorkerLost      a worker process that died with the row it had
    │       └── DecoderTimeout  a decoder that was killed on its time limit
    ├── CatalogError        a dataset folder that is missing, foreign or damaged
    │   └── CatalogLocked   another live run writes this dataset
    ├── ConfigError         a recipe, selection or option that is not valid
    ├── RequestError        a generation or evaluation request that is not valid
    └── WeightsError        a model folder or weights file that is missing or wrong

Every message names the value, the limit and the next step. Users never need a traceback to understand one.
`ConfigError` and `RequestError` are also `ValueError`, so library users can catch what they expect.
"""

from __future__ import annotations

from pathlib import Path


class DropletError(Exception):
    """Base of every error that this package raises on purpose."""


class MediaError(DropletError):
    """A video or image that cannot be read or written."""

    def __init__(self, path: str | Path, reason: str) -> None:
        self.path = str(path)
        self.reason = reason
        super().__init__(f"{self.path}: {reason}")

    def __reduce__(self) -> tuple[type[MediaError], tuple[str, str]]:
        return type(self), (self.path, self.reason)


class WorkerLost(MediaError):
    """A worker process that died with the row it had: the file killed it, or what was done with it did."""


class DecoderTimeout(WorkerLost):
    """A decoder that did not answer within its time limit and was killed."""


class CatalogError(DropletError):
    """A dataset folder that is missing, not ours, or damaged."""


class CatalogLocked(CatalogError):
    """Another live run writes this dataset."""


class ConfigError(DropletError, ValueError):
    """A recipe, selection or option that is not valid."""


class RequestError(DropletError, ValueError):
    """A generation or evaluation request that is not valid."""


class WeightsError(DropletError):
    """A model folder or weights file that is missing, damaged or of another model."""
