"""Getting one video from where a list says it is: a web address of a file, object storage, or a page through yt-dlp.

`Downloads` is the function that `collect` is handed: `(url, target) -> Fetched`. It writes to `target` with the suffix
of what came, and raises `Gone`, `Blocked` or `Unreachable`. Which way is taken follows from the address alone: another
protocol than http is object storage, an http address whose path ends like a video is a file, the rest is a page.
"""

from __future__ import annotations

import errno
import logging
import urllib.error
import urllib.request
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Any, Literal
from urllib.parse import urlsplit

from dropletvideo import __version__
from dropletvideo.curate.storage import WEB, fetch_file, protocol_of
from dropletvideo.errors import ConfigError, DropletError
from dropletvideo.media import VIDEO_SUFFIXES

TIMEOUT_SECONDS = 30.0
BLOCK_BYTES = 1 << 18
GONE_CODES = frozenset((404, 410))
BLOCKED_CODES = frozenset((401, 402, 403, 407, 429, 451))
GONE_WORDS = (
    "video unavailable", "private video", "has been removed", "been terminated", "no longer available",
    "does not exist", "http error 404", "http error 410", "is not available anymore", "deleted",
)  # fmt: skip
BLOCKED_WORDS = (
    "sign in", "log in", "login required", "http error 403", "http error 429", "http error 401", "rate-limit",
    "rate limit", "members-only", "in your country", "geo restrict", "not a bot", "premium", "captcha",
)  # fmt: skip
LOCAL_TROUBLE = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EFBIG, errno.EMFILE))
logger = logging.getLogger(__name__)
Way = Literal["file", "storage", "page"]


class Gone(DropletError):
    """The video is not there and will not come back."""


class Blocked(DropletError):
    """The source refuses us. `retry_after`: seconds that it asks us to wait, where it says so."""

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(reason)


class Unreachable(DropletError):
    """The network or the source failed; another attempt may succeed."""


@dataclass(frozen=True)
class Fetched:
    """The file that came, and what the source says of it (licence, title, uploader, where it does)."""

    path: Path
    facts: Mapping[str, Any] = field(default_factory=dict)


Download = Callable[[str, Path], Fetched]


def way_of(url: str) -> Way:
    """How a video is fetched, by its address."""
    if protocol_of(url) not in WEB:
        return "storage"
    return "file" if PurePosixPath(urlsplit(url).path).suffix.lower() in VIDEO_SUFFIXES else "page"


@dataclass(frozen=True, kw_only=True)
class Downloads:
    """Downloads with limits.

    Args:
        max_height: largest picture height asked of a page; the best below it is taken, without sound.
        bytes_per_second: bandwidth limit; None is none.
        cookies: a cookies file for pages that want a sign-in.
    """

    max_height: int = 720
    bytes_per_second: int | None = None
    cookies: Path | None = None

    def check(self, ways: Collection[str]) -> None:
        """Refuse before any work what cannot be done here; `ways` are those that the videos need (`way_of`).

        Raises:
            ConfigError: pages are listed and yt-dlp is not installed.
        """
        if "page" in ways and find_spec("yt_dlp") is None:
            raise ConfigError("the list names pages, which need yt-dlp: pip install 'dropletvideo[collect]'")

    def __call__(self, url: str, target: Path) -> Fetched:
        """Fetch one video to `target` plus suffix.

        Raises:
            Gone, Blocked, Unreachable: see the classes.
            DropletError: this machine is to blame (full disk, no permission): no further video can be fetched.
        """
        way = way_of(url)
        try:
            if way == "file":
                return self._file(url, target)
            return self._storage(url, target) if way == "storage" else self._page(url, target)
        except OSError as error:
            if error.errno in LOCAL_TROUBLE:
                raise DropletError(f"{target} cannot be written ({error.strerror}): mend that, then go on") from error
            raise Unreachable(f"{getattr(error, 'reason', None) or error}") from error

    def _file(self, url: str, target: Path) -> Fetched:
        import time

        name = target.with_name(target.name + PurePosixPath(urlsplit(url).path).suffix.lower())
        request = urllib.request.Request(url, headers={"User-Agent": f"dropletvideo/{__version__}"})
        started, count = time.monotonic(), 0
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer, name.open("wb") as file:
                kind = answer.headers.get_content_type()
                if kind in ("text/html", "application/xhtml+xml"):
                    raise Blocked(f"answers with a page ({kind}), not a video")
                while block := answer.read(BLOCK_BYTES):
                    file.write(block)
                    count += len(block)
                    if self.bytes_per_second:
                        time.sleep(max(0.0, count / self.bytes_per_second - (time.monotonic() - started)))
                expected = answer.headers.get("Content-Length")
        except urllib.error.HTTPError as error:
            raise _of_code(error.code, error.reason, error.headers.get("Retry-After")) from error
        except HTTPException as error:
            raise Unreachable(f"broke off after {count} bytes ({type(error).__name__})") from error
        if expected is not None and count != int(expected):
            raise Unreachable(f"broke off after {count} of {expected} bytes")
        return Fetched(name)

    def _storage(self, url: str, target: Path) -> Fetched:
        name = target.with_name(target.name + PurePosixPath(url).suffix.lower())
        try:
            fetch_file(url, name)
        except FileNotFoundError as error:
            raise Gone("is not there") from error
        except PermissionError as error:
            if error.filename and str(error.filename) == str(name):
                raise
            raise Blocked("may not be read with these credentials") from error
        return Fetched(name)

    def _page(self, url: str, target: Path) -> Fetched:
        import yt_dlp

        try:
            with yt_dlp.YoutubeDL(self.page_options(target)) as session:
                info = session.extract_info(url, download=True) or {}
        except yt_dlp.utils.DownloadError as error:
            cause = error.exc_info[1] if getattr(error, "exc_info", None) else None
            if isinstance(cause, OSError) and cause.errno in LOCAL_TROUBLE:
                raise cause from error
            raise of_message(str(error)) from error
        found = [path for path in target.parent.glob(f"{target.name}.*") if path.suffix not in (".part", ".ytdl")]
        if not found:
            raise Unreachable("yt-dlp gave no file")
        told = {name: info.get(name) for name in ("license", "title", "uploader", "height", "width", "fps")}
        facts = {("licence" if name == "license" else name): value for name, value in told.items() if value}
        return Fetched(found[0], facts)

    def page_options(self, target: Path) -> dict[str, Any]:
        """Options for yt-dlp: pictures only, up to `max_height`, one file, no playlist, its own retries off."""
        high = f"[height<={self.max_height}]"
        options: dict[str, Any] = {
            "format": f"bestvideo{high}[ext=mp4]/bestvideo{high}/best{high}/worst",
            "outtmpl": f"{str(target).replace('%', '%%')}.%(ext)s",
            "noplaylist": True,
            "quiet": True,
            "no_warnings": True,
            "noprogress": True,
            "retries": 0,
            "extractor_retries": 0,
            "socket_timeout": TIMEOUT_SECONDS,
            "logger": _Words(),
            "ratelimit": self.bytes_per_second,
            "cookiefile": str(self.cookies) if self.cookies else None,
        }
        return {name: value for name, value in options.items() if value is not None}


class _Words:
    """yt-dlp's words for the log: they are in the ledger anyway."""

    def debug(self, text: str) -> None:
        """Any word."""
        logger.debug(text)

    info = warning = error = debug


def _of_code(code: int, reason: str, retry_after: str | None) -> DropletError:
    if code in GONE_CODES:
        return Gone(f"HTTP {code} {reason}")
    seconds = float(retry_after) if retry_after and retry_after.strip().isdigit() else None
    if code in BLOCKED_CODES or (code == 503 and seconds is not None):
        return Blocked(f"HTTP {code} {reason}", seconds)
    return Unreachable(f"HTTP {code} {reason}")


def of_message(message: str) -> DropletError:
    """What yt-dlp's words mean; words that nobody knows mean another attempt."""
    text = message.removeprefix("ERROR: ").split("\n")[0][:300]
    low = text.lower()
    if any(words in low for words in BLOCKED_WORDS):
        return Blocked(text)
    return Gone(text) if any(words in low for words in GONE_WORDS) else Unreachable(text)
