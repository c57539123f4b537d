"""Fuzzes a target with atheris: `python fuzz/run.py TARGET [libFuzzer's options] [folders]`.

`python fuzz/run.py keras -max_total_time=60 found/keras fuzz/corpus/keras`. An input that ends in
anything but the reader's own error, takes more than 10 s, or more than a gigabyte beyond what the
process has at the start, is written to the working directory.
"""

from __future__ import annotations

import random
import resource
import sys

import atheris

with atheris.instrument_imports(include=["cnn_ext", "zipfile", "tarfile", "gzip", "json"]):
    import fuzzed

import mutate

MORE_MEMORY = 2**30


def limit_memory() -> None:
    with open("/proc/self/statm", encoding="ascii") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MORE_MEMORY,) * 2)


def main() -> None:
    name = sys.argv.pop(1)
    fuzzed.try_on(name, b"")  # imports all that there is to import

    def mutate_one(data: bytes, max_size: int, seed: int) -> bytes:
        chance = random.Random(seed)
        changed = mutate.mutated(
            name, data, chance, lambda content: atheris.Mutate(content, len(content) + 64)
        )
        return changed if len(changed) <= max_size else data

    def take(data: bytes) -> None:
        fuzzed.try_on(name, data)

    limits = ["-timeout=10", "-rss_limit_mb=4000", "-max_len=65536", "-len_control=0"]
    atheris.Setup([*sys.argv, *limits], take, custom_mutator=mutate_one)
    limit_memory()
    atheris.Fuzz()


if __name__ == "__main__":
    main()
