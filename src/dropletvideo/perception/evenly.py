"""So many items of a stream of unknown length, evenly spread over it, in bounded memory."""

from __future__ import annotations

from typing import Generic, TypeVar

Item = TypeVar("Item")


class Evenly(Generic[Item]):
    """Keeps between `count` and twice as many items of those that went by; each video then weighs the same in a set.

    Args:
        count: items wanted, from 1; a shorter stream gives all it has.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self.seen, self._step = 0, 1
        self._kept: list[Item] = []

    def wants_next(self) -> bool:
        """Whether the next item will be kept; what is not wanted need not be made ready."""
        return self.seen % self._step == 0

    def add(self, item: Item | None) -> None:
        """Let the next item go by; None where `wants_next` said no."""
        if self.wants_next():
            assert item is not None, "an item that is wanted must be handed over"
            self._kept.append(item)
            if len(self._kept) == 2 * self.count:
                self._kept, self._step = self._kept[::2], self._step * 2
        self.seen += 1

    def chosen(self) -> list[Item]:
        """`count` of them in order, the middle of each equal part of the stream as near as kept items allow."""
        if len(self._kept) <= self.count:
            return list(self._kept)
        return [self._kept[int((part + 0.5) * len(self._kept) / self.count)] for part in range(self.count)]
