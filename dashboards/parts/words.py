"""What boards say, in both languages at once: whoever writes one cannot forget the other."""

from __future__ import annotations

from typing import Literal, NamedTuple

Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = ("zh", "en")


class Words(NamedTuple):
    """A text in Chinese and in English."""

    zh: str
    en: str

    def said(self, language: Language) -> str:
        """The text in one of the two."""
        return self.zh if language == "zh" else self.en


FOLDER = Words("环卫", "City sanitation")
ALL = Words("全部", "All")
NOTHING = Words("暂无数据", "No data")
