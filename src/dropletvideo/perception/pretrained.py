"""Networks and tokenizers of transformers out of their published folders, for inference; nothing is fetched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dropletvideo.errors import WeightsError


def load_network(kind: Any, path: str | Path, called: str, **options: Any) -> tuple[Any, str]:
    """A network and the device that it is on.

    Args:
        kind: its class in transformers.
        path: its folder.
        called: its name in errors.
        options: more for `from_pretrained`.

    Raises:
        WeightsError: the folder is not there or holds another model.
    """
    from transformers.utils import logging

    from dropletvideo import runtime

    before = logging.get_verbosity()
    logging.set_verbosity_error()  # tensors of parts that are not used here are left over by intent
    try:
        network, found = kind.from_pretrained(path, local_files_only=True, output_loading_info=True, **options)
    except (OSError, ValueError, RuntimeError) as error:
        raise WeightsError(f"{path} cannot be read as {called} ({_short(error)})") from error
    finally:
        logging.set_verbosity(before)
    if missing := sorted(name for name in found["missing_keys"] if "position_ids" not in name):  # 0, 1, 2, ...
        raise WeightsError(f"{path} lacks tensors of {called}, such as {missing[0]}: fetch it again")
    device = runtime.pick_device("auto")
    return network.eval().requires_grad_(False).to(device), device


def load_tokenizer(kind: Any, path: str | Path, called: str) -> Any:
    """A tokenizer by its class in transformers.

    Raises:
        WeightsError: the folder lacks its files.
    """
    try:
        return kind.from_pretrained(path, local_files_only=True)
    except (OSError, ValueError, TypeError) as error:
        raise WeightsError(f"{path} has no tokenizer of {called} ({_short(error)})") from error


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
