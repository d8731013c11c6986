"""Text of a page: everything is escaped; `code` between backticks and **strong** are the only marks."""

from __future__ import annotations

import re
from html import escape


def inline(text: str) -> str:
    """Markup of a text."""
    marked = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
    return re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", marked)


def caption_tag(text: str) -> str:
    """A caption below a chart, a table or pictures; nothing for an empty text."""
    return f'<p class="caption">{inline(text)}</p>' if text else ""
