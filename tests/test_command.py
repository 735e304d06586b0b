import json
import re
import shlex
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from diundashboard import image
from diundashboard.command import commands, script, superseded
from diundashboard.model import State, Update
from tests.updates import NOW, SHA256, an_update

LOCAL = "127.0.0.1:5000/library"
PAYLOADS = sorted((Path(__file__).parent / "payloads").glob("*.json"))

DOCKER = {
    "ctn_command": "sleep infinity",
    "ctn_createdat": "2026-11-21 00:14:41 +0000 UTC",
    "ctn_id": "ee5c140cbfa3b82d07a91253cd87bb729388eb301a1b98e5bc435927251efd1f",
    "ctn_names": "edge",
    "ctn_size": "0B",
    "ctn_state": "running",
    "ctn_status": "Up Less than a second",
}
SWARM = {
    "ctn_name": "web_edge",
    "svc_createdat": "2026-11-21 00:14:42.754748197 +0000 UTC",
    "svc_id": "y604sf3upvhiyn6yt31mv9kix",
    "svc_updatedat": "2026-11-21 00:14:42.754748197 +0000 UTC",
}
KUBERNETES = {
    "pod_name": "web-66b6c48dd5-x7k2q",
    "pod_status": "&PodStatus{Phase:Running,Conditions:[]PodCondition{},}",
    "pod_namespace": "shop",
    "pod_createdat": "2026-11-21 00:14:42 +0000 UTC",
    "ctn_name": "nginx",
    "ctn_command": "",
}
NOMAD = {
    "job_id": "media",
    "job_name": "media",
    "job_status": "running",
    "job_namespace": "home",
    "taskgroup_name": "tv",
    "task_name": "sonarr",
    "task_driver": "docker",
    "task_user": "",
}
CONTAINERD = {
    "ctn_id": "5f0c2c1f8f2d",
    "ctn_name": "edge",
    "ctn_image": "docker.io/library/nginx:1.27.0",
    "ctn_namespace": "default",
    "ctn_createdat": "2026-11-21 00:14:42 +0000 UTC",
    "ctn_updatedat": "2026-11-21 00:14:42 +0000 UTC",
    "ctn_runtime": "io.containerd.runc.v2",
    "ctn_snapshotter": "overlayfs",
    "ctn_snapshot_key": "5f0c2c1f8f2d",
    "ctn_status": "running",
}


def update(
    text: str = "nginx:1.29.0",
    provider: str = "file",
    metadata: dict[str, str] | None = None,
    containers: tuple[str, ...] = (),
    kind: str = "minor",
    from_version: str = "1.27.0",
    host: str = "nas",
    stack: str = "",
) -> Update:
    made = an_update(
        text,
        provider=provider,
        metadata=metadata or {},
        containers=containers,
        kind=kind,
        hostname=host,
        host=host,
        stack=stack,
    )
    running = {"new": "", "rebuild": made.version}.get(kind, from_version)
    return replace(made, from_version=running, running_version=running)


def docker(text: str = "nginx:1.29.0", *containers: str, kind: str = "minor", stack: str = "") -> Update:
    return update(text, "docker", DOCKER, containers or ("edge",), kind, stack=stack)


def kubernetes(pod: str, kind: str = "minor") -> Update:
    return update("nginx:1.29.0", "kubernetes", KUBERNETES | {"pod_name": pod}, ("nginx",), kind)


def opened(text: str) -> str:
    """The text with each word for sh as sh reads it, between `sh -c` and `end`."""

    def lines(found: re.Match[str]) -> str:
        (word,) = shlex.split(found[2])
        return f"{found[1]}{word}end"

    return re.sub(r"^(sh(?: -eu)? -c) ('\n.*?\n')$", lines, text, flags=re.DOTALL | re.MULTILINE)


def shortened(text: str) -> str:
    """The opened text with the function that all calls of `compose_update` share left out."""
    return re.sub(r"^compose_update\(\) \(\n.*?\n\)$", "...", opened(text), flags=re.DOTALL | re.MULTILINE)


def in_sh(*lines: str) -> list[str]:
    return ["sh -c", *lines, "end"]


def notes(lines: list[str]) -> list[str]:
    """Lines for sh as a person copies them."""
    return [f": '{line[2:]}'" if line.startswith("# ") else line for line in lines]


CASES: dict[str, tuple[Update, dict[str, list[str]]]] = {
    "docker, a new version": (
        docker(),
        {
            "docker compose": [
                "# Make sure compose.yml uses 1.29.0, not 1.27.0.",
                "...",
                "compose_update edge",
            ],
            "docker pull": ["# Pulling does not update a running container. Recreate it.", "docker pull nginx:1.29.0"],
        },
    ),
    "docker, a rebuild for two containers": (
        docker(f"{LOCAL}/traefik:v3.1", "edge", "edge2", kind="rebuild"),
        {
            "docker compose": ["...", "compose_update edge", "compose_update edge2"],
            "docker pull": [
                "# Pulling does not update a running container. Recreate it.",
                f"docker pull {LOCAL}/traefik:v3.1",
            ],
        },
    ),
    "docker, nothing to compare with": (
        docker("ghcr.io/immich-app/immich-server:v1.119.0", "immich_server", kind="new"),
        {
            "docker compose": [
                "# Make sure compose.yml uses ghcr.io/immich-app/immich-server:v1.119.0.",
                "...",
                "compose_update immich_server",
            ],
            "docker pull": [
                "# Pulling does not update a running container. Recreate it.",
                "docker pull ghcr.io/immich-app/immich-server:v1.119.0",
            ],
        },
    ),
    "docker, no names": (
        update("redis:7.4.0", "docker", kind="rebuild"),
        {"docker pull": ["# Pulling does not update a running container. Recreate it.", "docker pull redis:7.4.0"]},
    ),
    "swarm, a new version": (
        update(f"{LOCAL}/traefik:v3.2@{SHA256}", "swarm", SWARM, ("web_edge",), from_version="v3.1"),
        {
            "docker service update": [
                "# Change it in the stack file too, or the next docker stack deploy reverts it.",
                f"docker service update --image {LOCAL}/traefik:v3.2 web_edge",
            ]
        },
    ),
    "swarm, a rebuild for two services": (
        update("traefik:v3.1", "swarm", SWARM, ("api_edge", "web_edge"), "rebuild"),
        {
            "docker service update": [
                "docker service update --image traefik:v3.1 api_edge",
                "docker service update --image traefik:v3.1 web_edge",
            ]
        },
    ),
    "swarm, no name": (
        update("traefik:v3.1", "swarm", {"svc_id": "y604sf3upvhiyn6yt31mv9kix"}, (), "rebuild"),
        {"docker service update": ["docker service update --image traefik:v3.1 y604sf3upvhiyn6yt31mv9kix"]},
    ),
    "kubernetes, a new version": (
        update("nginx:1.29.0", "kubernetes", KUBERNETES, ("nginx",)),
        {
            "kubectl set image": [
                "# Change it in the manifest too, or the next kubectl apply reverts it.",
                "kubectl -n shop set image deployment/web nginx=docker.io/library/nginx:1.29.0",
            ]
        },
    ),
    "kubernetes, a rebuild": (
        update("nginx:1.29.0", "kubernetes", KUBERNETES, ("nginx",), "rebuild"),
        {
            "kubectl rollout restart": [
                "# The pods pull the image again if imagePullPolicy is Always.",
                "kubectl -n shop rollout restart deployment/web",
            ]
        },
    ),
    "kubernetes, a rebuild for a cron job": (
        kubernetes("backup-29394840-x7k2q", "rebuild"),
        {
            "kubectl get": [
                "# The next run pulls the image again if imagePullPolicy is Always.",
                "kubectl -n shop get cronjob/backup",
            ]
        },
    ),
    "kubernetes, no names": (
        update("nginx:1.29.0", "kubernetes"),
        {"docker pull": ["docker pull nginx:1.29.0"]},
    ),
    "nomad, a new version": (
        update("lscr.io/linuxserver/sonarr:4.0.10", "nomad", NOMAD, ("sonarr",), from_version="4.0.9"),
        {
            "nomad job run": [
                "# Make sure the job file uses 4.0.10, not 4.0.9.",
                "# In the folder of the job file:",
                "nomad job run -namespace home media.nomad.hcl",
            ]
        },
    ),
    "nomad, a rebuild": (
        update("lscr.io/linuxserver/sonarr:latest", "nomad", NOMAD, ("sonarr",), "rebuild"),
        {
            "nomad job restart": [
                "# Nomad pulls the image again if the tag is latest or force_pull is true.",
                "nomad job restart -namespace home -on-error fail media",
            ]
        },
    ),
    "nomad, no names": (
        update("redis:7.4.0", "nomad", kind="rebuild"),
        {"docker pull": ["docker pull redis:7.4.0"]},
    ),
    "containerd": (
        update("nginx:1.29.0", "containerd", CONTAINERD, ("edge",)),
        {
            "nerdctl pull": [
                "# Pulling does not update a running container. Recreate it.",
                "nerdctl --namespace default pull nginx:1.29.0",
            ],
            "ctr images pull": [
                "# Pulling does not update a running container. Recreate it.",
                "ctr --namespace default images pull docker.io/library/nginx:1.29.0",
            ],
        },
    ),
    "dockerfile, a new version": (
        update("python:3.14-slim", "dockerfile", {"stack": "build"}, from_version="3.13-slim"),
        {
            "docker build": [
                "# Make sure the Dockerfile uses 3.14-slim, not 3.13-slim.",
                "# In the folder of the Dockerfile, with the -t that its image has:",
                "docker build --pull .",
            ],
            "docker compose build": [
                "# Make sure the Dockerfile uses 3.14-slim, not 3.13-slim.",
                "# In the folder of compose.yml:",
                "docker compose build --pull",
                "docker compose up -d",
            ],
        },
    ),
    "dockerfile, a rebuild": (
        update("python:3.13-slim", "dockerfile", kind="rebuild"),
        {
            "docker build": [
                "# In the folder of the Dockerfile, with the -t that its image has:",
                "docker build --pull .",
            ],
            "docker compose build": [
                "# In the folder of compose.yml:",
                "docker compose build --pull",
                "docker compose up -d",
            ],
        },
    ),
    "file": (update("docker.io/diun/testnotif:latest"), {"docker pull": ["docker pull diun/testnotif:latest"]}),
    "file, with what diun-boost knows": (
        update("redis:7.4.0", metadata={"compose_project": "my shop", "compose_service": "cache"}, kind="rebuild"),
        {
            "docker compose": [
                "...",
                'compose_update "$(docker ps --all --quiet --last 1 '
                "--filter 'label=com.docker.compose.project=my shop' "
                '--filter label=com.docker.compose.service=cache)"',
            ],
            "docker pull": ["docker pull redis:7.4.0"],
        },
    ),
    "a provider of tomorrow": (update("redis:7.4.0", "podman"), {"docker pull": ["docker pull redis:7.4.0"]}),
}


@pytest.mark.parametrize(("given_update", "expected"), CASES.values(), ids=CASES)
def test_each_provider_has_its_commands_and_the_first_is_recommended(
    given_update: Update, expected: dict[str, list[str]]
) -> None:
    found = [(command.label, shortened(command.text).split("\n")) for command in commands(given_update)]
    assert found == [(label, in_sh(*lines) if "..." in lines else notes(lines)) for label, lines in expected.items()]


OLD, NEW = "sha256:" + "a" * 64, SHA256
PINNED = "# The image is pinned to a digest, so pulling alone changes nothing."
PINS: dict[str, tuple[Update, list[str]]] = {
    "docker, a rebuild": (
        docker(kind="rebuild"),
        [f"# Make sure compose.yml uses {NEW}, not {OLD}.", PINNED, "...", "compose_update edge"],
    ),
    "docker, a new version": (
        docker(),
        [f"# Make sure compose.yml uses 1.29.0@{NEW}, not 1.27.0@{OLD}.", PINNED, "...", "compose_update edge"],
    ),
    "docker, nothing to compare with": (
        docker(kind="new"),
        [f"# Make sure compose.yml uses {NEW}, not {OLD}.", PINNED, "...", "compose_update edge"],
    ),
    "kubernetes, a rebuild": (
        update("nginx:1.29.0", "kubernetes", KUBERNETES, ("nginx",), "rebuild"),
        [
            "# Change it in the manifest too, or the next kubectl apply reverts it.",
            f"kubectl -n shop set image deployment/web nginx=docker.io/library/nginx:1.29.0@{NEW}",
        ],
    ),
    "nomad, a rebuild": (
        update("redis:7.4.0", "nomad", NOMAD, ("sonarr",), "rebuild"),
        [
            f"# Make sure the job file uses {NEW}, not {OLD}.",
            PINNED,
            "# In the folder of the job file:",
            "nomad job run -namespace home media.nomad.hcl",
        ],
    ),
    "dockerfile, a rebuild": (
        update("python:3.13-slim", "dockerfile", kind="rebuild"),
        [
            f"# Make sure the Dockerfile uses {NEW}, not {OLD}.",
            PINNED,
            "# In the folder of the Dockerfile, with the -t that its image has:",
            "docker build --pull .",
        ],
    ),
    "file": (update("redis:7.4.0", kind="rebuild"), [f"docker pull redis:7.4.0@{NEW}"]),
}


@pytest.mark.parametrize(("given_update", "expected"), PINS.values(), ids=PINS)
def test_for_a_pinned_image_the_digest_in_its_reference_is_to_change(given_update: Update, expected: list[str]) -> None:
    pinned = replace(given_update, pinned=OLD, digest=NEW)
    found = shortened(commands(pinned)[0].text).split("\n")
    assert found == (in_sh(*expected) if "..." in expected else notes(expected))
    for line in expected:
        assert line == "..." or line in script([pinned])


def test_a_pinned_image_that_names_the_digest_already_is_pulled_as_any_other() -> None:
    found = replace(docker(kind="rebuild"), pinned=NEW, digest=NEW)
    assert shortened(commands(found)[0].text).split("\n") == in_sh("...", "compose_update edge")


def test_the_page_and_the_script_update_compose_with_the_same_lines() -> None:
    found = docker("nginx:1.29.0", "edge", "edge2")
    for line in commands(found)[0].text.split("\n")[1:]:
        assert line in script([found]).split("\n")


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda path: path.stem)
def test_what_diun_really_sends_gets_a_command_that_names_its_image(payload: Path) -> None:
    sent = json.loads(payload.read_bytes())
    metadata = sent["metadata"] or {}
    names = metadata.get("ctn_names") or metadata.get("ctn_name")
    found = commands(update(sent["image"], sent["provider"], metadata, (names,) if names else (), kind="new"))
    assert image.parse(sent["image"]).image.removeprefix("docker.io/") in "\n".join(command.text for command in found)


@pytest.mark.parametrize(
    ("pod", "workload"),
    [
        ("web-66b6c48dd5-x7k2q", "deployment/web"),
        ("nginx-deployment-75675f5897-7ci7o", "deployment/nginx-deployment-75675f5897-7ci7o"),
        ("nginx-deployment-75675f5897-kzszj", "deployment/nginx-deployment"),
        ("coredns-5d78c9869d-4rx6t", "deployment/coredns"),
        ("immich-server-7c4f9b8dcf-2wqvz", "deployment/immich-server"),
        ("web-0", "statefulset/web"),
        ("postgres-ha-12", "statefulset/postgres-ha"),
        ("node-exporter-9xk2f", "daemonset/node-exporter"),
        ("foo-db-x7k2q", "daemonset/foo-db"),
        ("backup-29394840-x7k2q", "cronjob/backup"),
        ("plain", "deployment/plain"),
    ],
)
def test_the_workload_of_kubernetes_is_read_out_of_the_name_of_its_pod(pod: str, workload: str) -> None:
    assert f" set image {workload} nginx=" in commands(kubernetes(pod))[0].text


def test_without_a_namespace_kubectl_and_nomad_take_their_own() -> None:
    pod = {"pod_name": "web-66b6c48dd5-x7k2q", "ctn_name": "nginx"}
    assert "\nkubectl set image deployment/web " in commands(update(provider="kubernetes", metadata=pod))[0].text
    job = update(provider="nomad", metadata={"job_id": "media"})
    assert commands(job)[0].text.endswith("\nnomad job run media.nomad.hcl")


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("docker.io/library/nginx:1.29.0", "nginx:1.29.0"),
        ("docker.io/crazymax/diun:4.33.0", "crazymax/diun:4.33.0"),
        (f"docker.io/library/nginx@{SHA256}", f"nginx@{SHA256}"),
        ("ghcr.io/library/nginx:2", "ghcr.io/library/nginx:2"),
        ("docker.io/library/a/b:2", "docker.io/library/a/b:2"),
        ("docker.io/example.com/app:2", "docker.io/example.com/app:2"),
        ("docker.io/localhost/app:2", "docker.io/localhost/app:2"),
    ],
)
def test_docker_gets_the_short_name_where_it_means_the_same(text: str, short: str) -> None:
    assert commands(update(text))[0].text == f"docker pull {short}"


def test_an_image_that_is_pinned_by_digest_is_named_with_it() -> None:
    found = commands(docker(f"nginx@{SHA256}", kind="new"))[0].text
    assert found.startswith(f"sh -c '\n# Make sure compose.yml uses nginx@{SHA256}.\n")


def on(host: str, found: Update) -> Update:
    return replace(found, host=host)


def test_a_selection_gives_one_script_grouped_by_host() -> None:
    selection = [
        on("pi", update("redis:7.4.0", kind="rebuild")),
        on("nas", docker("postgres:17.1", "shop-db-1", "shop_db")),
        on("nas", update("python:3.14-slim", "dockerfile", from_version="3.13-slim")),
        on("nas", docker("ghcr.io/immich-app/immich-server:v1.119.0", "immich_server", kind="new")),
        on("pi", update("nginx:1.29.0", "kubernetes", KUBERNETES, ("nginx",))),
    ]
    assert shortened(script(selection)) == (
        ": 'Run each block on the host that it names. It stops at its first error.'\n"
        "\n"
        ": 'Host nas'\n"
        "sh -eu -c\n"
        "...\n"
        "\n"
        "# postgres 1.27.0 to 17.1\n"
        "# Make sure compose.yml uses 17.1, not 1.27.0.\n"
        "compose_update shop-db-1\n"
        "compose_update shop_db\n"
        "\n"
        "# python 3.13-slim to 3.14-slim\n"
        "# Make sure the Dockerfile uses 3.14-slim, not 3.13-slim.\n"
        "# In the folder of the Dockerfile, with the -t that its image has:\n"
        "# By hand for python: docker build --pull .\n"
        "\n"
        "# ghcr.io/immich-app/immich-server v1.119.0\n"
        "# Make sure compose.yml uses ghcr.io/immich-app/immich-server:v1.119.0.\n"
        "compose_update immich_server\n"
        "end\n"
        "\n"
        ": 'Host pi'\n"
        "sh -eu -c\n"
        "\n"
        "# nginx 1.27.0 to 1.29.0\n"
        "# Change it in the manifest too, or the next kubectl apply reverts it.\n"
        "kubectl -n shop set image deployment/web nginx=docker.io/library/nginx:1.29.0\n"
        "\n"
        "# redis 7.4.0, rebuilt\n"
        "docker pull redis:7.4.0\n"
        "end\n"
    )


def test_nothing_selected_gives_no_script() -> None:
    assert script([]) == ""


def test_the_script_is_the_same_in_whatever_order_the_rows_were_selected() -> None:
    selection = [
        docker(),
        on("NAS", docker()),
        on("pi", update("redis:7.4.0")),
        on("pi", update("redis:7.10.0")),
        on("pi", replace(update("redis:7.10.0"), id=2, received_at=NOW + timedelta(1))),
    ]
    assert len({script(order) for order in permutations(selection)}) == 1


def test_the_newest_version_comes_last_so_that_it_is_what_stays() -> None:
    found = script([update(f"traefik:v3.{minor}", "swarm", SWARM, ("web_edge",)) for minor in (10, 9, 2)])
    assert re.findall(r"--image traefik:(\S+) web_edge", found) == ["v3.2", "v3.9", "v3.10"]


@pytest.mark.parametrize("provider", ["docker", "swarm", "file"])
@pytest.mark.parametrize(
    "changes",
    [
        {"state": State.SUPERSEDED},
        {"state": State.SUPERSEDED, "version": "v3.2"},
        {"kind": "older"},
        {"acknowledged_at": NOW, "state": State.ACKNOWLEDGED},
        {"state": State.MUTED},
    ],
)
def test_what_is_superseded_has_no_command_and_is_named_only(provider: str, changes: dict[str, Any]) -> None:
    below = replace(update("traefik:v3.1", provider, SWARM, ("web_edge",), "new"), running_version="v3.2", **changes)
    assert superseded(below)
    assert commands(below) == ()
    found = script([below])
    assert f"\n# traefik {below.version}\n# v3.2 runs already.\n" in found
    assert words(found) == []


def test_what_runs_or_is_above_it_is_not_superseded() -> None:
    for running in ("", "v3.0", "v3.1"):
        assert not superseded(replace(docker("traefik:v3.1"), running_version=running))


def test_what_two_updates_need_is_done_once() -> None:
    sidecar = update("busybox:1.37", "kubernetes", KUBERNETES | {"ctn_name": "log"}, ("log",), "rebuild")
    found = script([update("nginx:1.29.0", "kubernetes", KUBERNETES, ("nginx",), "rebuild"), sidecar, sidecar])
    lines = [line for line in found.split("\n") if line]
    assert lines.count("kubectl -n shop rollout restart deployment/web") == 1
    assert len(lines) == len(set(lines))


def test_a_host_without_a_name_has_its_block() -> None:
    assert ": 'Host without a name'\nsh -eu -c '\n" in script([update(host="")])


WORDS = st.text(max_size=12) | st.text(
    st.sampled_from("\n\r\t\x1b'\"\\$`;&|<>()#!*?~= \x85\u2028\u202e-ax0"), max_size=12
)
NAMES = WORDS.filter(str.strip)
BREAKOUTS = [
    "'\nrm -rf /\n'",
    "$(reboot)",
    "`reboot`",
    "a; reboot",
    "\x1b[201~reboot\r",
    "#",
    "-v",
    "--help",
    "a\u2028b",
]


def printable(word: str) -> str:
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in word)


def words(text: str) -> list[list[str]]:
    """What a shell and its sh run, line by line; of a call for a service, how its container is found."""
    lines = re.sub(r'^compose_update "\$\((.*)\)"$', r"\1", opened(text), flags=re.MULTILINE).split("\n")
    found = [shlex.split(line, comments=True) for line in lines]
    return [line for line in found if line and line[0] not in (":", "sh", "end")]


def operands(*found: str) -> list[str]:
    return [*(["--"] if any(word.startswith("-") for word in found) else []), *map(printable, found)]


@given(NAMES, NAMES.filter(lambda name: "\n" not in name), NAMES)
@example("shop", "web-66b6c48dd5-x7k2q", "'\nrm -rf /\n'")
def test_kubectl_gets_exactly_the_names(namespace: str, pod: str, container: str) -> None:
    metadata = {"pod_namespace": namespace, "pod_name": f"{pod}-66b6c48dd5-x7k2q", "ctn_name": container}
    start = ["kubectl", "-n", printable(namespace)]
    workload = f"deployment/{pod}"
    [found] = words(commands(update("nginx:2", "kubernetes", metadata))[0].text)
    assert found == [*start, "set", "image", *operands(workload, f"{container}=docker.io/library/nginx:2")]
    [found] = words(commands(update("nginx:2", "kubernetes", metadata, kind="rebuild"))[0].text)
    assert found == [*start, "rollout", "restart", printable(workload)]


@given(st.lists(NAMES, min_size=1, max_size=4, unique=True), NAMES)
@example(BREAKOUTS, "'; reboot; '")
def test_swarm_gets_exactly_the_names(services: list[str], text: str) -> None:
    given_update = update(f"ghcr.io/{text}:1", "swarm", {}, tuple(services), from_version="")
    name = printable(given_update.image)
    assert words(commands(given_update)[0].text) == [
        ["docker", "service", "update", "--image", name, *operands(service)] for service in services
    ]


@given(st.lists(NAMES, min_size=1, max_size=4, unique=True))
@example(BREAKOUTS)
def test_docker_compose_gets_exactly_the_names(containers: list[str]) -> None:
    text = commands(docker("nginx:1.29.0", *containers))[0].text
    assert words(shortened(text))[1:] == [["compose_update", printable(name)] for name in containers]


@given(NAMES, NAMES)
@example("'\nrm -rf /\n'", "-v")
def test_nomad_and_containerd_get_exactly_the_names(namespace: str, name: str) -> None:
    metadata = {"job_id": name, "job_namespace": namespace, "ctn_namespace": namespace}
    outside = printable(namespace)
    [found] = words(commands(update("nginx:2", "nomad", metadata))[0].text)
    assert found == ["nomad", "job", "run", "-namespace", outside, *operands(f"{name}.nomad.hcl")]
    [found] = words(commands(update("nginx:2", "nomad", metadata, kind="rebuild"))[0].text)
    assert found == ["nomad", "job", "restart", "-namespace", outside, "-on-error", "fail", *operands(name)]
    [found] = words(commands(update("nginx:2", "containerd", metadata))[0].text)
    assert found == ["nerdctl", "--namespace", outside, "pull", "nginx:2"]


@given(NAMES)
@example("-v")
@example("a\nrm -rf /")
def test_docker_pull_gets_exactly_the_image(text: str) -> None:
    given_update = update(text, from_version="")
    [[*command, pulled]] = words(commands(given_update)[0].text)
    assert command in (["docker", "pull"], ["docker", "pull", "--"])
    assert printable(given_update.image) in (pulled, f"docker.io/{pulled}", f"docker.io/library/{pulled}")
    assert ("--" in command) == pulled.startswith("-")


PROVIDERS = st.sampled_from(["docker", "swarm", "kubernetes", "nomad", "containerd", "dockerfile", "file", ""])
KEYS = ["svc_id", "pod_name", "pod_namespace", "ctn_name", "job_id", "job_namespace", "ctn_namespace"]
KEYS += ["compose_project", "compose_service"]
ANY = st.builds(
    update,
    NAMES,
    PROVIDERS,
    st.dictionaries(st.sampled_from(KEYS), WORDS),
    st.lists(NAMES, max_size=3).map(tuple),
    st.sampled_from(["new", "minor", "rebuild", "older"]),
    WORDS,
    WORDS,
    WORDS,
)


@given(st.lists(ANY, max_size=4))
def test_every_line_is_a_comment_or_a_command_of_a_known_tool(selection: list[Update]) -> None:
    texts = [shortened(command.text).replace("...", "") for found in selection for command in commands(found)]
    for line in [*"\n".join(texts).split("\n"), *shortened(script(selection)).split("\n")]:
        assert line.isprintable()
        if line.startswith(("# ", ": ")):
            assert not set("!\"#$%&'()*;<=>?[\\]^`{|}~") & set(line[2:].removeprefix("'").removesuffix("'"))
    known = {"compose_update", "docker", "kubectl", "nomad", "nerdctl", "ctr"}
    assert {found[0] for text in texts for found in words(text)} <= known


@given(st.lists(ANY, max_size=4))
def test_a_block_repeats_no_line(selection: list[Update]) -> None:
    for block in script(selection).split(": 'Host ")[1:]:
        lines = [line for line in block.split("\n") if re.match("[a-z#]", line)]
        assert len(lines) == len(set(lines))


Run = Callable[[str, dict[str, str]], list[list[str]]]

# Writes down how it was called, and for docker compose where. Of a container it tells what docker compose writes on
# it, unless the container is "bare" or "gone".
STUB = r"""#!/bin/sh
[ "$1" = compose ] && set -- "$@" "$PWD" "$COMPOSE_PROJECT_NAME" "$COMPOSE_FILE" "$COMPOSE_PATH_SEPARATOR"
{ printf '%s\037' "${0##*/}" "$@"; printf '\036'; } >> "$CALLS"
case "$*" in
*"container inspect"*gone) exit 1 ;;
*"container inspect"*bare) echo ;;
*"container inspect"*project.working_dir*) echo "$FOLDER" ;;
*"container inspect"*project.config_files*) echo "$FOLDER/a.yml,$FOLDER/b.yml" ;;
*"container inspect"*compose.project*) echo shop ;;
*"container inspect"*compose.service*stuck) echo stuck ;;
*"container inspect"*compose.service*) echo web ;;
"pull "*fails*) exit 1 ;;
"compose pull -- stuck "*) exit 1 ;;
"ps "*) echo edge ;;
esac
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run a script where each tool only writes down how it was called: those calls, but for `docker inspect`."""
    folder = tmp_path_factory.mktemp("tools")
    for tool in ("docker", "kubectl", "nomad", "nerdctl", "ctr"):
        (folder / tool).write_text(STUB)
        (folder / tool).chmod(0o755)
    (folder / "sh").symlink_to("/bin/sh")
    calls = folder / "calls"

    def run_it(text: str, variables: dict[str, str]) -> list[list[str]]:
        calls.write_text("")
        environment = {"PATH": str(folder), "CALLS": str(calls), "FOLDER": str(folder), **variables}
        subprocess.run(["/bin/sh"], input=text.encode(), env=environment, cwd=folder, check=False, capture_output=True)
        found = [call.split("\x1f")[:-1] for call in calls.read_text().split("\x1e")[:-1]]
        return [call for call in found if call[1] != "container"]

    return run_it


def test_the_script_recreates_a_container_where_its_compose_project_is(run: Run, tmp_path: Path) -> None:
    where = tmp_path / "my stack"
    where.mkdir()
    called = run(script([docker("nginx:1.29.0", "bare", "edge", "gone")]), {"FOLDER": str(where)})
    project = [str(where), "shop", f"{where}/a.yml,{where}/b.yml", ","]
    assert called == [
        ["docker", "compose", "pull", "--", "web", *project],
        ["docker", "compose", "up", "-d", "--", "web", *project],
    ]


def test_a_command_alone_stops_where_it_cannot_pull_and_ends_no_shell(run: Run) -> None:
    text = commands(docker("nginx:1.29.0", "stuck", "gone", "edge"))[0].text
    called = [call[:5] for call in run(text, {})]
    assert called == [
        ["docker", "compose", "pull", "--", "stuck"],
        ["docker", "compose", "pull", "--", "web"],
        ["docker", "compose", "up", "-d", "--"],
    ]


@pytest.mark.parametrize("name", ["shop", "my shop", *BREAKOUTS])
def test_a_service_that_diun_boost_names_is_updated_by_one_of_its_containers(run: Run, name: str) -> None:
    metadata = {"compose_project": name, "compose_service": name}
    (found, *called) = run(commands(update(metadata=metadata))[0].text, {})
    labels = [f"label=com.docker.compose.{key}={printable(name)}" for key in ("project", "service")]
    assert found[:6] == ["docker", "ps", "--all", "--quiet", "--last", "1"]
    assert found[6:] == ["--filter", labels[0], "--filter", labels[1]]
    assert [call[1:5] for call in called] == [["compose", "pull", "--", "web"], ["compose", "up", "-d", "--"]]


def test_a_block_stops_at_its_first_error_and_the_next_host_is_not_held_up(run: Run) -> None:
    selection = [
        update("a/fails:2", host="nas"),
        update("b/never:2", host="nas"),
        update("c/other:2", host="pi"),
    ]
    assert run(script(selection), {}) == [["docker", "pull", "a/fails:2"], ["docker", "pull", "c/other:2"]]


@given(selection=st.lists(ANY, max_size=4))
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(selection=[update(name, "swarm", {}, (name,), host=name) for name in BREAKOUTS])
@example(selection=[update(name, "nomad", {"job_id": name}, from_version=name) for name in BREAKOUTS])
def test_a_shell_runs_the_commands_and_nothing_else(run: Run, selection: list[Update]) -> None:
    found = script(selection)
    plain = [line for line in opened(found).split("\n") if re.match("(docker|kubectl|nomad|nerdctl|ctr) ", line)]
    called = [call for call in run(found, {}) if call[1] not in ("compose", "ps")]
    assert sorted(called) == sorted(shlex.split(line) for line in plain)
