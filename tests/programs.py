"""Programs of Debian's packages that tests run. What is not installed is unpacked: installing could start a server."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin"


@contextmanager
def packages() -> Iterator[None]:
    """One process after the other: apt-get does not wait for another that reads the lists of packages."""
    with open(Path(tempfile.gettempdir()) / "diundashboard-packages.lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def program(name: str, *needed: str, folder: Path) -> Path:
    """The path of a program: the installed one, or that of the packages `needed`, unpacked in `folder`."""
    if found := shutil.which(name, path=PATH):
        return Path(found)
    download = ["apt-get", "download", *needed]
    with packages():
        if subprocess.run(download, check=False, capture_output=True, cwd=folder).returncode:
            subprocess.run(["apt-get", "update"], check=True, capture_output=True)
            subprocess.run(download, check=True, capture_output=True, cwd=folder)
    for package in folder.glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", package, folder], check=True)
    return next(path for place in ("bin", "usr/bin", "usr/sbin") if (path := folder / place / name).is_file())


def shell(name: str, folder: Path) -> list[str]:
    """The command that starts a shell as at a terminal, without anybody's settings; dash has no such settings."""
    if name == "fish":
        fish = program("fish", "fish", "fish-common", "libpcre2-32-0", folder=folder)
        if not fish.is_relative_to(folder):
            return [str(fish), "--no-config", "--interactive"]
        libraries = ":".join(str(path.parent) for path in folder.glob("usr/lib/*/libpcre2-32.so.0"))
        functions = f"set fish_function_path {folder}/usr/share/fish/functions"
        return ["env", f"LD_LIBRARY_PATH={libraries}", str(fish), "--no-config", "--interactive", "-C", functions]
    options = {"zsh": ["-f", "-i"], "bash": ["--norc", "-i"], "dash": []}
    needed = {"zsh": ["zsh", "zsh-common"]}
    return [str(program(name, *needed.get(name, [name]), folder=folder)), *options[name]]


def install(*packages: str) -> None:
    """Install packages of Debian."""
    for command in (["apt-get", "update"], ["apt-get", "install", "--yes", "--no-install-recommends", *packages]):
        subprocess.run(command, check=True, capture_output=True, env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"})


def npm_packages(source: Path) -> Path:
    """A folder with the npm packages that `source` locks, kept between runs."""
    lock = (source / "package-lock.json").read_bytes()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "diundashboard-tests" / f"{source.name}-{hashlib.sha256(lock).hexdigest()[:16]}"
    with packages():
        if not shutil.which("npm") and os.geteuid() == 0:
            install("nodejs", "npm")
        if not (folder / "ready").exists():
            folder.mkdir(parents=True, exist_ok=True)
            for name in ("package.json", "package-lock.json"):
                shutil.copy(source / name, folder)
            command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            subprocess.run(command, check=True, capture_output=True, cwd=folder)
            (folder / "ready").touch()
    return folder
