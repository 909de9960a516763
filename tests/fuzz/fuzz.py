"""Throw inputs at the decoders of a protocol: ``python -m tests.fuzz.fuzz PROTOCOL --inputs N --seed S``.

An input is a seed of the corpus that is bent byte by byte, value by value, or in its shape so that checksums hold, or
it is noise. It goes to the protocol's decoder as a frame, to ``sanihub decode`` as a line, and into the machine that
reads its streams. Whatever is raised beside DecodeError ends the run with the input that did it; so does memory that
grows after the first tenth of a run.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import perf_counter

import psutil
from msgspec.structs import replace

from devices import codecs
from devices.errors import ConfigError
from devices.metrics import Catalogue
from devices.vocabulary import Frame
from hub.decoding.decoding import Decoding, Gatherer, Options, Teller
from hub.decoding.decoding import discover as decodings
from ingest.plugin import Plugin, SoleSection, Tools, discover
from tests.fuzz.mutations import bent, bent_json
from tests.fuzz.shapes import CORPUS, MODELS, SHAPES, STREAMS, WIRES, Seed, seeds, try_decoding

GROWTH_MIB = 32.0  #: that a process may grow after the first tenth of a long run
PROTOCOLS = tuple(sorted({*discover(), *decodings(), *WIRES}))


class Target:
    """The decoders of one protocol."""

    def __init__(self, protocol: str, options: Options) -> None:
        self.fates: Counter[str] = Counter()
        self._protocol = protocol
        self._decoder: Callable[[Frame], object] | None = WIRES.get(protocol)
        self._stream: Callable[[bytes], None] | None = None
        self._lines: list[Callable[[bytes], object]] = []
        self._taken = 0
        catalogue = Catalogue()
        if (plugin := discover().get(protocol)) is not None:
            self._decoder = plugin.decoder(_sections(plugin), Tools(catalogue))
        if (decoding := decodings().get(protocol)) is not None:
            self._lines = [teller if callable(teller) else teller.feed for teller in _tellers(decoding, options)]
        if (stream := STREAMS.get(protocol)) is not None:
            self._stream = stream(catalogue)

    def take(self, seed: Seed) -> None:
        """Decode one input in every way. Raises whatever a decoder raises beside DecodeError."""
        if self._decoder is not None:
            for payload in (seed.payload, seed.payload[1:-1]) if seed.coded else (seed.payload,):
                frame = Frame(self._protocol, "fuzz", seed.channel, payload, 1_795_392_000_000_000)
                self.fates["decoded" if try_decoding(self._decoder, frame) else "refused"] += 1
        if self._lines:
            told = self._lines[self._taken % len(self._lines)](seed.line)
            for answer in told if isinstance(told, list) else [told]:
                self.fates["told" if answer["ok"] else "told as a fault"] += 1
        self._taken += 1
        if self._stream is not None:
            self._stream(seed.payload)


def _sections(plugin: Plugin) -> list[SoleSection]:
    """A section of the settings to decode by, where one can do without anything but a name."""
    if plugin.sole:
        return [plugin.section()]
    models = {"models": {"24e1": "milesight-em310-udl"}} if "models" in plugin.section.model_fields else {}
    try:
        return [plugin.section.model_validate({"name": "fuzz", **models})]
    except ValueError:
        return []


def _tellers(decoding: Decoding, options: Options) -> list[Teller | Gatherer]:
    """What tells the lines; of a protocol that takes or wants a model, one for each that is known."""
    if options.model is None and decoding.name in MODELS:
        return [decoding.teller(replace(options, model=model)) for model in MODELS[decoding.name]]
    try:
        return [decoding.teller(options)]
    except ConfigError:
        return [decoding.teller(replace(options, model=codec.model)) for codec in codecs.models()]


def inputs(chance: random.Random, protocol: str, corpus: list[Seed]) -> Seed:
    """The next input."""
    seed = chance.choice(corpus)
    shape = SHAPES.get(protocol)
    doing = chance.randrange(10)
    if doing == 0:
        payload = chance.randbytes(chance.randrange(120))
    elif shape is not None and doing < 7:
        payload = shape(chance, seed.payload)
    else:
        payload = bent(chance, seed.payload)
        if doing % 2:
            with suppress(ValueError):
                payload = bent_json(chance, seed.payload)
    channel = seed.channel if chance.randrange(20) else bent(chance, seed.channel.encode()).decode("utf-8", "replace")
    if seed.coded:
        line = payload.hex().encode() if chance.randrange(10) else bent(chance, seed.line)
    else:
        head = seed.line[: len(seed.line) - len(seed.payload)]
        line = (head if chance.randrange(10) else bent(chance, head)) + payload
    return Seed(line, channel, payload, seed.coded)


def fuzz(protocol: str, count: int, seed: int, options: Options | None = None) -> Counter[str]:
    """Run; what became of the inputs. Raises what a decoder raised, after the input was written to standard error."""
    chance = random.Random(f"{protocol} {seed}")
    corpus, target = seeds(protocol), Target(protocol, options or Options())
    for one in corpus:
        target.take(one)
    process, settled = psutil.Process(), 0
    for index in range(count):
        given = inputs(chance, protocol, corpus)
        try:
            target.take(given)
        except BaseException:
            sys.stderr.write(f"input {index} of {protocol}, seed {seed}: {given!r}\n")
            raise
        if index == count // 10:
            settled = process.memory_info().rss
    grown = (process.memory_info().rss - settled) / 2**20
    if count >= 100_000 and grown > GROWTH_MIB:
        raise MemoryError(f"{protocol}: grew by {grown:.0f} MiB")
    return target.fates


def main() -> None:
    """Parse the command line, run, and print what became of the inputs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("protocol", choices=PROTOCOLS)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", help="model of the device, for protocols that need one")
    parser.add_argument("--codec", type=Path, help="JavaScript file that decodes the bytes")
    given = parser.parse_args()
    began, before = perf_counter(), psutil.Process().memory_info().rss
    fates = fuzz(given.protocol, given.inputs, given.seed, Options(model=given.model, codec=given.codec))
    grown = (psutil.Process().memory_info().rss - before) / 2**20
    sys.stdout.write(
        f"{given.protocol}: {given.inputs:,} inputs, seed {given.seed}, {perf_counter() - began:.0f} s, "
        f"{dict(sorted(fates.items()))}, memory {grown:+.0f} MiB, corpus {CORPUS / given.protocol}\n"
    )


if __name__ == "__main__":
    main()
