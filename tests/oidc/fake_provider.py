"""An OpenID provider that does what a test says, also what no provider should."""

from __future__ import annotations

import base64
import hmac
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "diun", "a secret: with/signs+"


class FakeProvider:
    """What it answers is in its attributes; what it was asked is in `asked` and `form`."""

    def __init__(self, port: int) -> None:
        self.issuer = f"http://127.0.0.1:{port}"
        self.key = RSAKey.generate_key(2048, {"kid": "one"}, auto_kid=False)
        self.keys = [self.key]
        self.algorithm = "RS256"
        self.described: dict[str, Any] = {}
        self.claims: dict[str, Any] = {}
        self.person: dict[str, Any] | None = {"preferred_username": "ada", "groups": ["admins"]}
        self.nonce = ""
        self.raw: dict[str, bytes] = {}
        """Whole answers, by path, instead of the usual ones."""
        self.drip: set[str] = set()
        """Paths whose answers come byte by byte."""
        self.asked: list[str] = []
        self.form: dict[str, list[str]] = {}
        self.authorization = ""
        self.token_type: dict[str, Any] = {}

    def answer(self, path: str) -> Any:
        match path:
            case "/.well-known/openid-configuration":
                return {
                    "issuer": self.issuer,
                    "authorization_endpoint": f"{self.issuer}/authorize",
                    "token_endpoint": f"{self.issuer}/token",
                    "jwks_uri": f"{self.issuer}/keys",
                    "userinfo_endpoint": f"{self.issuer}/me",
                    "end_session_endpoint": f"{self.issuer}/out?x=1",
                    "scopes_supported": ["openid", "email", "groups"],
                } | self.described
            case "/keys":
                return {"keys": [{"kty": "unknown"}, *(key.as_dict(private=False) for key in self.keys)]}
            case "/token":
                return {"access_token": "access", "token_type": "Bearer", "id_token": self.token()} | self.token_type
            case "/me":
                return None if self.person is None else {"sub": "42"} | self.person
        return None

    def token(self) -> str:
        now = int(time.time())
        usual = {"iss": self.issuer, "sub": "42", "aud": CLIENT, "nonce": self.nonce, "iat": now, "exp": now + 300}
        claims = {name: value for name, value in (usual | self.claims).items() if value is not None}
        if self.algorithm in ("none", "HS256"):
            parts = ".".join(_encoded(part) for part in ({"alg": self.algorithm, "kid": self.key.kid}, claims))
            # The public key, as a secret that two know.
            proof = hmac.digest(self.key.as_pem(private=False), parts.encode(), "sha256")
            return f"{parts}.{_base64(proof) if self.algorithm == 'HS256' else ''}"
        return jwt.encode({"alg": self.algorithm, "kid": self.key.kid}, claims, self.key, algorithms=[self.algorithm])


def _encoded(part: dict[str, Any]) -> str:
    return _base64(json.dumps(part).encode())


def _base64(text: bytes) -> str:
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


@contextmanager
def faking() -> Iterator[FakeProvider]:
    """A provider on a port of loopback, which ends with the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            provider.form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            provider.authorization = self.headers.get("Authorization", "")
            self._answer()

        def _answer(self) -> None:
            path = self.path.partition("?")[0]
            provider.asked.append(path)
            answer = provider.answer(path)
            body = json.dumps(answer).encode()
            status = "404 Not Found" if answer is None else "200 OK"
            whole = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
            whole = provider.raw.get(path, whole)
            try:
                if path not in provider.drip:
                    self.wfile.write(whole)
                    return
                for byte in whole:
                    self.wfile.write(bytes([byte]))
                    ended.wait(0.05)
            except OSError:
                pass  # The client has hung up.

        def log_message(self, *_: Any) -> None:
            pass

    ended = threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    provider = FakeProvider(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield provider
    finally:
        ended.set()
        server.shutdown()
        thread.join()
        server.server_close()
