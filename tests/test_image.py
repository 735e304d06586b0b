import re
import sqlite3
import time
from contextlib import closing
from itertools import combinations, pairwise, zip_longest

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from diundashboard.image import Kind, Reference, kind, parse, version

HUB = "docker.io"
SHA256 = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

REFERENCES = [
    ("nginx", HUB, "library/nginx", "latest", ""),
    ("nginx:1.27.0", HUB, "library/nginx", "1.27.0", ""),
    ("  nginx:1.27.0\n", HUB, "library/nginx", "1.27.0", ""),
    ("docker.io/nginx:1.27.0", HUB, "library/nginx", "1.27.0", ""),
    ("docker.io/library/nginx:1.27.0", HUB, "library/nginx", "1.27.0", ""),
    ("index.docker.io/nginx", HUB, "library/nginx", "latest", ""),
    ("registry-1.docker.io/crazymax/diun:4.33.0", HUB, "crazymax/diun", "4.33.0", ""),
    ("docker.io/diun/testnotif:latest", HUB, "diun/testnotif", "latest", ""),
    ("linuxserver/sonarr", HUB, "linuxserver/sonarr", "latest", ""),
    ("library/redis:7", HUB, "library/redis", "7", ""),
    ("ghcr.io/immich-app/immich-server:v1.119.0", "ghcr.io", "immich-app/immich-server", "v1.119.0", ""),
    ("ghcr.io/a/b/c/d:1", "ghcr.io", "a/b/c/d", "1", ""),
    ("quay.io/keycloak/keycloak:26.0-1", "quay.io", "keycloak/keycloak", "26.0-1", ""),
    ("127.0.0.1:5000/team/app:v3.1", "127.0.0.1:5000", "team/app", "v3.1", ""),
    ("host:5000/app", "host:5000", "app", "latest", ""),
    ("host:5000/app:1.0", "host:5000", "app", "1.0", ""),
    ("localhost/app", "localhost", "app", "latest", ""),
    ("localhost:5000/app:1", "localhost:5000", "app", "1", ""),
    ("localhost:5000", HUB, "library/localhost", "5000", ""),
    ("REGISTRY/app:1", "REGISTRY", "app", "1", ""),
    ("[2001:db8::1]:5000/app:2", "[2001:db8::1]:5000", "app", "2", ""),
    (f"127.0.0.1:5000/team/app:v3.1@{SHA256}", "127.0.0.1:5000", "team/app", "v3.1", SHA256),
    (f"127.0.0.1:5000/team/app@{SHA256}", "127.0.0.1:5000", "team/app", "", SHA256),
    (f"nginx@{SHA256}", HUB, "library/nginx", "", SHA256),
    # Not well-formed, and taken all the same.
    ("nginx:", HUB, "library/nginx", "latest", ""),
    ("nginx@", HUB, "library/nginx", "latest", ""),
    ("http://ghcr.io/a/b:1", "http:", "/ghcr.io/a/b", "1", ""),
    ("my image:1 2", HUB, "library/my image", "1 2", ""),
]


@pytest.mark.parametrize(("text", "registry", "repository", "tag", "digest"), REFERENCES)
def test_a_reference_is_read_as_docker_reads_it(
    text: str, registry: str, repository: str, tag: str, digest: str
) -> None:
    assert parse(text) == Reference(registry, repository, tag, digest)


@pytest.mark.parametrize("text", ["", " ", "\t\n", "\u00a0"])
def test_a_blank_reference_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="blank"):
        parse(text)


def test_the_running_digest_is_no_part_of_the_identity_while_there_is_a_tag() -> None:
    assert parse(f"ghcr.io/a/b:v3.1@{SHA256}").image == "ghcr.io/a/b:v3.1"
    assert parse(f"ghcr.io/a/b@{SHA256}").image == f"ghcr.io/a/b@{SHA256}"


PLAIN = [
    # tag, variant, a pre-release?
    ("1.29.0-alpine", "-alpine", False),  # nginx
    ("1.29.0-alpine3.22-slim", "-alpine-slim", False),
    ("1.29-perl", "-perl", False),
    ("mainline-alpine3.22", "mainline-alpine", False),
    ("v3.1", "v", False),  # traefik
    ("v3.2.1", "v", False),
    ("v3.3.0-rc1", "v", True),
    ("v3.2.1-windowsservercore-ltsc2022", "v-windowsservercore-ltsc", False),
    ("16", "", False),  # postgres
    ("17.1-bookworm", "-bookworm", False),
    ("17.1-alpine3.20", "-alpine", False),
    ("17rc1-bookworm", "-bookworm", True),
    ("18beta1", "", True),
    ("17-3.5", "", False),  # postgis
    ("17-3.5-alpine", "-alpine", False),
    ("17-master", "-master", False),
    ("pg16", "pg", False),  # pgvector
    ("0.8.0-pg17", "-pg", False),
    ("0.8.0-pg17-bookworm", "-pg-bookworm", False),
    ("pg16-v0.3.0", "pg16-v", False),  # pgvecto.rs
    ("14-vectorchord0.4.3-pgvectors0.2.0", "-vectorchord-pgvectors", False),  # immich's postgres
    ("2.17.2-pg17", "-pg", False),  # timescaledb
    ("latest-pg17", "latest-pg", False),
    ("3.13-slim-bookworm", "-slim-bookworm", False),  # python
    ("3.14.0rc1-slim", "-slim", True),
    ("3.14.0a7-alpine3.21", "-alpine", True),
    ("3.13.0-windowsservercore-1809", "-windowsservercore", False),
    ("1.23-bookworm", "-bookworm", False),  # golang
    ("1.24rc1-alpine3.20", "-alpine", True),
    ("22.11.0-bookworm-slim", "-bookworm-slim", False),  # node
    ("lts-alpine3.20", "lts-alpine", False),
    ("30.0.2-fpm-alpine", "-fpm-alpine", False),  # nextcloud
    ("31.0.0RC1-apache", "-apache", True),
    ("8.4.0RC4-fpm-alpine", "-fpm-alpine", True),  # php
    ("8.3.14-apache-bookworm", "-apache-bookworm", False),
    ("6.7.1-php8.3-fpm-alpine", "-php-fpm-alpine", False),  # wordpress
    ("cli-2.11.0-php8.3", "cli--php", False),
    ("beta-6.7-RC3-php8.3-apache", "beta--php-apache", True),
    ("3.4.0-preview2-slim", "-slim", True),  # ruby
    ("27.1.2.0-alpine", "-alpine", False),  # erlang
    ("1.17.3-otp-27-alpine", "-otp-alpine", False),  # elixir
    ("6.0.2-jammy", "-jammy", False),  # swift
    ("3.9.9-eclipse-temurin-21-alpine", "-eclipse-temurin-alpine", False),  # maven
    ("jdk21-alpine", "jdk-alpine", False),  # gradle
    ("8.11.0-jdk21-alpine", "-jdk-alpine", False),
    ("11.0.0-M26-jdk21-temurin", "-jdk-temurin", True),  # tomcat
    ("10.1.33-jre17-temurin-noble", "-jre-temurin-noble", False),
    ("21.0.5_11-jre-alpine", "-jre-alpine", False),  # eclipse-temurin
    ("8u432-b06-jdk", "u-b-jdk", False),
    ("24-ea-23-jdk-oracle", "-jdk-oracle", True),  # openjdk
    ("10.1.0.Final", ".Final", False),  # wildfly
    ("26.1.0.Beta1", "", True),
    ("9.0-preview", "", True),  # dotnet
    ("9.0.100-preview.7-alpine3.20", "-alpine", True),
    ("8.0.11-alpine3.20-amd64", "-alpine-amd64", False),
    ("2022-CU15-ubuntu-22.04", "-CU-ubuntu", False),  # mssql
    ("v1.48.2-jammy", "v-jammy", False),  # playwright
    ("24.04", "", False),  # ubuntu
    ("12.8-slim", "-slim", False),  # debian
    ("3.20.3", "", False),  # alpine
    ("1.37.0-uclibc", "-uclibc", False),  # busybox
    ("9.5.20241118", "", False),  # rockylinux
    ("9.5-1731517889", "", False),  # ubi
    ("2023.6.20241031.0", "", False),  # amazonlinux
    ("11.4-noble", "-noble", False),  # mariadb
    ("11.4.4-ubi9", "-ubi", False),
    ("8.4.3-oraclelinux9", "-oraclelinux", False),  # mysql
    ("8.0.39-30.1", "", False),  # percona
    ("7.4.0-alpine3.20", "-alpine", False),  # redis
    ("8.0-M02-alpine", "-alpine", True),
    ("7.4.0-v1", "-v", False),  # redis-stack
    ("8.1.0-rc1-bookworm", "-bookworm", True),  # valkey
    ("v1.25.1", "v", False),  # dragonfly
    ("alpine_x86_64_v6.3.4", "alpine_x86_64_v", False),  # keydb
    ("7.0.15-windowsservercore-ltsc2022", "-windowsservercore-ltsc", False),  # mongo
    ("5.25.1-enterprise-ubi9", "-enterprise-ubi", False),  # neo4j
    ("5.0-rc2", "", True),  # cassandra
    ("24.10.2.80-alpine", "-alpine", False),  # clickhouse
    ("2024.1.3.0-b105", "-b", False),  # yugabyte
    ("15.6.1.139", "", False),  # supabase
    ("8.17.0-SNAPSHOT", "", True),  # elasticsearch
    ("9.0.0-beta1", "", True),
    ("2.7.10-alpine", "-alpine", False),  # influxdb
    ("1.11.8-meta", "-meta", False),
    ("4.1.0-beta.4-management-alpine", "-management-alpine", True),  # rabbitmq
    ("4.0.4-management", "-management", False),
    ("2.10.22-nanoserver-ltsc2022", "-nanoserver-ltsc", False),  # nats
    ("3.0.0-rc.1", "", True),  # registry
    ("2.9.0-beta.3-builder-alpine", "-builder-alpine", True),  # caddy
    ("3.1-dev13-alpine", "-alpine", True),  # haproxy
    ("2.0.20-openssl", "-openssl", False),  # mosquitto
    ("5.101.3-alpine3.20", "-alpine", False),  # ghost
    ("2.486-jdk21", "-jdk", False),  # jenkins
    ("2.479.1-lts-jdk17", "-lts-jdk", False),
    ("17.5.2-ce.0", "-ce", False),  # gitlab
    ("17.6.0-rc42.ce.0", "-ce", True),
    ("alpine3.19-v17.5.3", "alpine3.19-v", False),  # gitlab-runner
    ("x86_64-v17.5.3", "x86_64-v", False),
    ("1.22.3-rootless", "-rootless", False),  # gitea
    ("1.23-nightly-rootless", "-rootless", True),
    ("2.24.0-linux-amd64", "-linux-amd64", False),  # drone
    ("linux-amd64-2.24.0-alpine", "linux-amd64--alpine", False),  # portainer
    ("10.7.0-community", "-community", False),  # sonarqube
    ("24.12.0.100206-community", "-community", False),
    ("26.0", "", False),  # keycloak
    ("26.0-1", "", False),
    ("17.1.0-debian-12-r3", "-debian-r", False),  # bitnami
    ("7.0.5-ubuntu", "-ubuntu", False),  # zabbix
    ("alpine-7.0.5", "alpine-", False),
    ("2.3.0p21", "", False),  # checkmk
    ("2.4.0b1", "", True),
    ("v4.1.6-3.0.2", "v", False),  # netbox
    ("6.1.3-1", "", False),  # graylog
    ("2.10.3-python3.12", "-python", False),  # airflow
    ("slim-2.10.3-python3.12", "slim--python", False),
    ("postgresql-v2.14.0", "postgresql-v", False),  # umami
    ("11.3.0-ubuntu", "-ubuntu", False),  # grafana
    ("r316-0a1b2c3", "r-{hash}", False),  # mimir
    ("k229-a1b2c3d", "k-{hash}", False),  # loki
    ("v0.28.0-rc.0", "v", True),  # alertmanager
    ("v1.31.2-k3s1", "v-k3s", False),  # k3s
    ("v1.31.2-rke2r1", "v-rke2r", False),  # rke2
    ("v1.17.0-pre.2", "v", True),  # cilium
    ("3.5.16-0", "", False),  # etcd
    ("v3.29.0-0.dev-123-gabc1234567", "v-{hash}", True),  # calico
    ("v1.2.3-45-gabc1234", "v-{hash}", False),  # git describe
    ("12.4.1-runtime-ubuntu22.04", "-runtime-ubuntu", False),  # cuda
    ("12.6.2-cudnn-devel-ubuntu24.04", "-cudnn-devel-ubuntu", False),
    ("2.5.1-cuda12.4-cudnn9-runtime", "-cuda-cudnn-runtime", False),  # pytorch
    ("0.4.0-rc8-rocm", "-rocm", True),  # ollama
    ("b4102", "b", False),  # llama.cpp
    ("server-cuda12-b6123", "server-cuda12-b", False),
    ("v0.6.4.post1", "v", False),  # vllm
    ("v2.23.0-cublas-cuda12-ffmpeg-core", "v-cublas-cuda-ffmpeg-core", False),  # localai
    ("v1.119.0", "v", False),  # immich
    ("v1.119.0-cuda", "v-cuda", False),
    ("v1.119.0rc2", "v", True),  # synapse
    ("v4.4.0-alpha.1", "v", True),  # mastodon
    ("0.19.6-beta.13", "", True),  # lemmy
    ("v1.34.0-next.2", "v", True),  # backstage
    ("2026.11.1", "", False),  # home assistant
    ("2026.12.0b3", "", True),
    ("2026.12.0.dev202611010221", "", True),
    ("2024.11.1-dev", "", True),  # esphome
    ("2026.11.1-ls42", "-ls", False),  # linuxserver
    ("4.0.10.2544-ls250", "-ls", False),
    ("1.2.3.4567-ls12", "-ls", False),
    ("version-v1.2.3", "version-v", False),
    ("develop-4.0.10.2544-ls250", "develop--ls", False),
    ("amd64-v1.2.3", "amd64-v", False),
    ("arm64v8-4.0.10.2544-ls250", "arm64v8--ls", False),
    ("5.0.1_v2.0.11-ls367", "_v-ls", False),  # qbittorrent
    ("1.41.2.9200-c6bbc1b53-ls243", "-{hash}-ls", False),  # plex
    ("nightly-9b0b5bd3-ls50", "nightly-{hash}-ls", False),  # calibre-web
    ("1.0.20210914-r4-ls56", "-r-ls", False),  # wireguard
    ("10.10.3", "", False),  # jellyfin
    ("v0.107.54", "v", False),  # adguard home
    ("v0.108.0-b.60", "v", True),
    ("2.0.0-beta.0-slim", "-slim", True),  # uptime kuma
    ("1.32.5-alpine", "-alpine", False),  # vaultwarden
    ("0.14.1-tensorrt", "-tensorrt", False),  # frigate
    ("v1.6.4-debian", "v-debian", False),  # crowdsec
    ("2.27.02", "", False),  # tdarr
    ("4.0.5-22-minimal", "-minimal", False),  # node-red
    ("gh-next-1731234567-0a1b2c3", "gh-next--{hash}", False),  # authentik
    ("java21-graalvm", "java-graalvm", False),  # minecraft
    ("r12", "r", False),
    ("V2.1", "V", False),
    ("pg16-V2.1", "pg16-V", False),
    ("debian12-r316", "debian12-r", False),
    ("1.0-defaced", "-defaced", False),  # a word, though all its letters are hexadecimal
    ("1_2_3", "", False),
    ("1.2.3+build5", "+build", False),
    ("1.2.3-hotfix.1", "", False),
    ("v3beta1", "v", True),
    ("v1.31.2-k3s1-arm64", "v-k3s-arm64", False),
    ("1.7.1-arm32v7", "-arm32v7", False),  # watchtower
    ("1.7.1-i386", "-i386", False),
    ("4102345", "", False),
]

DATED = [
    ("20240923", "{date}", False),  # alpine's edge
    ("2026110100", "{date}", False),
    ("2026-11-01", "{date}", False),
    ("20241107-nightly", "{date}", True),
    ("stable-20261101", "stable-{date}", False),
    ("nightly-20261101", "nightly-{date}", False),
    ("nightly.2024-11-07", "nightly.{date}", False),  # mastodon
    ("RELEASE.2026-01-02T03-04-05Z", "RELEASE.{date}", False),  # minio
    ("RELEASE.2025-01-02T03-04-05Z-cpuv1", "RELEASE.{date}-cpuv", False),
    ("RELEASE.2024-11-07T00-52-20Z.fips", "RELEASE.{date}.fips", False),
    ("noble-20241118.1", "noble-{date}", False),  # ubuntu
    ("bookworm-20241111-slim", "bookworm-{date}-slim", False),  # debian
    ("base-devel-20241117.0.280138", "base-devel-{date}", False),  # archlinux
    ("python3.11-2024-10-28", "python3.11-{date}", False),  # fastapi
    ("20241106-f29003e", "{date}-{hash}", False),  # supabase's studio
    ("v20241107", "v{date}", False),
    ("2024_11_07", "{date}", False),
]
NUMBERED_NOT_DATED = [
    ("2024.11.07", "", False),  # CalVer: its numbers count by position
    ("2024.11.17-10d3af84b", "-{hash}", False),  # searxng
    ("18.0-20241108", "", False),  # odoo
    ("4.26.0-20241101", "", False),  # selenium
    ("20249923", "", False),
    ("20241131123", "", False),
    ("2024-13-01", "", False),
    ("1.20241107", "", False),
]

WITHOUT_NUMBERS = [
    *("latest", "stable", "develop", "main", "edge-alpine", "lts", "trixie-slim", "nightly", "rawhide", ""),
    *("stable-tensorrt", "release", "head-alpine", "testing-alpine", "stable-standard-arm64"),
    *(
        "pr-123",
        "PR-42",
        "github-pr-1234",
        "pull-7",
        "arm64v8-latest",
        "amd64",
        "x86_64-latest",
        "linux-arm64",
    ),
    *("k8s", "log4j", "0a1b2c3d", "main-1a2b3c4", "sha-abc1234", "sha-1234567", "git-9a8b7c6-cuda"),
    *("commit-1234567890", "2d0b8e5-tensorrt", "gabc1234", "release-1a2b3c4", "x86_64-a1b2c3d4"),
    "da39a3ee5e6b4b0d3255bfef95601890afd80709",
    f"{SHA256.replace(':', '-')}.sig",
    "\u0661.\u0662.\u0663",  # Arabic digits, no version of any registry
    "\uff11\uff12",
]


@pytest.mark.parametrize(("tag", "variant", "prerelease"), PLAIN + DATED + NUMBERED_NOT_DATED)
def test_a_tag_with_numbers_has_a_variant_and_may_be_a_prerelease(tag: str, variant: str, prerelease: bool) -> None:
    read = version(tag)
    assert (read.text, read.variant, read.numbers, read.prerelease) == (tag, variant, True, prerelease)
    assert read.sort_key


@pytest.mark.parametrize("tag", WITHOUT_NUMBERS)
def test_a_tag_without_numbers_never_compares(tag: str) -> None:
    read = version(tag)
    assert (read.text, read.numbers, read.prerelease, read.sort_key) == (tag, False, False, "")
    assert kind(tag, f"{tag}-1.2.3") == kind("1.2.3", tag) == Kind.NEW


PAIRS = [
    # what runs, what is offered, the kind of the step
    ("1.27.0", "2.0.0", Kind.MAJOR),
    ("1.27.0", "1.29.0", Kind.MINOR),
    ("1.9.0", "1.10.0", Kind.MINOR),
    ("1.27.0", "1.27.1", Kind.PATCH),
    ("1.27.0", "1.26.9", Kind.OLDER),
    ("1.27.0", "1.27.0", Kind.REBUILD),
    ("latest", "latest", Kind.REBUILD),
    ("0a1b2c3d", "0a1b2c3d", Kind.REBUILD),
    ("16", "17", Kind.MAJOR),
    ("16", "16.1", Kind.MINOR),
    ("16.1", "16", Kind.OLDER),
    ("16", "16.0", Kind.BUILD),
    ("16.0.0", "16.0", Kind.OLDER),
    ("v3.1", "v3.2", Kind.MINOR),
    ("v3.1", "3.2", Kind.NEW),
    ("1.27.0", "1.29.0-alpine", Kind.NEW),
    ("1.27.0", "latest", Kind.NEW),
    ("latest", "1.27.0", Kind.NEW),
    ("latest", "stable", Kind.NEW),
    ("main-1a2b3c4", "main-5d6e7f8", Kind.NEW),
    ("pr-123", "pr-124", Kind.NEW),
    ("", "", Kind.REBUILD),
    # the suffix
    ("2026.11.1-ls42", "2026.11.1-ls43", Kind.BUILD),
    ("2026.11.1-ls42", "2026.11.1-ls9", Kind.OLDER),
    ("2026.11.1-ls42", "2026.11.2-ls1", Kind.PATCH),
    ("2026.11.1-ls42", "2026.12.0-ls43", Kind.MINOR),
    ("2026.11.1-ls42", "2027.1.0-ls44", Kind.MAJOR),
    ("1.29.0-alpine3.20", "1.29.0-alpine3.21", Kind.BUILD),
    ("1.29.0-alpine3.20", "1.29.1-alpine3.19", Kind.PATCH),
    ("1.29.1-alpine3.19", "1.29.0-alpine3.21", Kind.OLDER),
    ("1.29.0-alpine", "1.29.0-alpine3.21", Kind.BUILD),
    ("4.0.10.2544-ls250", "4.0.10.2601-ls250", Kind.BUILD),
    ("4.0.10.2544-ls250", "4.0.11.2500-ls251", Kind.PATCH),
    ("17-3.5", "17-3.6", Kind.BUILD),
    ("17-3.5", "18-3.5", Kind.MAJOR),
    ("26.0", "26.0-0", Kind.BUILD),
    ("26.0-0", "26.0-1", Kind.BUILD),
    ("26.0-1", "26.1-0", Kind.MINOR),
    ("17.1.0-debian-12-r3", "17.1.0-debian-12-r10", Kind.BUILD),
    ("17.1.0-debian-11-r9", "17.1.0-debian-12-r0", Kind.BUILD),
    ("v1.31.2-k3s1", "v1.31.2-k3s2", Kind.BUILD),
    ("1.2.3+build5", "1.2.3+build10", Kind.BUILD),
    ("v0.6.4", "v0.6.4.post1", Kind.BUILD),
    ("2.3.0", "2.3.0p1", Kind.BUILD),
    ("2.3.0p9", "2.3.0p21", Kind.BUILD),
    ("1.2.3", "1.2.3-hotfix", Kind.BUILD),
    ("21.0.5_11-jre", "21.0.6_7-jre", Kind.PATCH),
    ("8u422-b05-jdk", "8u432-b06-jdk", Kind.BUILD),
    ("1_2_3", "1_3_0", Kind.MINOR),
    # what stands before the main number is a name
    ("pg16-v0.3.0", "pg16-v0.4.0", Kind.MINOR),
    ("pg16-v0.3.0", "pg17-v0.4.0", Kind.NEW),
    ("pg16", "pg17", Kind.MAJOR),
    ("amd64-v1.2.3", "arm64-v1.2.4", Kind.NEW),
    ("1.7.1-arm32v7", "1.7.2-arm64v8", Kind.NEW),
    ("alpine3.19-v17.5.3", "alpine3.19-v17.6.0", Kind.MINOR),
    ("version-v1.2.3", "version-v1.2.4", Kind.PATCH),
    ("b4102", "b4103", Kind.MAJOR),
    # pre-releases
    ("1.0.0-rc1", "1.0.0", Kind.BUILD),
    ("1.0.0-rc1", "1.0.0-rc2", Kind.BUILD),
    ("1.0.0", "1.0.0-rc1", Kind.OLDER),
    ("1.0.0-rc1", "1.1.0", Kind.MINOR),
    ("1.0.0", "1.1.0-rc1", Kind.MINOR),
    ("16.0.0-rc1", "16", Kind.BUILD),
    ("v2.0.0-beta.3", "v2.0.0", Kind.BUILD),
    ("3.14.0rc1-slim", "3.14.0-slim", Kind.BUILD),
    ("17.6.0-rc42.ce.0", "17.6.0-ce.0", Kind.BUILD),
    ("0.7.0.dev1-cuda", "0.7.0-cuda", Kind.BUILD),
    ("0.7.0-cuda", "0.7.0.post1-cuda", Kind.BUILD),
    ("21-jre", "21.0.5_11-jre", Kind.PATCH),
    ("24-ea-23-jdk", "24-jdk", Kind.BUILD),
    ("2026.12.0b3", "2026.12.0", Kind.BUILD),
    # dates
    ("20261101", "20261201", Kind.BUILD),
    ("20261101", "20271101", Kind.BUILD),
    ("20261101", "20261031", Kind.OLDER),
    ("2026-11-01", "2027-01-01", Kind.BUILD),
    ("20261101", "2026110101", Kind.BUILD),
    ("stable-20261101", "stable-20261102", Kind.BUILD),
    ("RELEASE.2025-12-31T23-59-59Z", "RELEASE.2026-01-02T03-04-05Z", Kind.BUILD),
    ("RELEASE.2026-01-02T03-04-05Z", "RELEASE.2026-01-02T03-04-04Z", Kind.OLDER),
    ("noble-20241118", "noble-20241118.1", Kind.BUILD),
    ("18.0-20241108", "18.0-20251108", Kind.BUILD),
    ("18.0-2024-11-08", "18.0-2024-11-10", Kind.BUILD),
    ("3.20.3", "20240923", Kind.NEW),
    ("20241106-f29003e", "20241107-0c1d2e3", Kind.BUILD),
    # hashes beside numbers
    ("2024.11.17-10d3af84b", "2024.11.18-5e6f7a8b9", Kind.PATCH),
    ("2024.11.17-10d3af84b", "2024.11.17-5e6f7a8b9", Kind.NEW),
    ("1.41.2.9200-c6bbc1b53-ls243", "1.41.3.9300-0f1e2d3c4-ls244", Kind.PATCH),
    ("nightly-9b0b5bd3-ls50", "nightly-1c2d3e4f-ls51", Kind.BUILD),
    # the same version, written differently
    ("2.27.02", "2.27.2", Kind.NEW),
    ("1.0.0-rc1", "1.0.0-rc.1", Kind.NEW),
]


@pytest.mark.parametrize(("running", "offered", "expected"), PAIRS)
def test_the_first_number_that_differs_names_the_kind(running: str, offered: str, expected: Kind) -> None:
    assert kind(running, offered) is expected


def test_kinds_are_written_as_the_design_writes_them() -> None:
    assert list(Kind) == ["major", "minor", "patch", "build", "rebuild", "new", "older"]


ORDERED = [
    "0 0.0.1 0.9 0.10 1 1.0 1.0.0 1.0.0.0 1.0.1 1.1 1.9.9 1.10 2 9 10 99 100",
    "16-rc1 16.0-rc2 16 16.0 16.0.0 16.0.1 16.1-rc1 16.1 17",
    "1.0.0-dev1 1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.2 1.0.0-alpha.10 1.0.0-beta 1.0.0-beta.1 1.0.0-preview"
    " 1.0.0-rc1-dev1 1.0.0-rc1 1.0.0-rc2 1.0.0-rc10 1.0.0 1.0.0-hotfix 1.0.0-hotfix2 1.0.1-alpha",
    "v2.0.0-beta.3 v2.0.0-rc.0 v2.0.0 v2.0.0.post1 v2.0.0.post2 v2.0.1",
    "2026.11.1 2026.12.0.dev202611010221 2026.12.0b3 2026.12.0b10 2026.12.0 2027.1.0",
    "3.14.0a7-slim 3.14.0b1-slim 3.14.0rc1-slim 3.14.0-slim 3.14.1-slim",
    "1.29.0-alpine 1.29.0-alpine3.9 1.29.0-alpine3.20 1.29.0-alpine3.21 1.29.1-alpine3.20 1.29.1-alpine3.21",
    "4.0.9.9999-ls300 4.0.10.2544-ls9 4.0.10.2544-ls250 4.0.10.2545-ls1 4.1.0.1-ls1",
    "17.1.0-debian-11-r10 17.1.0-debian-12-r0 17.1.0-debian-12-r3 17.1.0-debian-12-r21 17.2.0-debian-11-r0",
    "16-3.5 17-3.4 17-3.5 17-3.10 18-3.4",
    "26.0 26.0-0 26.0-1 26.0-10 26.1-0",
    "17.5.2-ce.0 17.6.0-rc42.ce.0 17.6.0-ce.0 17.6.0-ce.1",
    "20251231 20260101 2026010101 2026010102 20260102",
    "noble-20241009 noble-20241118 noble-20241118.1 noble-20241118.2 noble-20241119",
    "RELEASE.2025-12-31T23-59-59Z RELEASE.2026-01-02T03-04-05Z RELEASE.2026-01-02T03-04-06Z",
    "pg9 pg16 pg17 pg17.1",
    "b999 b4102 b10000",
    "1." + "9" * 4300 + " 1.1" + "0" * 4300 + " 2",
]


@pytest.mark.parametrize("tags", ORDERED, ids=lambda tags: tags[:40])
def test_versions_of_one_variant_sort_as_a_person_would_sort_them(tags: str) -> None:
    read = [version(tag) for tag in tags.split()]
    assert len({one.variant for one in read}) == 1
    for lower, higher in pairwise(read):
        assert lower.sort_key < higher.sort_key, (lower.text, higher.text)


def test_sqlite_sorts_the_keys_as_python_does() -> None:
    keys = sorted(version(tag).sort_key for tag, _, _ in PLAIN + DATED + NUMBERED_NOT_DATED)
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE versions (sort_key TEXT NOT NULL)")
        connection.executemany("INSERT INTO versions VALUES (?)", [(key,) for key in reversed(keys)])
        assert [key for (key,) in connection.execute("SELECT sort_key FROM versions ORDER BY sort_key")] == keys


def test_the_real_tags_of_one_variant_are_in_a_total_order() -> None:
    tags = {tag for tag, _, _ in PLAIN + DATED + NUMBERED_NOT_DATED}
    for one, other in combinations(tags, 2):
        forth, back = kind(one, other), kind(other, one)
        assert (forth is Kind.NEW) == (back is Kind.NEW)
        assert forth is Kind.NEW or (forth is Kind.OLDER) != (back is Kind.OLDER)


@pytest.mark.parametrize(
    "part",
    [
        *(
            "1",
            "9",
            "a",
            "-",
            "\u00e9",
            "\u0663",
            "a-",
            "1-",
            "1.",
            "1_",
            "a1",
            "1a",
            "-1a",
            "v1",
            "rc1",
            "b.1",
        ),
        *("-b.", "pr-", "sha", "x86_", "T11", "g", "f1", "0a1b2c3-", "20241101", "2024-11-", "-1_1."),
    ],
)
def test_a_long_tag_is_read_in_linear_time(part: str) -> None:
    text = part * (2**16 // len(part))
    for tag in (text, f"v1.{text}!"):
        began = time.process_time()
        version(tag)
        assert time.process_time() - began < 2


# What a version tag is made of, so that variants are often equal, and whatever else a registry may hold.
NUMBER = st.integers(0, 120).map(str) | st.sampled_from(["007", "9" * 70])
CORE = st.lists(NUMBER, min_size=1, max_size=5).map(".".join)
STAGE = st.sampled_from(["", "-dev", "-alpha.2", "-beta", "b3", "-rc1", "rc2", "-rc.10", "-SNAPSHOT", "-M2"])
SUFFIX = st.sampled_from(
    [
        "",
        "-alpine",
        "-alpine3.20",
        "-alpine3.21",
        "-ls42",
        "-ls9",
        "-1",
        "-10",
        "-0a1b2c3",
        "-arm64",
        ".post1",
    ]
)
PREFIX = st.sampled_from(["", "", "", "v", "pg16-v", "RELEASE.", "main-", "main-1a2b3c4-"])
DATE = st.dates().map(str) | st.dates().map("{:%Y%m%d}".format) | st.just("RELEASE.2026-01-02T03-04-05Z")
VERSION = st.builds("{}{}{}{}".format, PREFIX, CORE | DATE, STAGE, SUFFIX)
TAG = VERSION | st.text(max_size=40) | st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,30}", fullmatch=True)
UPWARDS = (Kind.MAJOR, Kind.MINOR, Kind.PATCH, Kind.BUILD)


@given(TAG)
@example("\ud800-1")
@example("6.0-2026-11-08")
@example("1.0-\u017fnapshot")
@example("1\n2\x003")
def test_any_text_is_a_version_and_its_key_is_safe_to_store(tag: str) -> None:
    read = version(tag)
    assert read == version(tag)
    assert read.text == tag
    assert re.fullmatch("[0-9.]*", read.sort_key)
    assert bool(read.sort_key) == read.numbers


@given(TAG, TAG)
def test_of_two_versions_at_most_one_is_older(one: str, other: str) -> None:
    assert (kind(one, other) is Kind.OLDER) == (kind(other, one) in UPWARDS)
    assert (kind(one, other) is Kind.NEW) == (kind(other, one) is Kind.NEW)
    assert (kind(one, other) is Kind.REBUILD) == (one == other)


@given(PREFIX, SUFFIX, st.lists(st.tuples(CORE, STAGE).map("".join), min_size=3, max_size=3))
@example("", "", ["20261101", "20261102", "2026110201"])
def test_versions_of_one_variant_are_in_a_total_order(prefix: str, suffix: str, middles: list[str]) -> None:
    read = [version(f"{prefix}{middle}{suffix}") for middle in middles]
    assert len({(one.variant, one.numbers) for one in read}) == 1
    one, two, three = sorted(read, key=lambda each: each.sort_key)
    if one.sort_key < two.sort_key < three.sort_key:
        steps = kind(one.text, two.text), kind(two.text, three.text)
        assert kind(one.text, three.text) is min(steps, key=UPWARDS.index)
        assert kind(three.text, one.text) is Kind.OLDER


@given(st.lists(st.integers(0), min_size=1, max_size=5), st.lists(st.integers(0), min_size=1, max_size=5))
@example([10**5000], [10**5000 - 1])
def test_the_first_number_is_the_most_important(one: list[int], other: list[int]) -> None:
    def key(numbers: list[int]) -> str:
        return version("v" + ".".join(map(digits, numbers))).sort_key

    assume(not any(digits(numbers[0]).startswith(("19", "20")) for numbers in (one, other)))  # dates
    filled = list(zip_longest(one, other, fillvalue=0))
    a, b = [*map(list, zip(*filled, strict=True))]
    if a != b:
        assert (key(one) < key(other)) == (a < b)
    else:
        assert (key(one) < key(other)) == (len(one) < len(other))


@given(st.lists(st.integers(0, 10**20), min_size=1, max_size=4), st.integers(1, 30), SUFFIX)
def test_leading_zeros_change_neither_order_nor_variant(numbers: list[int], zeros: int, suffix: str) -> None:
    plain = version("v" + ".".join(map(str, numbers)) + suffix)
    padded = version("v" + ".".join("0" * zeros + str(number) for number in numbers) + suffix)
    assume("{date}" not in plain.variant)
    assert (plain.variant, plain.sort_key) == (padded.variant, padded.sort_key)


@given(PREFIX, CORE, STAGE.filter(bool), SUFFIX)
def test_a_prerelease_shares_the_variant_of_its_release_and_sorts_before_it(
    prefix: str, core: str, stage: str, suffix: str
) -> None:
    before, release = version(prefix + core + stage + suffix), version(prefix + core + suffix)
    assert before.variant == release.variant
    assert before.sort_key < release.sort_key
    assert (before.prerelease, release.prerelease) == (True, False)
    assert kind(release.text, before.text) is Kind.OLDER
    assert kind(before.text, release.text) is Kind.BUILD


NAME = st.from_regex(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+){0,2}", fullmatch=True)
REGISTRY = st.sampled_from(["", "docker.io/", "index.docker.io/", "localhost/", "localhost:5000/", "127.0.0.1:5000/"])
OCI_TAG = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", fullmatch=True)
DIGEST = st.sampled_from(["", f"@{SHA256}"])


@given(
    REGISTRY | st.from_regex(r"[a-z0-9]{1,9}\.[a-z]{2,5}(:[0-9]{1,5})?/", fullmatch=True),
    st.lists(NAME, min_size=1, max_size=3).map("/".join),
    st.just("") | OCI_TAG.map(":{}".format),
    DIGEST,
)
def test_an_identity_names_the_same_image_again(registry: str, path: str, tag: str, digest: str) -> None:
    read = parse(registry + path + tag + digest)
    again = parse(read.image)
    assert (again.name, again.version, again.image) == (read.name, read.version, read.image)
    assert read.version == (tag[1:] or ("" if digest else "latest"))
    assert read.digest == digest[1:]


@given(st.text(alphabet=st.characters(), max_size=60) | st.text(alphabet="a:/@.A- ", max_size=20))
@example("\ud800")
@example("@")
@example("://@:")
def test_no_word_of_diun_is_refused_unless_it_is_blank(text: str) -> None:
    assume(text.strip())
    read = parse(text)
    assert read.registry
    assert read.version or read.digest


def digits(number: int) -> str:
    """str() without its limit of 4300 digits."""
    text = ""
    while number >= 10**1000:
        number, rest = divmod(number, 10**1000)
        text = f"{rest:01000d}{text}"
    return f"{number}{text}"
