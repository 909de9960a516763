"""Pictures for the demo's incidents: a street that is drawn, with what was seen on it, and a line that says so."""

from __future__ import annotations

import random
from io import BytesIO

from PIL import Image, ImageDraw

WIDTH, HEIGHT = 960, 720
_HEAPS = {
    "overflowing-bin": (96, 108, 90),
    "broken-bin": (70, 90, 110),
    "rubbish-heap": (120, 92, 60),
    "illegal-dumping": (110, 100, 96),
    "construction-waste": (150, 146, 140),
    "spill": (84, 64, 44),
    "dirty-road": (60, 60, 64),
    "toilet-fault": (120, 140, 150),
    "blocked-drain": (90, 110, 60),
    "damaged-road": (70, 68, 66),
}


def drawn(category: str, title: str, shade: int) -> bytes:
    """A JPEG of something of a category; ``shade`` makes it another one. It says itself that it is drawn."""
    chance = random.Random(f"{category} {shade}")
    light = chance.randrange(-20, 20)
    image = Image.new("RGB", (WIDTH, HEIGHT), (176 + light, 200 + light, 218 + light))
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, 260, WIDTH, 330), fill=(150 + light, 142 + light, 132 + light))  # houses, then the pavement
    for left in range(0, WIDTH, 120):
        top = 90 + chance.randrange(110)
        tone = 130 + chance.randrange(60)
        pen.rectangle((left, top, left + 110, 262), fill=(tone, tone - 8, tone - 18))
    pen.polygon(((0, 330), (WIDTH, 330), (WIDTH, HEIGHT), (0, HEIGHT)), fill=(104 + light, 106 + light, 110 + light))
    for left in range(-40, WIDTH, 200):
        pen.polygon(((left, 520), (left + 90, 520), (left + 70, 540), (left - 24, 540)), fill=(226, 224, 214))
    colour = _HEAPS.get(category, (110, 96, 80))
    middle = 300 + chance.randrange(360)
    for _ in range(60):
        x, y = chance.gauss(middle, 90), 440 - abs(chance.gauss(0, 46)) + chance.randrange(30)
        size, tone = chance.randrange(14, 46), chance.randrange(-26, 26)
        box = (x - size, y - size * 0.7, x + size, y + size * 0.7)
        pen.ellipse(box, fill=tuple(max(0, min(255, part + tone)) for part in colour))
    pen.rectangle((0, HEIGHT - 44, WIDTH, HEIGHT), fill=(24, 30, 36))
    pen.text((20, HEIGHT - 34), f"{title} (drawn for the demo)", fill=(236, 238, 240), font_size=20)
    target = BytesIO()
    image.save(target, "JPEG", quality=82)
    return target.getvalue()
