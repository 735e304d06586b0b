"""Mixed load on a dashboard on each database for SOAK seconds: `make soak`."""

from __future__ import annotations

import os
import sys

from tests.soak.run import soak

sys.exit("\n".join(soak(float(os.environ.get("SOAK", "3600")))) or None)
