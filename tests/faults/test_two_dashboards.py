"""Two dashboards behind nginx, on PostgreSQL with a standby: each part is killed in turn, and nothing is lost."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from diundashboard.config import Config
from diundashboard.store import open_store
from tests.dashboard import Dashboard, free_port, open_to_all, running
from tests.faults.load import Load, kill, stored, wait_until_stored
from tests.faults.pair import running_pair
from tests.torture import SIZE

NGINX = Path(__file__).parents[2] / "deploy" / "nginx.conf"

pytestmark = pytest.mark.postgres


@contextmanager
def balanced(nginx: str, folder: Path, port: int, ports: list[int]) -> Iterator[Dashboard]:
    """nginx with the configuration of deploy/ in front of dashboards at these ports."""
    text = NGINX.read_text().replace("listen 80;", f"listen 127.0.0.1:{port};")
    for number, behind in enumerate(ports, 1):
        text = text.replace(f"dashboard-{number}:8080", f"127.0.0.1:{behind}")
    places = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{place}_temp_path {folder / place};" for place in places)
    (folder / "nginx.conf").write_text(
        f"""
        {"user root;" if os.geteuid() == 0 else ""}
        daemon off;
        pid {folder / "pid"};
        events {{}}
        http {{ access_log off; {temporary} {text} }}
        """
    )
    log = folder / "nginx.log"
    with log.open("wb") as output:
        process = subprocess.Popen([nginx, "-c", folder / "nginx.conf", "-e", "stderr"], stdout=output, stderr=output)
    served = Dashboard(port, process, log)
    try:
        served.wait()
        yield served
    finally:
        process.terminate()
        process.wait(15)


def test_nothing_is_lost_while_each_part_is_killed_in_turn(nginx: str, tmp_path: Path) -> None:
    with running_pair() as servers, ExitStack() as ends:
        configs = [
            open_to_all(Config(database_url=servers.url, spool_path=str(tmp_path / f"spool-{n}"))) for n in range(2)
        ]
        ports = [free_port() for _ in configs]

        def start(number: int) -> Dashboard:
            return ends.enter_context(running(configs[number], PORT=str(ports[number]), TRUSTED_PROXIES="127.0.0.1"))

        dashboards = [start(number) for number in range(2)]
        with ExitStack() as front:
            front.enter_context(balanced(nginx, tmp_path, port := free_port(), ports))
            proxy = Dashboard(port, dashboards[0].process, dashboards[0].log_file)
            with Load(proxy) as load:
                load.wait_for(20 * SIZE)
                for number in range(2):
                    kill(dashboards[number])
                    load.wait_for(20 * SIZE)
                    dashboards[number] = start(number)
                    load.wait_for(20 * SIZE)
                unanswered = load.statuses[0]
                servers.fail_over()
                load.wait_for(20 * SIZE)
                front.close()
                front.enter_context(balanced(nginx, tmp_path, port, ports))
                load.wait_for(20 * SIZE)
            wait_until_stored(*configs)
        assert unanswered == 0, "nginx asks the other dashboard"
        assert set(load.statuses) <= {0, 200, 202}
        with closing(open_store(configs[0])) as store:
            found = stored(configs[0])
            assert load.taken() - set(found) == set()
            assert store.check() == ()


def test_the_example_for_nginx_waits_no_longer_than_diun() -> None:
    seconds = [int(value) for value in re.findall(r"_timeout (\d+)s", NGINX.read_text())]
    assert 0 < max(seconds, default=0) < 10
