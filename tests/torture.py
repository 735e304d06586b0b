"""How much more than an ordinary run does: `make torture` sets it."""

from __future__ import annotations

import os

SIZE = int(os.environ.get("TORTURE", "1"))
"""How many times the load, the rounds and the random examples of an ordinary run."""
