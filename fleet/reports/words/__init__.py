"""The catalogue of words: YAML files of this folder, each entry ``id: {en: ..., zh: ...}``.

A word may have blanks, ``{name}``. Every word stands in every language, or the catalogue cannot be read.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from string import Formatter
from typing import Literal

import yaml

Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = ("zh", "en")


class WordError(ValueError):
    """A word of the catalogue is not as it has to be."""


@cache
def catalogue() -> Mapping[str, Mapping[str, str]]:
    """All words by id, each by language. Raises WordError for one that lacks a language or stands twice."""
    words: dict[str, Mapping[str, str]] = {}
    for file in sorted(files(__name__).iterdir(), key=lambda one: one.name):
        if file.name.endswith(".yaml"):
            for word, texts in yaml.safe_load(file.read_text("utf-8")).items():
                _check(file.name, word, texts, words)
                words[word] = texts
    return words


def blanks(text: str) -> frozenset[str]:
    """The names of a word's blanks."""
    return frozenset(name for _, name, _, _ in Formatter().parse(text) if name is not None)


def _check(file: str, word: str, texts: object, known: Mapping[str, object]) -> None:
    if word in known:
        raise WordError(f"{file}: {word} stands twice")
    if not isinstance(texts, dict) or set(texts) != set(LANGUAGES) or not all(texts.values()):
        raise WordError(f"{file}: {word}: expected a text for each of {', '.join(LANGUAGES)}")
    if len({blanks(text) for text in texts.values()}) != 1:
        raise WordError(f"{file}: {word}: the languages have different blanks")
