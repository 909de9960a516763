"""Audits the locked dependencies: known vulnerabilities, withdrawn releases, licences. Run by ``make check``.

Ends with 1 for a finding. A service that cannot be asked is told, in capitals, and is no finding: a build without the
internet must not fail for it, and must not look audited either. ``--complete`` makes it one, for a nightly run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[1]
INDEX = "https://pypi.org"
AT_ONCE = 8
PATIENCE_S = 20.0
KNOWN = ("urllib3", "2.0.0")  #: a release of which every service of vulnerabilities has to know some
GOOD = re.compile(
    r"MIT|BSD|Apache|ISC|PSF|Python Software Foundation|MPL|Mozilla|Zlib|OFL|CC0|0BSD|Unlicense|LGPL-3\.0|HPND"
)
UNNAMED = {"quickjs-ng": "MIT"}  #: packages whose metadata name no licence, read in their sources


def locked(file: Path) -> dict[str, str]:
    """Name and version of every requirement of a lock file."""
    found = re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", file.read_text("utf-8"), re.M)
    return dict(found)


async def withdrawn(packages: Mapping[str, str], index: str = INDEX) -> tuple[list[str], list[str]]:
    """Locked releases of which every file was withdrawn (PEP 592), and packages that could not be asked about."""
    turn, bad, unasked = asyncio.Semaphore(AT_ONCE), [], []
    headers = {"Accept": "application/vnd.pypi.simple.v1+json"}
    async with httpx.AsyncClient(base_url=index, timeout=PATIENCE_S, headers=headers, follow_redirects=True) as client:

        async def ask(name: str, version: str) -> None:
            try:
                async with turn:
                    files = (await client.get(f"/simple/{normal(name)}/")).raise_for_status().json()["files"]
            except (httpx.HTTPError, ValueError, KeyError):
                unasked.append(name)
                return
            ours = [file for file in files if _is_of(file["filename"], name, version)]
            if ours and all(file.get("yanked") for file in ours):
                bad.append(f"{name} {version}: withdrawn: {ours[0]['yanked']}")

        await asyncio.gather(*(ask(name, version) for name, version in packages.items()))
    return sorted(bad), sorted(unasked)


def normal(name: str) -> str:
    """A name as indexes spell it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _is_of(filename: str, name: str, version: str) -> bool:
    stem = re.sub(r"\.(whl|tar\.gz|zip)$", "", filename)
    head = f"{normal(name)}-{version.lower()}"
    plain = normal(stem[: len(name)]) + stem[len(name) :].lower()
    return plain == head or plain.startswith(f"{head}-")


def licences(names: Mapping[str, str]) -> Iterator[str]:
    """Packages of what is shipped whose licence is none that the project may be shipped with."""
    for name in names:
        try:
            about = metadata(name)
        except PackageNotFoundError:
            continue  # of another platform
        classified = [line.rpartition(" :: ")[2] for line in about.get_all("Classifier") or () if line[:7] == "License"]
        told = about.get("License-Expression") or "; ".join(classified) or (about.get("License") or "").split("\n")[0]
        told = told or UNNAMED.get(normal(name), "")
        if not GOOD.search(told) or re.search(r"(?<!L)GPL", told):
            yield f"{name}: licence {told or 'not named'}"


def vulnerable(file: Path, index: str = INDEX) -> tuple[list[str], bool]:
    """Known vulnerabilities of a lock file by pip-audit, and whether its service could be asked."""
    name, version = KNOWN
    try:
        about = httpx.get(f"{index}/pypi/{name}/{version}/json", timeout=PATIENCE_S).raise_for_status().json()
        able = bool(about.get("vulnerabilities"))
    except (httpx.HTTPError, ValueError):
        able = False
    if not able:
        return [], False
    argv = [sys.executable, "-m", "pip_audit", "--strict", "--disable-pip", "--require-hashes", "-r", str(file)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    return ([] if done.returncode == 0 else [f"pip-audit: {done.stdout}{done.stderr}"]), True


def vulnerable_modules(folder: Path) -> tuple[list[str], bool]:
    """Known vulnerabilities of what the board ships, by ``npm audit``, and whether its service could be asked."""
    argv = ["sh", "tools/node.sh", "npm", "audit", "--json", "--omit=dev", "--prefix", str(folder)]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    try:
        told = json.loads(done.stdout)["vulnerabilities"]
    except (ValueError, KeyError):
        return [], False
    return [f"{name}: {one.get('severity')} (npm audit)" for name, one in sorted(told.items())], True


def main() -> int:
    """Ask, tell, and say by the exit code whether something was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--complete", action="store_true", help="a service that cannot be asked is a finding")
    complete = parser.parse_args().complete
    everything, shipped = ROOT / "requirements.lock", ROOT / "deploy" / "requirements.lock"
    bad, unasked = asyncio.run(withdrawn(locked(everything)))
    found, asked = vulnerable(everything)
    modules, told = vulnerable_modules(ROOT / "api" / "board")
    faults = [*bad, *licences(locked(shipped)), *found, *modules]
    gaps = [f"releases withdrawn: {len(unasked)} of {len(locked(everything))} packages"] if unasked else []
    gaps += [] if asked else ["known vulnerabilities of Python packages"]
    gaps += [] if told else ["known vulnerabilities of the board's modules"]
    print(f"audit: {len(locked(everything))} packages, {len(faults)} findings")  # what this program is for
    for line in [*faults, *(f"NOT AUDITED, the service cannot be asked: {gap}" for gap in gaps)]:
        print(f"  {line}")
    return 1 if faults or (complete and gaps) else 0


if __name__ == "__main__":
    sys.exit(main())
