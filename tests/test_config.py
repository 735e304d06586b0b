"""Every setting: what it is when nobody sets it, what it may be, and what is said about everything else."""

from __future__ import annotations

import dataclasses
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from diundashboard.address import Host, Site
from diundashboard.config import SETTINGS, AuthMode, Config, Misconfigured, Setting

SECRETS = [setting for setting in SETTINGS if setting.secret]


def refusal(**environ: str) -> str:
    """The one line that keeps the dashboard from starting."""
    with pytest.raises(Misconfigured) as caught:
        Config.read(environ)
    message = str(caught.value)
    assert message.isprintable()
    return message


@pytest.fixture(params=SECRETS, ids=lambda setting: setting.name)
def secret(request: pytest.FixtureRequest) -> Setting:
    """Each setting that is a secret in turn."""
    setting: Setting = request.param
    return setting


def value(config: Config, setting: Setting) -> Any:
    return getattr(config, setting.name.lower())


# Defaults


def test_nothing_need_be_set() -> None:
    assert Config.read({}) == Config(
        host="127.0.0.1",
        port=8080,
        db_path="diun.db",
        database_url="",
        webhook_secret="",
        web_concurrency=None,
        trusted_proxies=0,
    )


def test_an_empty_variable_is_as_good_as_none() -> None:
    empty = {setting.name: "" for setting in SETTINGS} | {f"{setting.name}_FILE": "" for setting in SETTINGS}
    assert Config.read(empty) == Config()


def test_the_settings_and_what_is_read_from_them_are_the_same() -> None:
    assert [setting.name.lower() for setting in SETTINGS] == [field.name for field in dataclasses.fields(Config)]
    assert Config.read({}) == Config()


def test_every_setting_says_what_it_means_in_one_line() -> None:
    for setting in SETTINGS:
        assert setting.meaning.isprintable()
        assert setting.meaning.endswith(".")


def test_variables_of_others_are_ignored() -> None:
    assert Config.read({"PATH": "/bin", "port": "9000", "PORT_FILE": "/no/such/file"}) == Config()


# Values


def test_every_setting_is_read() -> None:
    assert Config.read(
        {
            "HOST": "0.0.0.0",
            "PORT": "9000",
            "DB_PATH": "/data/diun.db",
            "DATABASE_URL": "postgresql://diun@db/diun",
            "SPOOL_PATH": "/data/spool",
            "WEBHOOK_SECRET": "Token123456",
            "WEBHOOK_OPEN": "yes",
            "AUTH_MODE": "none",
            "ADMIN_PASSWORD": "opensesame",
            "RETENTION_DAYS": "90",
            "WEB_CONCURRENCY": "4",
            "TRUSTED_PROXIES": "1",
            "PUBLIC_URL": "https://diun.example.org",
            "ALLOWED_HOSTS": "diun.example.net",
        }
    ) == Config(
        host="0.0.0.0",
        port=9000,
        db_path="/data/diun.db",
        database_url="postgresql://diun@db/diun",
        spool_path="/data/spool",
        webhook_secret="Token123456",
        webhook_open=True,
        auth_mode=AuthMode.NONE,
        admin_password="opensesame",
        retention_days=90,
        web_concurrency=4,
        trusted_proxies=1,
        public_url=Site("https", Host("diun.example.org")),
        allowed_hosts=("diun.example.net",),
    )


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("PORT", 1, 65535), ("RETENTION_DAYS", 0, 36500), ("WEB_CONCURRENCY", 1, 64)],
)
def test_a_number_is_whole_and_within_its_limits(name: str, low: int, high: int) -> None:
    for number in (low, high):
        assert getattr(Config.read({name: str(number)}), name.lower()) == number
    for bad in (
        str(low - 1),
        str(high + 1),
        "-1",
        "+1",
        "1.0",
        " 1",
        "1\n",
        "1_0",
        "0x1",
        "1e1",
        "٣",
        "²",
        "one",
        "9" * 10_000,
    ):
        message = refusal(**{name: bad})
        assert message == f"{name} is {bad!r}, but must be a whole number from {low} to {high}"


def test_proxies_are_addresses_or_networks_or_a_number_as_in_earlier_releases() -> None:
    def proxies(text: str) -> object:
        return Config.read({"TRUSTED_PROXIES": text}).trusted_proxies

    assert [proxies(text) for text in ("", "0", "1", "9")] == [0, 0, 1, 9]
    assert proxies("10.0.0.2, fd00::/8,172.18.0.0/16") == (
        ip_network("10.0.0.2"),
        ip_network("fd00::/8"),
        ip_network("172.18.0.0/16"),
    )
    for bad in ("10", "-1", "nginx", "10.0.0.0/33", "10.0.0.1/8", "10.0.0.1,", "٣"):
        assert f"TRUSTED_PROXIES is {bad!r}, but must be IP addresses or networks" in refusal(TRUSTED_PROXIES=bad)


def test_the_public_address_is_an_address_of_a_site() -> None:
    def public(text: str) -> str:
        return str(Config.read({"PUBLIC_URL": text}).public_url)

    assert public("https://Diun.Example.org/") == "https://diun.example.org"
    assert public("https://diun.example.org:443/a/b/") == "https://diun.example.org/a/b"
    assert public("http://[FD00::1]:8080/diun") == "http://[fd00::1]:8080/diun"
    for bad in (
        "diun.example.org",
        "ftp://nas",
        "javascript:alert(1)",
        "https://",
        "https:///path",
        "//nas",
        "https://user@nas",
        "https://nas:0",
        "https://nas:99999",
        "https://nas:x",
        "https://nas?q",
        "https://nas#f",
        "https://nas/?",
        "https://nas//a",
        "https://nas/../a",
        "https://nas/a b",
        "https://[nas",
        " https://nas",
        "https://nas\n",
        "https://nas\\evil.example",
    ):
        assert "PUBLIC_URL is " in refusal(PUBLIC_URL=bad)
    assert Config.read({"PUBLIC_URL": "https://nas.lan/d"}).url == "https://nas.lan/d"
    assert Config.read({"PORT": "80"}).url == "http://127.0.0.1:80"


def test_allowed_hosts_are_names_without_ports() -> None:
    allowed = Config.read({"ALLOWED_HOSTS": "A.example.org., *.b.example,.c.example , *"}).allowed_hosts
    assert allowed == ("a.example.org", "*.b.example", ".c.example", "*")
    for bad in ("a:80", "http://a", "*a.example", "**", "*.", ".", "a..b", "a,,b", "a b", "bücher.example"):
        assert "ALLOWED_HOSTS is " in refusal(ALLOWED_HOSTS=bad)


@pytest.mark.parametrize(
    ("environ", "workers"),
    [
        ({}, 1),
        ({"DATABASE_URL": "postgresql://db"}, 2),
        ({"WEB_CONCURRENCY": "3"}, 3),
        ({"DATABASE_URL": "postgresql://db", "WEB_CONCURRENCY": "1"}, 1),
    ],
)
def test_one_worker_serves_on_sqlite_and_two_on_postgresql_unless_it_is_said_otherwise(
    environ: dict[str, str], workers: int
) -> None:
    assert Config.read(environ).workers == workers


@pytest.mark.parametrize(
    ("host", "bind"), [("", "127.0.0.1:8080"), ("localhost", "localhost:8080"), ("::1", "[::1]:8080")]
)
def test_an_ipv6_address_stands_in_brackets_before_its_port(host: str, bind: str) -> None:
    assert Config.read({"HOST": host}).bind == bind


@pytest.mark.parametrize("name", ["HOST", "DB_PATH", "DATABASE_URL"])
@pytest.mark.parametrize("text", ["a b", " ", "日本", "a'b\"c\\", "%s", "x" * 10_000])
def test_text_is_taken_as_it_is(name: str, text: str) -> None:
    assert getattr(Config.read({name: text}), name.lower()) == text


@pytest.mark.parametrize("name", ["HOST", "DB_PATH"])
def test_text_with_nul_is_refused(name: str) -> None:
    assert refusal(**{name: "a\0b"}) == f"{name} is 'a\\x00b', but must be text without NUL characters"


@pytest.mark.parametrize("text", ["Token123456", "Bearer x", "a b", "pässwörd", "=;,%#", "x" * 1000])
def test_a_webhook_secret_is_any_text_in_one_line(text: str) -> None:
    assert Config.read({"WEBHOOK_SECRET": text}).webhook_secret == text


@pytest.mark.parametrize("text", [" hunter22", "hunter22 ", "hunter2\n", "hunt\ner2", "hunt\ter2", "hunt\x7fer2", "\0"])
def test_a_webhook_secret_that_no_header_can_carry_is_refused(text: str) -> None:
    message = refusal(WEBHOOK_SECRET=text)
    assert message.startswith("WEBHOOK_SECRET must be text in one line without spaces around it")
    assert "hunt" not in message


# Secrets


def test_the_secrets_are_known() -> None:
    assert [setting.name for setting in SECRETS] == [
        "DATABASE_URL",
        "WEBHOOK_SECRET",
        "ADMIN_PASSWORD",
        "OIDC_CLIENT_SECRET",
    ]


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n"])
def test_a_secret_can_be_read_from_a_file(tmp_path: Path, secret: Setting, end: str) -> None:
    file = tmp_path / "secret"
    file.write_bytes(f"hüntér 22{end}".encode())
    assert value(Config.read({f"{secret.name}_FILE": str(file), secret.name: ""}), secret) == "hüntér 22"


def test_a_secret_is_set_in_one_way_only(tmp_path: Path, secret: Setting) -> None:
    file = tmp_path / "secret"
    file.write_text("hunter22")
    message = refusal(**{secret.name: "hunter3", f"{secret.name}_FILE": str(file)})
    assert message == f"set {secret.name} or {secret.name}_FILE, not both"


def test_a_secret_file_that_cannot_be_read_is_named_with_the_reason(tmp_path: Path, secret: Setting) -> None:
    binary = tmp_path / "binary"
    binary.write_bytes(b"hunter22\xff")
    for path, reason in [
        (tmp_path / "missing", "No such file or directory"),
        (tmp_path, "Is a directory"),
        (binary / "under", "Not a directory"),
        (binary, "it is not UTF-8 text"),
    ]:
        message = refusal(**{f"{secret.name}_FILE": str(path)})
        assert message == f"{secret.name}_FILE: cannot read {str(path)!r}: {reason}"


@pytest.mark.parametrize("content", ["", "\n", "\r\n\r\n"])
def test_an_empty_secret_file_does_not_count_as_no_secret(tmp_path: Path, secret: Setting, content: str) -> None:
    file = tmp_path / "secret"
    file.write_text(content)
    assert refusal(**{f"{secret.name}_FILE": str(file)}) == f"{secret.name}_FILE: {str(file)!r} is empty"


def test_what_is_wrong_with_a_secret_is_said_without_it(tmp_path: Path, secret: Setting) -> None:
    file = tmp_path / "secret"
    file.write_bytes(b"hunter22\0")
    for message in (refusal(**{secret.name: "hunter22\0"}), refusal(**{f"{secret.name}_FILE": str(file)})):
        assert message.startswith(f"{secret.name} must be text")
        assert "hunter22" not in message


def test_a_secret_is_not_shown_with_the_settings(secret: Setting) -> None:
    assert "hunter22" not in repr(Config.read({secret.name: "hunter22"}))


def test_a_setting_that_is_no_secret_is_not_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "port"
    file.write_text("9000")
    assert Config.read({"PORT_FILE": str(file)}).port == 8080


# The folder of the spool


@pytest.mark.parametrize(
    ("environ", "folder"),
    [
        ({}, "diun-spool"),
        ({"DB_PATH": "data/diun.db"}, "data/diun-spool"),
        ({"DB_PATH": "/data/other.db"}, "/data/other-spool"),
        ({"DB_PATH": "/data/other"}, "/data/other.spool"),
        ({"DB_PATH": "/data/other.sqlite"}, "/data/other.sqlite.spool"),
        ({"DATABASE_URL": "postgresql://db", "DB_PATH": "/data/other.db"}, "diun-spool"),
        ({"DB_PATH": "/data/other.db", "SPOOL_PATH": "/spool"}, "/spool"),
    ],
)
def test_the_spool_is_beside_the_sqlite_file_unless_it_is_said_otherwise(environ: dict[str, str], folder: str) -> None:
    assert Config.read(environ).spool_folder == Path(folder)


@pytest.mark.parametrize(
    ("environ", "elsewhere"),
    [
        ({}, False),
        ({"DB_PATH": "diun.db"}, False),
        ({"DATABASE_URL": "postgresql://db"}, False),
        ({"SPOOL_PATH": "/spool"}, False),
        ({"DB_PATH": "/data/diun.db"}, True),
        ({"DB_PATH": "other.db"}, True),
    ],
)
def test_the_folder_of_earlier_releases_counts_where_the_default_was_another(
    environ: dict[str, str], elsewhere: bool
) -> None:
    assert Config.read(environ).former_spool_folder == (Path.cwd() / "diun-spool" if elsewhere else None)
