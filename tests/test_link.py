import json
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from diundashboard.link import links
from tests.updates import SHA256, an_update

PRIVATE = "127.0.0.1:5000/immich-app/immich-server"
PAYLOADS = sorted((Path(__file__).parent / "payloads").glob("*.json"))


def found(text: str, hub_link: str = "") -> dict[str, str]:
    return {link.label: link.url for link in links(an_update(text, hub_link=hub_link))}


HUB = "Docker Hub"
GHCR = "https://github.com/users"
REGISTRIES = [
    ("nginx:1.29.0", HUB, "https://hub.docker.com/_/nginx"),
    ("crazymax/diun:4.33.0", HUB, "https://hub.docker.com/r/crazymax/diun"),
    ("ghcr.io/a/b:1", "GitHub Packages", f"{GHCR}/a/packages/container/package/b"),
    ("ghcr.io/a/b/c:1", "GitHub Packages", f"{GHCR}/a/packages/container/package/b%2Fc"),
    ("quay.io/keycloak/keycloak:26.0-1", "Quay", "https://quay.io/repository/keycloak/keycloak"),
    (
        "lscr.io/linuxserver/sonarr:4.0.9",
        "LinuxServer.io",
        "https://fleet.linuxserver.io/image?name=linuxserver/sonarr",
    ),
    (
        "gcr.io/google-containers/busybox:latest",
        "Google Container Registry",
        "https://gcr.io/google-containers/busybox",
    ),
    ("eu.gcr.io/a/b/c:1", "Google Container Registry", "https://eu.gcr.io/a/b/c"),
    (
        "mcr.microsoft.com/dotnet/sdk:10.0",
        "Microsoft Artifact Registry",
        "https://mcr.microsoft.com/en-us/artifact/mar/dotnet/sdk/about",
    ),
    (
        "public.ecr.aws/docker/library/nginx:1.29.0",
        "Amazon ECR Public Gallery",
        "https://gallery.ecr.aws/docker/library/nginx",
    ),
    (
        "registry.gitlab.com/meltano/meltano:v3.1.0",
        "GitLab Container Registry",
        "https://gitlab.com/meltano/meltano/container_registry",
    ),
    (
        "codeberg.org/forgejo/forgejo:13.0.3",
        "Codeberg Packages",
        "https://codeberg.org/forgejo/-/packages/container/forgejo/13.0.3",
    ),
    (
        f"codeberg.org/a/b/c@{SHA256}",
        "Codeberg Packages",
        "https://codeberg.org/a/-/packages/container/b%2Fc/versions",
    ),
]


@pytest.mark.parametrize(("text", "label", "url"), REGISTRIES)
def test_a_known_registry_has_its_page(text: str, label: str, url: str) -> None:
    assert found(text)[label] == url


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1:5000/library/nginx:1.27.0",
        "localhost/app:1",
        "ghcr.io:443/a/b:1",
        "docker.io:443/library/nginx:1",
        "registry.example.com/ghcr.io/a/b:1",
        "registry.k8s.io/ingress-nginx/controller:v1.12.0",
        "lscr.io/somebody/app:1",
        "registry.gitlab.com/group/project/image:1",
        "quay.io/lonely:1",
        "docker.io/a/b/c:1",
        "ghcr.io/../b:1",
        "ghcr.io/a//b:1",
    ],
)
def test_what_has_no_page_that_is_certain_gives_no_link(text: str) -> None:
    assert found(text) == {}


FORGES = [
    (
        "https://github.com/immich-app/immich",
        {
            "Source": "https://github.com/immich-app/immich",
            "Releases": "https://github.com/immich-app/immich/releases",
            "Release v1.119.0": "https://github.com/immich-app/immich/releases/tag/v1.119.0",
        },
    ),
    (
        "https://gitlab.com/group/team/project",
        {
            "Source": "https://gitlab.com/group/team/project",
            "Releases": "https://gitlab.com/group/team/project/-/releases",
            "Release v1.119.0": "https://gitlab.com/group/team/project/-/releases/v1.119.0",
        },
    ),
    (
        "https://codeberg.org/readeck/readeck",
        {
            "Source": "https://codeberg.org/readeck/readeck",
            "Releases": "https://codeberg.org/readeck/readeck/releases",
            "Release v1.119.0": "https://codeberg.org/readeck/readeck/releases/tag/v1.119.0",
        },
    ),
]


@pytest.mark.parametrize(("hub_link", "expected"), FORGES)
def test_a_hub_link_to_a_repository_gives_its_source_and_its_releases(hub_link: str, expected: dict[str, str]) -> None:
    assert found(f"{PRIVATE}:v1.119.0", hub_link) == expected
    assert found(f"{PRIVATE}:v1.119.0", f"{hub_link}/") == expected


@pytest.mark.parametrize(
    ("hub_link", "source"),
    [
        ("http://www.github.com/a/b.git", "https://github.com/a/b"),
        ("https://GitHub.com/a/b/tree/main/docker?x=1#readme", "https://github.com/a/b"),
        ("https://github.com/a/b/pkgs/container/c", "https://github.com/a/b"),
        ("https://gitlab.com/a/b/-/tree/main", "https://gitlab.com/a/b"),
        ("https://gitlab.com/a/b/tree/main", "https://gitlab.com/a/b"),
        ("https://codeberg.org/a/b/src/branch/main", "https://codeberg.org/a/b"),
    ],
)
def test_a_page_of_a_repository_gives_the_repository(hub_link: str, source: str) -> None:
    assert found(f"{PRIVATE}:v1", hub_link)["Source"] == source


@pytest.mark.parametrize(
    "hub_link",
    [
        "https://immich.app",
        "https://immich.app/immich-app/immich",
        "https://github.com",
        "https://github.com/immich-app",
        "https://github.com/users/immich-app/packages/container/package/immich-server",
        "https://github.com/orgs/immich-app/repositories",
        "https://github.com/a/..",
        "https://github.com/a/b%2F..%2Fc",
        "https://github.com/a/b%20c",
        "https://github.com.example.com/a/b",
        "https://github.com:8443/a/b",
        "https://gist.github.com/a/b",
        "https://gitlab.com/groups/a",
        "https://gitlab.com/group/project/image/container_registry",
        "https://codeberg.org/forgejo/-/packages/container/forgejo/13",
    ],
)
def test_another_page_gives_no_source(hub_link: str) -> None:
    only = links(an_update(f"{PRIVATE}:v1.119.0", hub_link=hub_link))
    assert [link.url for link in only] == [hub_link]
    assert only[0].label == urlsplit(hub_link).netloc


@pytest.mark.parametrize(
    ("version", "tagged"),
    [
        ("1.29.0", True),
        ("v3.2.1", True),
        ("2026.11.1", True),
        ("1.0.0-rc1", True),
        ("v1.2.3-beta.4", True),
        ("4.0.9.2244", True),
        ("16", False),
        ("v3.1", False),
        ("1.29.0-alpine", False),
        ("latest", False),
        ("sha-1a2b3c4", False),
        ("4.0.9.2244-ls257", False),
    ],
)
def test_a_version_has_a_release_where_the_source_likely_has_it_too(version: str, tagged: bool) -> None:
    labels = found(f"{PRIVATE}:{version}", "https://github.com/a/b")
    assert (f"Release {version}" in labels) == tagged
    assert "Releases" in labels


@pytest.mark.parametrize("registry", ["lscr.io", "ghcr.io", "docker.io"])
def test_the_source_of_linuxserver_is_known(registry: str) -> None:
    source = "https://github.com/linuxserver/docker-sonarr"
    labels = found(f"{registry}/linuxserver/sonarr:4.0.9.2244-ls257")
    assert labels["Source"] == source
    assert labels["Release 4.0.9.2244-ls257"] == f"{source}/releases/tag/4.0.9.2244-ls257"
    assert "Release 4.0.9" not in found(f"{registry}/linuxserver/sonarr:4.0.9")


def test_an_image_of_a_project_on_gitlab_gives_its_source() -> None:
    assert found("registry.gitlab.com/meltano/meltano:v3.1.0") == {
        "GitLab Container Registry": "https://gitlab.com/meltano/meltano/container_registry",
        "Source": "https://gitlab.com/meltano/meltano",
        "Releases": "https://gitlab.com/meltano/meltano/-/releases",
        "Release v3.1.0": "https://gitlab.com/meltano/meltano/-/releases/v3.1.0",
    }


def test_the_source_of_an_image_on_github_packages_is_not_guessed() -> None:
    assert list(found("ghcr.io/immich-app/immich-server:v1.119.0")) == ["GitHub Packages"]


@pytest.mark.parametrize(
    ("text", "hub_link"),
    [
        ("nginx:1.29.0", "https://hub.docker.com/_/nginx"),
        ("nginx:1.29.0", "http://hub.docker.com/_/nginx/"),
        ("ghcr.io/a/b:1", "https://github.com/users/a/packages/container/package/b"),
        ("quay.io/coreos/hyperkube:1", "https://quay.io/repository/coreos/hyperkube"),
        ("registry.gitlab.com/meltano/meltano:1", "https://gitlab.com/meltano/meltano/container_registry"),
    ],
)
def test_the_hub_link_that_diun_makes_is_the_page_of_the_registry(text: str, hub_link: str) -> None:
    assert links(an_update(text, hub_link=hub_link)) == links(an_update(text))


def test_a_hub_link_stands_last_under_the_name_of_its_host() -> None:
    found = links(an_update("nginx:1.29.0", hub_link="https://Registry.example.com:8443/ui/repos/nginx?tab=a b#c'd"))
    assert [(link.label, link.url) for link in found] == [
        ("Docker Hub", "https://hub.docker.com/_/nginx"),
        (
            "registry.example.com:8443",
            "https://registry.example.com:8443/ui/repos/nginx?tab=a%20b#c%27d",
        ),
    ]


@pytest.mark.parametrize(
    ("hub_link", "url"),
    [
        ("https://example.com/a%2Fb%zz", "https://example.com/a%2Fb%25zz"),
        ('https://example.com/"><script>', "https://example.com/%22%3E%3Cscript%3E"),
        ("https://example.com/naïve", "https://example.com/na%C3%AFve"),
        ("  HTTPS://example.com/a\n\tb ", "https://example.com/ab"),
        ("http://[::1]:8080/x", "http://[::1]:8080/x"),
    ],
)
def test_a_hub_link_is_percent_encoded_once(hub_link: str, url: str) -> None:
    assert [link.url for link in links(an_update(f"{PRIVATE}:1", hub_link=hub_link))] == [url]


@pytest.mark.parametrize(
    "hub_link",
    [
        "",
        " ",
        "javascript:alert(1)",
        "JavaScript://example.com/%0aalert(1)",
        "data:text/html,<script>",
        "ftp://example.com/",
        "//example.com/",
        "example.com",
        "https:///path",
        "https:example.com",
        "https://hub.docker.com@example.com/",
        "https://hub.docker.com\\@example.com/",
        "https://exa mple.com/",
        "https://ex\u00e4mple.com/",
        "https://example.com:99999/",
        "https://example.com:80x/",
        "https://[::1/",
        "https://[zz]/",
        "https://.../",
    ],
)
def test_what_is_no_address_on_the_web_is_no_link(hub_link: str) -> None:
    assert links(an_update(f"{PRIVATE}:1", hub_link=hub_link)) == ()


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda path: path.stem)
def test_a_private_registry_that_diun_watches_gives_no_link_of_its_own(payload: Path) -> None:
    sent = json.loads(payload.read_bytes())
    urls = [link.url for link in links(an_update(sent["image"], hub_link=sent["hub_link"]))]
    assert not any("127.0.0.1" in url for url in urls)
    assert bool(urls) == (bool(sent["hub_link"]) or sent["image"].startswith("docker.io/"))


KNOWN = ["docker.io", "ghcr.io", "quay.io", "lscr.io/linuxserver", "gcr.io", "mcr.microsoft.com", "public.ecr.aws"]
KNOWN += ["registry.gitlab.com", "codeberg.org", "registry.k8s.io", "127.0.0.1:5000"]
TEXT = st.text(max_size=12) | st.text(st.sampled_from("/.:@?#%\\<>\"' -ab1\n\x00\ud800"), max_size=12)
LINKS = st.one_of(
    TEXT,
    st.builds("{}{}/{}/{}".format, st.sampled_from(["https://", "http://", "//"]), TEXT, TEXT, TEXT),
    st.builds("https://{}/{}/{}".format, st.sampled_from(["github.com", "gitlab.com", "codeberg.org"]), TEXT, TEXT),
)


@given(st.sampled_from(KNOWN), TEXT, TEXT, LINKS)
@example("ghcr.io", "a", "b?c#d", "https://github.com/a/b c")
@example("codeberg.org", "a/b", "..", "https://gitlab.com/a/%2e%2e/b")
def test_every_link_leads_to_the_web_once_and_is_encoded(registry: str, path: str, version: str, hub: str) -> None:
    given_links = links(an_update(f"{registry}/{path}:{version}", hub_link=hub))
    urls = [link.url for link in given_links]
    assert len(urls) == len(set(urls))
    for url in urls:
        parts = urlsplit(url)
        assert parts.scheme in ("http", "https")
        assert parts.hostname
        assert not parts.username
        assert url.isascii()
        assert url.isprintable()
        assert not set(" \"'<>\\^`{|}") & set(url)
    known = [link for link in given_links if link.url.startswith("https://") and "." not in link.label]
    assert not any(name in (".", "..") for link in known for name in unquote(urlsplit(link.url).path).split("/")[:-1])
