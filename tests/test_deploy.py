"""The examples in deploy/ are valid where they are used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

MANIFESTS = Path(__file__).parents[1] / "deploy" / "kubernetes.yaml"


def test_kubernetes_takes_the_manifests() -> None:
    program = Path(sys.executable).with_name("kubernetes-validate")
    done = subprocess.run([program, "--strict", MANIFESTS], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("passed") == 2
