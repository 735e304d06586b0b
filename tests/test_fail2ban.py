"""fail2ban reads the failed logins in the log, and bans the address that sent them."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

FILTER = Path(__file__).parents[1] / "deploy/fail2ban/filter.d/diundashboard.conf"
CASES = [
    ('failed login as "admin" from 192.0.2.7', "192.0.2.7"),
    ('failed login as "admin" from 2001:db8::7', "2001:db8::7"),
    ('failed login as "admin" from 10.0.0.1" from 192.0.2.7', "192.0.2.7"),
    ('failed login as "failed login as "a" from 10.0.0.1" from 192.0.2.7', "192.0.2.7"),
    ('failed login as "" from 192.0.2.7', "192.0.2.7"),
    ('failed login as "ünï  日本" from 192.0.2.7', "192.0.2.7"),
    ('failed login as "admin" from 192.0.2.7 and more', None),
    ('said: failed login as "admin" from 192.0.2.7', None),
    ("Using SQLite database at diun.db", None),
]


@pytest.mark.parametrize("time", ["2026-11-21 07:00:00,000 ", "Nov 21 07:00:00 host diundashboard[12]: ", ""])
def test_fail2ban_finds_the_address_that_failed(fail2ban_regex: list[str], tmp_path: Path, time: str) -> None:
    log = tmp_path / "log"
    log.write_text("".join(f"{time}{line}\n" for line, _ in CASES))
    ran = subprocess.run([*fail2ban_regex, "--out", "ip", log, FILTER], capture_output=True, text=True, check=False)
    found = re.findall(r"^[0-9a-f.:]+$", ran.stdout, re.MULTILINE)
    assert found == [address for _, address in CASES if address], ran.stdout + ran.stderr
