"""Shared backbones by name: what several judges need is computed once per frame. See `judge.Features`.

A backbone has `start() -> state` and `__call__(state, chunk) -> output`, and may name the `colour` of its frames.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from dropletvideo.perception.flow import DisFlow

BACKBONES: Mapping[str, Callable[[], Any]] = MappingProxyType({DisFlow.name: DisFlow})
