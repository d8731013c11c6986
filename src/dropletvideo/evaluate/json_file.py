"""A JSON file that people hand in: what is wrong with it is said in one sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dropletvideo.errors import RequestError


def read_json(path: Path) -> Any:
    """What the file holds.

    Raises:
        RequestError: it is not there, no text, or no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RequestError(f"{path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise RequestError(f"{path} is not UTF-8 text ({error.reason} at byte {error.start})") from error
    except json.JSONDecodeError as error:
        raise RequestError(f"{path} is not JSON ({error.msg} at line {error.lineno})") from error
