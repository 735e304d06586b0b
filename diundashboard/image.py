"""An image reference and its version: parse, compare, name the kind of the step. Pure.

Registries say nothing about the order of tags, so the rules here follow custom. If the order is unclear, two versions
do not compare: one row too many is better than an update that is folded under one that does not replace it.
"""

import re
from dataclasses import dataclass
from enum import StrEnum, auto
from functools import lru_cache

from diundashboard.limits import NAME
from diundashboard.text import name_of

_DOCKER_HUB = "docker.io"


@dataclass(frozen=True, slots=True)
class Reference:
    """The parts of an image reference. `version` is its tag; without a tag, only `digest` identifies the image."""

    registry: str
    repository: str
    version: str
    digest: str

    @property
    def name(self) -> str:
        return f"{self.registry}/{self.repository}"

    @property
    def image(self) -> str:
        """What identifies the image. Swarm adds a digest that changes with each deploy: ignored if there is a tag."""
        return f"{self.name}:{self.version}" if self.version else f"{self.name}@{self.digest}"


def parse(text: str) -> Reference:
    """Read a reference as Docker does (github.com/distribution/reference, `ParseNormalizedNamed`).

    A reference that the grammar refuses is read by the same rules, because DIUN reports each change only once. A part
    that is longer than any real one is shortened as `name_of` does, so that reading the result again gives the same.

    Raises:
        ValueError: the text is blank.
    """
    text = text.strip()
    if not text:
        raise ValueError("an image reference must not be blank")
    rest, _, digest = text.partition("@")
    registry, slash, path = rest.partition("/")
    named = any(mark in registry for mark in ".:") or registry == "localhost" or registry != registry.lower()
    if not (slash and named):
        registry, path = _DOCKER_HUB, rest
    elif registry in ("index.docker.io", "registry-1.docker.io"):
        registry = _DOCKER_HUB
    folder, slash, last = path.rpartition("/")
    last, _, tag = last.partition(":")
    if registry == _DOCKER_HUB and not slash:
        folder, slash = "library", "/"
    version = tag or ("" if digest else "latest")
    if len(text) > NAME // 5:
        return _shortened(registry, folder + slash, last, version, digest)
    return Reference(registry, folder + slash + last, version, digest)


def _shortened(registry: str, folder: str, last: str, version: str, digest: str) -> Reference:
    """A shortened registry keeps a dot, and a shortened repository of Docker Hub a slash, so that each is still one."""
    repository = folder + last
    if len(repository.encode(errors="replace")) > NAME:
        repository = folder[-1:].join([name_of(folder[:-1], NAME // 2), name_of(last, NAME // 2)])
    return Reference(name_of(registry, end=".invalid"), repository, name_of(version), name_of(digest))


class Kind(StrEnum):
    """How far an update goes, compared with the running version."""

    MAJOR = auto()
    MINOR = auto()
    PATCH = auto()
    BUILD = auto()
    REBUILD = auto()
    NEW = auto()
    OLDER = auto()


@dataclass(frozen=True, slots=True)
class Version:
    """A tag, read. Two compare if both have `numbers` and their variants are equal; `sort_key` orders those.

    The key is made of digits and dots, so code points, bytes and the collations C and BINARY agree on it. It
    is "" without numbers. If different tags have equal keys, it is unknown which is newer: they differ only in a
    commit hash, the way a number is written (`1.02`, `1.2`) or a separator (`-rc1`, `-rc.1`).
    """

    text: str
    variant: str
    numbers: bool
    prerelease: bool
    sort_key: str


# Each word with its rank, below the release's. SemVer 2.0 (11.4) and PEP 440 agree on those that both know.
_STAGES = {
    **dict.fromkeys(("dev", "snapshot", "nightly", "canary", "next"), "0"),
    **dict.fromkeys(("alpha", "a"), "1"),
    **dict.fromkeys(("beta", "b", "milestone", "m", "ea"), "2"),
    **dict.fromkeys(("preview", "prerelease", "pre"), "3"),
    **dict.fromkeys(("rc", "cr"), "4"),
}
_RELEASE = "9"
# A release that corrects the one before it, such as vLLM's v0.6.4.post1 and Checkmk's 2.3.0p21.
_MENDED = {"post", "patch", "hotfix", "fix", "p"}

# Repetitions are possessive, bounded, or begin where a part does, so the time is linear in the tag's length.
_TOKEN = re.compile(
    r"""
    (?P<date> (?:19|20)[0-9]{2} (?P<dash>[-_]?) (?:0[1-9]|1[0-2]) (?P=dash) (?:0[1-9]|[12][0-9]|3[01])
        (?: (?:[0-9]{2}){1,3} | T[0-9]{2}(?:[-:.]?[0-9]{2}){0,2}Z? )? (?![0-9]) )
    # Digits alone are a hash only after a word that says so: 4102345 is more likely a build.
  | (?P<hash> (?<![0-9A-Za-z])
        (?: (?: sha(?:1|256|512)?[-_.:]? | commit- | git- | g ) [0-9a-f]{7,64}
          | (?=[0-9]*[a-f]) (?=[a-f]*[0-9]) [0-9a-f]{7,64} ) (?![0-9A-Za-z]) )
    # Digits that are part of a name: processors, and pull requests, of which none replaces another.
  | (?P<name> (?<![0-9A-Za-z])
        (?i: amd64(?:v[1-4])? | arm(?:32|64)?v[5-8]l? | (?:arm|aarch|ppc|riscv|mips|loong|win|x)64
            | win32 | i[3-6]86 | x86(?:[-_]64)? | (?:pr|mr|pull)[-_.]?[0-9]+ ) (?![0-9A-Za-z]) )
  | (?P<number> [0-9]++(?:_[0-9]++){2,} | [0-9]++(?:\.[0-9]++)* )
    # 2026.12.0b3, v0.108.0-b.60, 11.0.0-M26; not the builds of 8u432-b06.
  | (?P<letter> (?<=[0-9])[ab](?=[0-9]) | (?<=[-.])[ab](?=\.[0-9]) | (?<=[-._])[mM](?=[0-9]) )
    # Digits between letters are part of the word (k3s); those at its end are its number.
  | (?P<word> [vV](?=[0-9]) | [^-._+0-9]++(?:[0-9]++[^-._+0-9]++)*+ )
  | (?P<mark> [-._+]++ )
    """,
    re.VERBOSE,
)


def version(tag: str) -> Version:
    """Read a tag. A part without an order (`latest`, a commit hash, `pr-123`, the 64 of `arm64`) is not a number.

    - The main number is the first that begins a part of the tag, bare or after `v`, `r` or `b`. The text
      before it is a name, kept whole: `pg16-v0.3.0` is 0.3.0 of the variant `pg16-v`, and `pg17-v0.3.0` does
      not replace it. If no part begins like that, it is the first at the end of a word: `pg16`, `jdk21-alpine`.
    - The words after it are the variant; their numbers count after the main one, from left to right.
    - A pre-release has the variant of its release and sorts before it: dev, alpha, beta, preview, rc.
    - A missing part is zero; if all else is equal, fewer parts come first: 16 < 16.0 < 16.0.0 < 16.1. In a
      suffix, nothing comes before zero: 26.0 < 26.0-0.
    - A date in one piece and a commit hash appear in the variant as `{date}` and `{hash}`, so that Alpine's
      20240923 does not follow 3.20.3.
    """
    return _read(tag)[0]


def variant(tag: str) -> str:
    """What the versions of a series share. A tag without an order is a series of its own: no tag contains `=`."""
    read = version(tag)
    return read.variant if read.numbers else f"={tag}"


def kind(running: str, offered: str) -> Kind:
    """The kind of the step between two tags of one repository: the first number that differs names it.

    `NEW` if they do not compare, or if it is unknown which is newer. A date in one piece counts as a build.
    """
    if running == offered:
        return Kind.REBUILD
    (old, before), (new, after) = _read(running), _read(offered)
    comparable = old.numbers and new.numbers and old.variant == new.variant
    if not comparable or old.sort_key == new.sort_key:
        return Kind.NEW
    if new.sort_key < old.sort_key:
        return Kind.OLDER
    for step, a, b in zip((Kind.MAJOR, Kind.MINOR, Kind.PATCH), before, after, strict=True):
        if a != b:
            return step
    return Kind.BUILD


def update_kind(running: str, offered: str, rebuilt: bool) -> Kind:
    """The kind of an update. `rebuilt` says whether its tag had another digest before."""
    step = kind(running, offered)
    if step in (Kind.NEW, Kind.REBUILD):
        return Kind.REBUILD if rebuilt else Kind.NEW
    return step


def _read(tag: str) -> tuple[Version, list[str]]:
    """The version, and the three numbers that name a kind; all zero if every difference is a build."""
    return _remembered(tag) if len(tag) <= NAME else _taken_apart(tag)


def _taken_apart(tag: str) -> tuple[Version, list[str]]:
    tokens = [(match.lastgroup, match[0]) for match in _TOKEN.finditer(tag)]
    words = ["{hash}" if group == "hash" else text for group, text in tokens]
    main = _main(tokens)
    if main is None:
        return Version(tag, "".join(words), False, False, ""), ["", "", ""]

    core = _numbers(*tokens[main])
    dated = tokens[main][0] == "date"
    variant = [*words[:main], "{date}" if dated else ""]
    stages: list[tuple[str, list[str]]] = []
    groups: list[list[str]] = [[]]
    numbers = groups[0]
    mark = ""
    for (group, text), word in zip(tokens[main + 1 :], words[main + 1 :], strict=True):
        if group == "mark":
            # A dash wins, so that 17.6.0-rc42.ce.0 and 17.6.0.dev1-ce.0 have the variant of 17.6.0-ce.0.
            mark = "-" if "-" in mark + text else mark or text[0]
        elif group in ("number", "date"):
            numbers += _numbers(group, text)
        elif text.lower() in _STAGES and (group == "letter" or len(text) > 1):
            numbers = []
            stages.append((_STAGES[text.lower()], numbers))
        elif text.lower() in _MENDED:
            numbers = groups[0]
            numbers.append("")
        else:
            variant += mark, word
            mark = ""
            numbers = []
            groups.append(numbers)

    significant = max((at for at, digits in enumerate(core, 1) if digits), default=0)
    # A dot ends each list and sorts before every number, so the shorter list comes first.
    key = [_key(core[:significant])]
    key += [rank + _key(numbers) for rank, numbers in stages]
    key += [_RELEASE, *map(_key, groups), _key([str(len(core))])]
    built = dated or any(group == "hash" for group, _ in tokens[:main])
    named = ["", "", ""] if built else [*core, "", "", ""][:3]
    return Version(tag, "".join(variant), True, bool(stages), "".join(key)), named


# The same tags arrive repeatedly. Tags that are longer than what the store keeps would only fill the memory.
_remembered = lru_cache(maxsize=4096)(_taken_apart)


def _main(tokens: list[tuple[str | None, str]]) -> int | None:
    found = [at for at, (group, _) in enumerate(tokens) if group in ("number", "date")]
    for at in found:
        start = at - 1 if at and tokens[at - 1][1] in ("v", "V", "r", "b") else at
        if start == 0 or tokens[start - 1][0] == "mark":
            return at
    return found[0] if found else None


def _numbers(group: str | None, text: str) -> list[str]:
    """Digits without leading zeros, "" for zero: as text, since a number may be too long for int()."""
    if group == "date":
        digits = re.sub("[^0-9]", "", text)
        return [digits[:8], digits[8:].lstrip("0")] if digits[8:] else [digits]
    return [digits.lstrip("0") for digits in re.split("[._]", text)]


def _key(numbers: list[str]) -> str:
    """Each number after its count of digits, which follows its own count of digits: a longer number is higher."""
    sizes = (str(len(digits)) for digits in numbers)
    return "".join(f"{len(size)}{size}{digits}" for size, digits in zip(sizes, numbers, strict=True)) + "."
