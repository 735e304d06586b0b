"""What DIUN posts about its runs, as its client sends it."""

from __future__ import annotations

HEADERS = {"User-Agent": "gohealthchecks/0.6.0 go/1.26.8 Linux", "Accept-Encoding": "gzip"}
"""DIUN's client sends no Content-Type: github.com/crazy-max/gohealthchecks, healthchecks.go."""

STOPPED = "Application closed"
"""The body of NAME/fail: internal/app/app.go of DIUN."""


def result(new: int = 0, updated: int = 0, unchanged: int = 0, skipped: int = 0, failed: int = 0) -> str:
    """The body of NAME, after the template in internal/app/hc.go of DIUN; that of NAME/start is empty."""
    return (
        f"{new + updated + unchanged + skipped + failed} tag(s) have been scanned:\n"
        f"* {new} new tag(s) found\n"
        f"* {updated} tag(s) updated\n"
        f"* {unchanged} tag(s) unchanged\n"
        f"* {skipped} tag(s) skipped\n"
        f"* {failed} tag(s) with error"
    )
