"""SVG elements as text: attributes and texts escaped, numbers short, the same input the same output."""

from __future__ import annotations

from collections.abc import Iterable
from xml.sax.saxutils import escape, quoteattr

FONT = "Noto Sans CJK SC, Noto Sans SC, PingFang SC, Microsoft YaHei, WenQuanYi Micro Hei, sans-serif"

_UNPRINTABLE = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 65534, 65535, *range(55296, 57344)), "�")


def clean(text: str) -> str:
    """A text without what XML cannot hold (XML 1.0, 2.2)."""
    return text.translate(_UNPRINTABLE)


def shown(value: float) -> str:
    """A coordinate with at most two decimals."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if value else "0"


def tag(name: str, inner: str = "", /, **attributes: str | float) -> str:
    """An element. ``_`` of an attribute's name is ``-``; a trailing one is dropped (``class_``)."""
    parts = [
        f" {key.rstrip('_').replace('_', '-')}={quoteattr(clean(value if isinstance(value, str) else shown(value)))}"
        for key, value in attributes.items()
    ]
    return f"<{name}{''.join(parts)}>{inner}</{name}>" if inner else f"<{name}{''.join(parts)}/>"


def text(x: float, y: float, said: str, /, *, size: float = 9, anchor: str = "start", **more: str | float) -> str:
    """A text whose foot is at (x, y)."""
    more.setdefault("fill", "#3b4654")
    more.setdefault("class_", "ink")
    return tag("text", escape(clean(said)), x=x, y=y, font_size=size, text_anchor=anchor, **more)


def path(points: Iterable[tuple[float, float]], /, **more: str | float) -> str:
    """An open line through points."""
    steps = "L".join(f"{shown(x)} {shown(y)}" for x, y in points)
    return tag("path", d=f"M{steps}", fill="none", stroke_linejoin="round", stroke_linecap="round", **more)


def drawing(width: float, height: float, inner: str, title: str) -> str:
    """A whole drawing."""
    body = tag("title", escape(clean(title))) + inner
    return tag(
        "svg", body, xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {shown(width)} {shown(height)}", width=width,
        height=height, font_family=FONT, role="img", class_="drawing",
    )  # fmt: skip


def breadth(said: str, size: float) -> float:
    """About how wide a text is: wide characters an em, others a little more than half of one."""
    return sum(size if ord(char) > 0x2E7F else size * 0.56 for char in said)


def shortened(said: str, room: float, size: float) -> str:
    """A text that fits into ``room``, with an ellipsis where it was cut."""
    if breadth(said, size) <= room:
        return said
    while said and breadth(said + "…", size) > room:
        said = said[:-1]
    return said.rstrip() + "…"
