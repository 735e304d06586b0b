"""The theme that a person chooses."""

from __future__ import annotations

from flask.testing import FlaskClient


def test_the_theme_is_kept_in_a_cookie(client: FlaskClient) -> None:
    assert '<html lang="en" data-theme="auto">' in client.get("/").text
    for theme in ("light", "dark", "auto"):
        answer = client.post("/theme", data={"theme": theme})
        assert answer.status_code == 303
        cookie = answer.headers["Set-Cookie"]
        for part in (f"theme={theme};", "Max-Age=31536000", "HttpOnly", "SameSite=Lax", "Path=/"):
            assert part in cookie
        for path in ("/", "/tags", "/nowhere"):
            assert f'<html lang="en" data-theme="{theme}">' in client.get(path).text


def test_a_theme_that_there_is_not_is_refused(client: FlaskClient) -> None:
    for theme in ("", "blue", "DARK", "dark\0", "<b>"):
        answer = client.post("/theme", data={"theme": theme})
        assert answer.status_code == 400
        assert "must be one of auto, light, dark" in answer.text
    assert client.get("/theme").status_code == 405


def test_a_cookie_of_another_program_is_no_theme(client: FlaskClient) -> None:
    client.set_cookie("theme", '"><script>')
    assert 'data-theme="auto"' in client.get("/").text


def test_one_stays_on_the_page(client: FlaskClient) -> None:
    for referer, location in (
        ("http://localhost/tags", "/tags"),
        ("http://localhost/?state=all&page=2", "/?state=all&page=2"),
        ("http://localhost/", "/"),
        ("http://localhost", "/"),
        ("", "/"),
        ("https://evil.example/tags", "/"),
        ("http://localhost//evil.example/", "/"),
        ("http://localhost/\\evil.example/", "/"),
        ("http://[", "/"),
        ("/tags", "/"),
    ):
        answer = client.post("/theme", data={"theme": "dark"}, headers={"Referer": referer})
        assert (answer.status_code, answer.headers["Location"]) == (303, location), referer


def test_one_stays_on_the_page_of_a_host_with_an_underscore(client: FlaskClient) -> None:
    headers = {"Host": "diun_dashboard:8080", "Referer": "http://diun_dashboard:8080/tags"}
    assert client.post("/theme", data={"theme": "dark"}, headers=headers).headers["Location"] == "/tags"
