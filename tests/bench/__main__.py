"""Run every measurement, and print its figures."""

from __future__ import annotations

from tests.bench import intake

intake.measure()
