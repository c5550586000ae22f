"""Log-ins with tokens of other issuers, as a user types them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

KEY = ECKey.generate_key("P-256")
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(server: Any, tmp_path: Path) -> Run:
    """Runs ``keystead`` in a home of its own."""

    def keystead(*words: str, token: str = server.token, **more: str) -> Any:
        environment = {
            **server.environment,
            "HOME": str(tmp_path),
            "KEYSTEAD_TOKEN": token,
            **more,
        }
        if not token:
            del environment["KEYSTEAD_TOKEN"]
        done = subprocess.run(
            [sys.executable, "-m", "keystead", *words],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done

    return keystead


@pytest.fixture
def mount(keystead_api: Any) -> Iterator[Callable[[str, str], None]]:
    made: list[str] = []

    def create(path: str, type_: str) -> None:
        keystead_api.write(f"sys/auth/{path}", type=type_)
        made.append(path)

    yield create
    for path in made:
        keystead_api.ask("DELETE", f"sys/auth/{path}")


def _ok(done: Any) -> str:
    assert done.returncode == 0, done.stderr
    return str(done.stdout)


def test_a_token_in_a_file_logs_in(run: Run, mount: Any, tmp_path: Path) -> None:
    mount("builds", "jwt")
    (tmp_path / "key.pem").write_bytes(KEY.as_pem(private=False))
    _ok(run("jwt", "issuer", "write", "builds", "--public-key", "key.pem", "--issuer", "ci"))
    assert json.loads(_ok(run("jwt", "issuer", "show", "builds", "-o", "json")))
    _ok(
        run(
            "jwt",
            "role",
            "write",
            "builds/shop",
            "--audience",
            "keystead",
            "--claim",
            "project=shop",
            "--claim",
            "project=store",
            "--role",
            "builder",
            "--ttl",
            "5m",
        )
    )
    assert _ok(run("jwt", "role", "list", "--mount", "builds", "-q")).split() == ["shop"]
    shown = json.loads(_ok(run("jwt", "role", "show", "builds/shop", "-o", "json")))
    assert shown["demands"]["bound_claims"] == {"project": ["shop", "store"]}
    now = int(time.time())
    claims = {
        "iss": "ci",
        "aud": "keystead",
        "sub": "job-7",
        "project": "store",
        "iat": now,
        "exp": now + 60,
    }
    (tmp_path / "token.jwt").write_text(jwt.encode({"alg": "ES256"}, claims, KEY) + "\n")
    login = ("login", "--method", "jwt", "--mount", "builds", "--secret-file", "token.jwt")
    assert "builder" in _ok(run(*login, "--role", "shop", token=""))
    assert "jwt/builds/shop" in _ok(run("token", "lookup", token=""))
    assert run(*login, "--role", "none", token="").returncode != 0
    _ok(run("jwt", "role", "delete", "builds/shop"))
    assert run("token", "lookup", token="").returncode == 3


def test_a_browser_logs_in(run: Run, mount: Any, provider: Any, tmp_path: Path) -> None:
    mount("staff", "oidc")
    (tmp_path / "secret").write_text(provider.secret)
    _ok(
        run(
            "jwt",
            "issuer",
            "write",
            "staff",
            "--oidc-url",
            provider.url,
            "--client-id",
            provider.client,
            "--client-secret-file",
            "secret",
            "--default-role",
            "all",
        )
    )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    login = ("login", "--method", "oidc", "--mount", "staff", "--port", str(port))
    browser = tmp_path / "browser"
    browser.write_text(
        f"#!{sys.executable}\nimport sys, urllib.request\n"
        "urllib.request.build_opener(urllib.request.ProxyHandler({})).open(sys.argv[1]).read()\n"
    )
    browser.chmod(0o700)
    _ok(
        run(
            "jwt",
            "role",
            "write",
            "staff/all",
            "--user-claim",
            "email",
            "--role",
            "human",
            "--redirect",
            "http://localhost:8250/other",
        )
    )
    refused = run(*login, token="", BROWSER=str(browser))
    assert "--redirect" in refused.stderr
    _ok(
        run(
            "jwt",
            "role",
            "write",
            "staff/all",
            "--user-claim",
            "email",
            "--role",
            "human",
            "--redirect",
            "http://localhost:8250/oidc/callback",
        )
    )
    assert "human" in _ok(run(*login, token="", BROWSER=f"{browser} %s &"))
    assert oct(os.stat(tmp_path / ".keystead-token").st_mode & 0o777) == "0o600"


def test_clusters_and_their_roles_are_written_and_shown(
    run: Run, mount: Any, tmp_path: Path
) -> None:
    mount("pods", "kubernetes")
    (tmp_path / "token").write_text("reviews\n")
    written = _ok(
        run(
            "kubernetes",
            "cluster",
            "write",
            "pods",
            "--host",
            "https://k8s:6443",
            "--reviewer-token-file",
            "token",
        )
    )
    assert "reviews" not in written
    shown = json.loads(_ok(run("kubernetes", "cluster", "show", "pods", "-o", "json")))
    assert shown["token_reviewer_jwt_set"] is True
    _ok(
        run(
            "kubernetes",
            "role",
            "write",
            "pods/shop",
            "--service-account",
            "shop",
            "--in-namespace",
            "prod",
            "--role",
            "shop",
        )
    )
    assert "prod" in _ok(run("kubernetes", "role", "show", "pods/shop"))
    assert _ok(run("kubernetes", "role", "list", "--mount", "pods", "-q")).split() == ["shop"]
    _ok(run("kubernetes", "role", "delete", "pods/shop"))
    assert run("kubernetes", "role", "show", "pods/shop").returncode == 4
