"""Builds the documentation as a site: stages the pages in ``build/docs``, and has Zensical set them into ``site``.

The pages are written to be read in the repository, so staging makes two things of them that a site needs. Links to
files outside ``docs`` lead to copies beneath ``files/``, or to the page that the file is on the site. Headings get the
anchors that the repository's host gives them, by which pages name them.

Run ``python -P docs/build_site.py`` (``make docs``). Any link that leads nowhere ends it with exit code 1.
"""

from __future__ import annotations

import posixpath
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
STAGE = ROOT / "build" / "docs"
OUTSIDE = {
    "README.md": "first-quarter.md",
    "README.zh-CN.md": "zh/first-quarter.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "reporting.md",
    "LICENSE": "files/LICENSE.txt",
    "api/pages/favicon.svg": "images/logo.svg",
}  #: files of the repository, and what they are on the site
_LINK = re.compile(r"(?<=\]\()([^)\s]+)(?=\))")
_FENCE = re.compile(r"^(```.*?^```$)", re.M | re.S)
_WORDS = re.compile(r"^(```\w+) .*$", re.M)  #: of an opening fence: what stands behind the language is for the tests
_HEADING = re.compile(r"^(#+) (.*)$", re.M)


def anchor(heading: str) -> str:
    """The anchor of a heading, as the repository's host makes it: small letters, hyphens for blanks."""
    text = re.sub(r"\]\([^)]*\)", "]", heading)
    return re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")


def stage(folder: Path = STAGE) -> list[str]:
    """Copy ``docs`` to a new folder as the site needs it; returns links that lead nowhere, each with its page."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "docs", folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    for source, target in OUTSIDE.items():
        (folder / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / source, folder / target)
    faults = []
    for page in sorted(folder.rglob("*.md")):
        name = page.relative_to(folder).as_posix()
        page.write_text(_staged(page.read_text("utf-8"), name, folder, faults), "utf-8")
    return faults


def _staged(text: str, name: str, folder: Path, faults: list[str]) -> str:
    """A page with its links and its headings as the site needs them; what stands in fences stays."""
    sources = {target: source for source, target in OUTSIDE.items()}
    origin = f"../{sources[name]}" if name in sources else name  # where the page's own links start from
    parts = _FENCE.split(text)
    seen: dict[str, int] = {}
    for index in range(0, len(parts), 2):
        part = _LINK.sub(lambda match: _target(match[1], name, origin, folder, faults), parts[index])
        parts[index] = _HEADING.sub(lambda match: _headed(match, seen), part)
    for index in range(1, len(parts), 2):
        parts[index] = _WORDS.sub(r"\1", parts[index])
    return "".join(parts)


def _headed(match: re.Match[str], seen: dict[str, int]) -> str:
    name = anchor(match[2])
    seen[name] = seen.get(name, -1) + 1
    return f"{match[0]} {{ #{name}{f'-{seen[name]}' if seen[name] else ''} }}"


def _target(link: str, name: str, origin: str, folder: Path, faults: list[str]) -> str:
    """Where a link of a page leads on the site."""
    path, mark, rest = link.partition("#")
    if not path or "://" in path or path.startswith("mailto:"):
        return link
    wanted = posixpath.normpath(posixpath.join("docs", posixpath.dirname(origin), path))
    if wanted.startswith("docs/") and (ROOT / wanted).is_file():
        there = wanted.removeprefix("docs/")
    elif wanted in OUTSIDE:
        there = OUTSIDE[wanted]
    elif (ROOT / wanted).exists():
        there = _copied(wanted, folder)
    else:
        faults.append(f"{name}: {link}")
        return link
    return posixpath.relpath(there, posixpath.dirname(name) or ".") + mark + rest


def _copied(wanted: str, folder: Path) -> str:
    """Copy a file of the repository beneath ``files/``; of a folder, a page that names what is in it."""
    source = ROOT / wanted
    there = f"files/{wanted}"
    if source.is_dir():
        there += ".txt"
    target = folder / there
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        names = sorted(entry.name for entry in source.iterdir() if not entry.name.startswith(("_", ".")))
        target.write_text("\n".join([f"{wanted}/", *(f"  {entry}" for entry in names)]) + "\n", "utf-8")
    else:
        shutil.copyfile(source, target)
    return there


def main() -> int:
    """Stage, and build; the exit code."""
    faults = stage()
    for fault in faults:
        print(f"a link leads nowhere: {fault}", file=sys.stderr)  # noqa: T201 - what this program says
    if faults:
        return 1
    program = Path(sys.executable).parent / "zensical"
    return subprocess.run([program, "build", "--clean", "--strict"], cwd=ROOT, check=False).returncode  # noqa: S603


if __name__ == "__main__":
    sys.exit(main())
