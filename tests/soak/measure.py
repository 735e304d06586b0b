"""What the processes of a dashboard hold, and whether it grows."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import astuple, dataclass
from statistics import median

import psutil

from tests.dashboard import Dashboard


@dataclass(frozen=True, slots=True)
class Sample:
    """What all processes of a dashboard hold together: memory in MiB, open descriptors, threads."""

    memory: float
    descriptors: float
    threads: float


BOUND = Sample(memory=16, descriptors=10, threads=10)
"""How much more the last third of the time may hold than the second, in the median."""


def sample(dashboard: Dashboard) -> Sample:
    """What the dashboard holds now."""
    first = psutil.Process(dashboard.process.pid)
    memory = descriptors = threads = 0
    for process in (first, *first.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            memory += process.memory_info().rss
            descriptors += process.num_fds()
            threads += process.num_threads()
    return Sample(memory / 2**20, descriptors, threads)


def typical(samples: Sequence[Sample]) -> Sample:
    """The median of each."""
    return Sample(*(median(values) for values in zip(*map(astuple, samples), strict=True)))


def thirds(samples: Sequence[Sample]) -> tuple[Sample, Sample, Sample]:
    """What is typical for each third of the time."""
    third = len(samples) // 3
    return typical(samples[:third]), typical(samples[third : 2 * third]), typical(samples[2 * third :])


def growth(samples: Sequence[Sample], bound: Sample = BOUND) -> list[str]:
    """In words, what the last third holds more than the second and the bound together."""
    _, second, last = thirds(samples)
    rows = zip(Sample.__slots__, astuple(second), astuple(last), astuple(bound), strict=True)
    return [
        f"{name}: {now:.0f}, before {before:.0f}, at most {more:.0f} more"
        for name, before, now, more in rows
        if now > before + more
    ]
