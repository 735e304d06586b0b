"""A path that anybody may have sent leads to a page of this site, whatever it says."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diundashboard.web.local import local_path


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/tags",
        "/hosts/",
        "/?state=all&q=a%20b",
        "/updates/3?did=4",
        "/diun/?q=https://x//y",
        "/?q=..",
        "/a%20b",
        "/?",
    ],
)
def test_a_path_of_ours_stays_as_it_is(path: str) -> None:
    assert local_path(path) == path


def test_what_no_header_can_carry_is_encoded() -> None:
    assert local_path('/näs?q=ü"<b>') == "/n%C3%A4s?q=%C3%BC%22%3Cb%3E"
    assert local_path("/tags#there?x") == "/tags"


HOSTILE = [
    *(
        "",
        "tags",
        "//evil",
        "///evil",
        "/\\evil",
        "\\\\evil",
        "/\\/evil",
        "\\/evil",
        "/%5cevil",
        "/%5Cevil",
        "/%2fevil",
    ),
    *(
        "/%2Fevil",
        "/%252fevil",
        "/%25255cevil",
        "\t//evil",
        "/\t/evil",
        "/\n/evil",
        "/\r\n/evil",
        " //evil",
        "\xa0//evil",
    ),
    *("https:evil", "https://evil", "https:/evil", "javascript:alert(1)", "data:,x", "@evil", ".evil", "?x", "#x"),
    *("/tags\0", "/tags\r\nSet-Cookie: a=b", "/?q=\r\nX: y", "/%0d%0aX: y", "/%00", "/\u2028", "/\u202e", "/\u00ad"),
    *("/..//evil", "/.//evil", "/./evil", "/../evil", "/a/..", "/%2e%2e//evil", "/%2e/%2fevil", "/a//b", "/a/%2e%2e/b"),
    *("/" + "a" * 10_000, "/?" + "a" * 10_000, "/" + "%25" * 4_000, "/\ud800"),
]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_could_lead_elsewhere_leads_to_the_start(text: str) -> None:
    assert local_path(text) == "/"
    assert local_path(text, "/diun/") == "/diun/"


PIECES = st.sampled_from(
    ["/", "\\", "//", "%2f", "%5c", "%25", ".", "..", "evil.example", ":", "@", "\t", "\n", "?", "#", "a"]
)


@given(st.lists(PIECES, max_size=8).map("".join) | st.text(max_size=12))
def test_no_text_leads_elsewhere(text: str) -> None:
    path = local_path(text)
    assert path.isascii()
    assert path.isprintable()
    assert path.startswith("/")
    for stripped in (path, path.replace("\\", "/"), path.replace("%2f", "/").replace("%5c", "/")):
        assert not stripped.startswith("//")
        assert urlsplit(urljoin("https://diun.example.org/x", stripped)).netloc == "diun.example.org"
