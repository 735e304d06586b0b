"""The images with the most notifications, as bars."""

from __future__ import annotations

from collections.abc import Sequence

from diundashboard.model import Noise
from diundashboard.web.chart.figure import BAR_PITCH, Bar, Figure, Table, percent
from diundashboard.web.chart.words import counted, cut, image_words


def noisiest(noises: Sequence[Noise]) -> Figure[tuple[Bar, ...]] | None:
    """The images with the most notifications."""
    return Figure(noise_finding(noises), noise_bars(noises), noise_table(noises)) if noises else None


def noise_bars(noises: Sequence[Noise]) -> tuple[Bar, ...]:
    """A bar for the number of notifications."""
    most = max((noise.notifications for noise in noises), default=0) or 1
    return tuple(
        Bar(
            y=row * BAR_PITCH,
            name=cut(image_words(noise.name), 38),
            full_name=image_words(noise.name),
            value=f"{noise.notifications:,}",
            width=percent(noise.notifications / most),
        )
        for row, noise in enumerate(noises)
    )


def noise_finding(noises: Sequence[Noise]) -> str:
    """Which image has the most notifications, and whether it stands out."""
    top = noises[0]
    said = counted(top.notifications, "notification")
    if len(noises) == 1:
        return f"{image_words(top.name)} made {said}"
    if top.notifications == noises[-1].notifications:
        return f"No image stands out: {said} each"
    tied = sum(noise.notifications == top.notifications for noise in noises)
    if tied > 1:
        return f"{counted(tied, 'image')} make the most: {said} each"
    times = top.notifications // noises[1].notifications
    much = {1: "", 2: ", twice as many as the next"}.get(times, f", {times} times as many as the next")
    return f"{image_words(top.name)} makes the most: {said}{much}"


def noise_table(noises: Sequence[Noise]) -> Table:
    """The notifications of each image."""
    rows = tuple((image_words(noise.name), f"{noise.notifications:,}") for noise in noises)
    return Table("The images with the most notifications", ("Image", "notifications"), rows)
