"""Run every measurement, or those that the arguments name, and print the figures."""

from __future__ import annotations

import sys

from tests.bench import actions, carry, intake, pages

MEASUREMENTS = {"intake": intake.measure, "pages": pages.measure, "actions": actions.measure, "carry": carry.measure}

for name in sys.argv[1:] or MEASUREMENTS:
    MEASUREMENTS[name]()
