"""The commands that install an update, ready to copy into an interactive shell. Pure.

Every name comes from outside. In a command it is one quoted word; a comment keeps only characters that no shell acts
on. In both, characters that cannot be printed become U+FFFD, so that no name ends a line, or the paste of a terminal.

Lines are written for POSIX's sh, with comments after `#`. The text to copy has no such comments, because an interactive
zsh would run them. A comment becomes a quoted word that nothing reads, and code for sh only is one word for `sh -c`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from itertools import accumulate, groupby

from diundashboard import image, shell
from diundashboard.limits import BLOCK, COMMAND, SCRIPT
from diundashboard.model import State, Update

# All punctuation of ASCII except that in the names of images: . _ : / @ + - and the comma.
_ACTIVE = re.compile(r"[!-*;-?\[-^`{-~]")
_DOCKER_HUB = "docker.io/"


@dataclass(frozen=True, slots=True)
class Command:
    """Lines for a shell; `label` names the tool."""

    label: str
    text: str


def commands(update: Update) -> tuple[Command, ...]:
    """The commands that install the update, the recommended one first; none if it is superseded.

    The names are those that DIUN reported. It does not report everything that a command needs. These are guesses:

    - the workload of Kubernetes, from the name of a pod: DIUN reports neither the workload nor its type;
    - the job file of Nomad, which often has the name of the job.

    A wrong guess usually names something that does not exist, and the tool refuses it.
    """
    if superseded(update):
        return ()
    return tuple(Command(found.label, _to_copy(found.text)) for found in _commands(update))


def superseded(update: Update) -> bool:
    """Whether a higher version runs, so that a command for this one would go back."""
    below = image.kind(update.running_version, update.version) == image.Kind.OLDER
    return update.state == State.SUPERSEDED or below


def script(updates: Sequence[Update]) -> str:
    """One script for a selection: a block for each host, to be run there; "" for nothing. A long one has several.

    A block stops at its first error. It runs in its own shell, so that this does not close the session into which it is
    pasted. A command that needs a folder that DIUN does not report (a Dockerfile's, a job file's) is a comment; a
    superseded update is only named. For docker compose, docker itself knows the folder and the service. The newest
    version of an image comes last, so that it is the one that stays.
    """
    if not updates:
        return ""
    ordered = sorted(updates, key=_order)
    places = accumulate(sum(map(_size, _lines(update))) for update in ordered)
    kept = [(update, place) for update, place in zip(ordered, places, strict=True) if place <= SCRIPT]
    grouped = groupby(kept, key=lambda found: (found[0].host, found[1] // BLOCK))
    blocks = [_block(host, [update for update, _ in found]) for (host, _), found in grouped]
    if rest := len(ordered) - len(kept):
        left_out = f"{rest} more updates are left out, as the script would be too long: choose fewer at a time."
        blocks.append(shell.note(left_out))
    first = shell.note("Run each block on the host that it names. It stops at its first error.")
    return "\n\n".join([first, *blocks]) + "\n"


# Runs in its own subshell, which stops at its first error wherever it is pasted. The labels are those that docker
# compose puts on its containers; the list of files matters if it was started with -f. If one container is gone, the
# others are still updated.
_COMPOSE_UPDATE = """\
compose_update() (
  set -eu
  container=$1
  label() { docker container inspect --format "{{index .Config.Labels \\"com.docker.compose.$1\\"}}" -- "$container"; }
  service=$(label service) || service=
  if [ -z "$service" ]; then
    echo "$container: not run by docker compose, left as it is" >&2
    exit
  fi
  folder=$(label project.working_dir)
  COMPOSE_PROJECT_NAME=$(label project)
  COMPOSE_FILE=$(label project.config_files)
  COMPOSE_PATH_SEPARATOR=,
  export COMPOSE_PROJECT_NAME COMPOSE_FILE COMPOSE_PATH_SEPARATOR
  cd "$folder"
  docker compose pull -- "$service"
  docker compose up -d -- "$service"
)"""


def _order(update: Update) -> tuple[str, str, str, str, str, datetime, int]:
    key = image.version(update.version).sort_key
    names = update.host.casefold(), update.host, update.registry, update.repository
    return *names, key, update.received_at, update.id


def _block(host: str, updates: Sequence[Update]) -> str:
    shared = [_COMPOSE_UPDATE] if any(_calls(update) and not superseded(update) for update in updates) else []
    lines = dict.fromkeys(line for update in updates for line in _lines(update))
    named = shell.note(f"Host {_plain(host) or 'without a name'}")
    return f"{named}\n{shell.to_sh('sh -eu -c', *shared, *lines)}"


def _lines(update: Update) -> Iterator[str]:
    name = _plain(_short(f"{update.registry}/{update.repository}"))
    yield f"\n# {name} {_step(update)}"
    if superseded(update):
        yield f"# {_plain(update.running_version) or 'A higher version'} runs already."
        return
    if calls := _calls(update):
        yield from _edit(update, "compose.yml")
        yield from calls
        return
    command = _commands(update)[0]
    for line in command.text.split("\n"):
        by_hand = command.label in _NEED_A_FOLDER
        yield f"# By hand for {name}: {_plain(line)}" if by_hand and not line.startswith("#") else line


def _commands(update: Update) -> tuple[Command, ...]:
    """The same as `commands`, for POSIX's sh."""
    return tuple(_PROVIDERS.get(update.provider, _other)(update)) or tuple(_pull(update))


def _to_copy(text: str) -> str:
    """Lines for POSIX's sh as lines for any shell."""
    lines = text.split("\n")
    if _COMPOSE_UPDATE in text:
        return shell.to_sh("sh -c", *lines)
    return "\n".join(shell.note(line.removeprefix("# ")) if line.startswith("#") else line for line in lines)


def _calls(update: Update) -> list[str]:
    """The calls of `compose_update` for what DIUN reported: containers, or services as diun-boost names them."""
    if update.provider == "docker" and update.containers:
        return _bounded([_line("compose_update", container) for container in update.containers], "containers")
    if update.provider != "docker" and update.provider in _PROVIDERS:
        return []
    found = (update.metadata, *update.container_metadata.values())
    calls = dict.fromkeys(_call(metadata) for metadata in found if metadata.get("compose_service"))
    return _bounded(list(calls), "services")


def _bounded(lines: list[str], what: str) -> list[str]:
    """The first lines of one command, and how many are left out."""
    places = accumulate(map(_size, lines))
    kept = lines[: sum(1 for place in places if place <= COMMAND)]
    return kept if len(kept) == len(lines) else [*kept, f"# {len(lines) - len(kept)} more {what} are left out here."]


def _size(line: str) -> int:
    """The bytes that a line takes on a page, as part of a word."""
    return len(escape(shell.quoted(line)).encode(errors="replace"))


def _call(metadata: Mapping[str, str]) -> str:
    """The call for one container of a service. It updates the other containers of that service too."""
    filters = []
    for name in ("project", "service"):
        if value := metadata.get(f"compose_{name}"):
            filters += ["--filter", f"label=com.docker.compose.{name}={value}"]
    return f'compose_update "$({_line("docker", "ps", "--all", "--quiet", "--last", "1", *filters)})"'


def _step(update: Update) -> str:
    version = _plain(update.version or update.digest)
    if _rebuilt(update):
        return f"{version}, rebuilt"
    return f"{_plain(update.from_version)} to {version}" if update.from_version else version


def _docker(update: Update) -> Iterator[Command]:
    yield from _compose(update)
    yield _command(
        "docker pull",
        *(_edit(update, "the configuration") if _moved(update) else ()),
        "# Pulling does not update a running container. Recreate it.",
        _line("docker", "pull", *_operands(_short(_target(update)))),
    )


def _compose(update: Update) -> Iterator[Command]:
    if calls := _calls(update):
        yield _command("docker compose", *_edit(update, "compose.yml"), _COMPOSE_UPDATE, *calls)


def _swarm(update: Update) -> Iterator[Command]:
    """Docker looks up the digest of the image each time, so a rebuilt tag needs nothing else."""
    services = update.containers or tuple(filter(None, [update.metadata.get("svc_id")]))
    if services:
        yield _command(
            "docker service update",
            *_keep(update, "the stack file", "docker stack deploy"),
            *_bounded(
                [
                    _line("docker", "service", "update", "--image", _short(update.image), *_operands(service))
                    for service in services
                ],
                "services",
            ),
        )


def _kubernetes(update: Update) -> Iterator[Command]:
    """The commands use full names: not every runtime of Kubernetes looks up short ones on Docker Hub."""
    pod, container = update.metadata.get("pod_name"), update.metadata.get("ctn_name")
    if not (pod and container):
        return
    namespace = update.metadata.get("pod_namespace")
    kubectl = ["kubectl", "-n", namespace] if namespace else ["kubectl"]
    workload = _workload(pod)
    if _needs_an_edit(update):
        yield _command(
            "kubectl set image",
            *_keep(update, "the manifest", "kubectl apply"),
            _line(*kubectl, "set", "image", *_operands(workload, f"{container}={_target(update)}")),
        )
    elif workload.startswith("cronjob/"):
        yield _command(
            "kubectl get",
            "# The next run pulls the image again if imagePullPolicy is Always.",
            _line(*kubectl, "get", workload),
        )
    else:
        yield _command(
            "kubectl rollout restart",
            "# The pods pull the image again if imagePullPolicy is Always.",
            _line(*kubectl, "rollout", "restart", workload),
        )


def _nomad(update: Update) -> Iterator[Command]:
    job, namespace = update.metadata.get("job_id"), update.metadata.get("job_namespace")
    if not job:
        return
    options = ["-namespace", namespace] if namespace else []
    if not _needs_an_edit(update):
        yield _command(
            "nomad job restart",
            "# Nomad pulls the image again if the tag is latest or force_pull is true.",
            _line("nomad", "job", "restart", *options, "-on-error", "fail", *_operands(job)),
        )
    else:
        yield _command(
            "nomad job run",
            *_edit(update, "the job file"),
            "# In the folder of the job file:",
            _line("nomad", "job", "run", *options, *_operands(f"{job}.nomad.hcl")),
        )


def _containerd(update: Update) -> Iterator[Command]:
    """nerdctl reads names as docker does; ctr needs full names."""
    namespace = update.metadata.get("ctn_namespace")
    options = ["--namespace", namespace] if namespace else []
    kept = "# Pulling does not update a running container. Recreate it."
    yield _command("nerdctl pull", kept, _line("nerdctl", *options, "pull", *_operands(_short(_target(update)))))
    yield _command("ctr images pull", kept, _line("ctr", *options, "images", "pull", *_operands(_target(update))))


def _dockerfile(update: Update) -> Iterator[Command]:
    edit = tuple(_edit(update, "the Dockerfile"))
    folder = "# In the folder of the Dockerfile, with the -t that its image has:"
    yield _command("docker build", *edit, folder, "docker build --pull .")
    yield _command(
        "docker compose build",
        *edit,
        "# In the folder of compose.yml:",
        "docker compose build --pull",
        "docker compose up -d",
    )


def _pull(update: Update) -> Iterator[Command]:
    yield _command("docker pull", _line("docker", "pull", *_operands(_short(_target(update)))))


def _other(update: Update) -> Iterator[Command]:
    """For an image from a file or an unknown provider. diun-boost, which may have sent it, names the service."""
    yield from _compose(update)
    yield from _pull(update)


_PROVIDERS: dict[str, Callable[[Update], Iterator[Command]]] = {
    "docker": _docker,
    "swarm": _swarm,
    "kubernetes": _kubernetes,
    "nomad": _nomad,
    "containerd": _containerd,
    "dockerfile": _dockerfile,
}
_NEED_A_FOLDER = ("docker build", "nomad job run")


def _rebuilt(update: Update) -> bool:
    return update.kind == image.Kind.REBUILD


def _moved(update: Update) -> bool:
    """Whether the reference contains a digest other than the new one: then pulling alone changes nothing."""
    return bool(update.pinned and update.digest) and update.pinned != update.digest


def _needs_an_edit(update: Update) -> bool:
    return not _rebuilt(update) or _moved(update)


def _target(update: Update) -> str:
    """The new reference, with a digest if the user pins one."""
    return f"{update.image}@{update.digest}" if update.pinned and update.version and update.digest else update.image


def _edit(update: Update, file: str) -> Iterator[str]:
    """What to change before the command has an effect; nothing if the reference stays."""
    before, after = _plain(update.from_version), _plain(update.version)
    old, new = _plain(update.pinned), _plain(update.digest)
    if _moved(update):
        same = not (before and after) or before == after
        yield (
            f"# Make sure {file} uses {new}, not {old}."
            if same
            else f"# Make sure {file} uses {after}@{new}, not {before}@{old}."
        )
        yield "# The image is pinned to a digest, so pulling alone changes nothing."
    elif _rebuilt(update):
        return
    elif before and after:
        yield f"# Make sure {file} uses {after}, not {before}."
    else:
        yield f"# Make sure {file} uses {_plain(_short(_target(update)))}."


def _keep(update: Update, file: str, command: str) -> Iterator[str]:
    """What to change in addition to the command, which changes what runs by itself."""
    if _needs_an_edit(update):
        yield f"# Change it in {file} too, or the next {command} reverts it."


# How Kubernetes names the pods of a workload. A pod's own suffix has five of 27 characters, without vowels. The hash
# of a ReplicaSet is a number of 32 bits whose digits are written as ten of those (`SafeEncodeString`).
_POD = "[bcdfghjklmnpqrstvwxz2456789]{5}"
_WORKLOADS = {
    "deployment": re.compile(rf"(.+)-[4-9bcdf]{{7,10}}-{_POD}"),
    "cronjob": re.compile(rf"(.+)-[0-9]{{8}}-{_POD}"),
    "statefulset": re.compile("(.+)-(?:0|[1-9][0-9]{0,3})"),
    "daemonset": re.compile(rf"(.+)-{_POD}"),
}


def _workload(pod: str) -> str:
    """What `kubectl` changes: the most likely owner of a pod with this name."""
    for workload, pattern in _WORKLOADS.items():
        if named := pattern.fullmatch(pod):
            return f"{workload}/{named[1]}"
    return f"deployment/{pod}"


def _short(name: str) -> str:
    """The name as people write it for docker: without docker.io and library/, if that means the same."""
    short = name.removeprefix(_DOCKER_HUB).removeprefix("library/")
    same = name.startswith(_DOCKER_HUB) and short.strip() and _full(short) == _full(name)
    return short if same else name


def _full(name: str) -> str:
    return image.parse(name).image


def _operands(*words: str) -> tuple[str, ...]:
    """Arguments that are never read as options, even if they look like one."""
    return ("--", *words) if any(word.startswith("-") for word in words) else words


def _command(label: str, *lines: str) -> Command:
    return Command(label, "\n".join(lines))


def _line(*words: str) -> str:
    return " ".join(shell.word(_printable(word)) for word in words)


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


def _plain(text: str) -> str:
    return _ACTIVE.sub("_", _printable(text))
