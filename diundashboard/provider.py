"""The client of an OpenID provider: its addresses, the people it confirms, and where they log out."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import BoundedSemaphore, Lock
from typing import Any
from urllib.parse import quote_plus, urlencode

from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import import_key

from diundashboard.config import Config
from diundashboard.entry import secure
from diundashboard.outgoing import Away, call

KEPT = 3600
"""Seconds for which the provider's description is kept."""

PAUSE = 5
"""Seconds to wait before a provider that did not answer is asked again."""

AT_ONCE = 3
"""How many threads of a worker can wait for the provider at the same time; the others serve pages."""

LEEWAY = 60
"""Seconds by which the provider's clock and ours may differ."""

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
"""How an ID token may be signed: never with a shared secret, and never unsigned."""

_LONGEST_SUBJECT = 255


class Unproven(Exception):
    """The provider's answer does not prove who the person is; the message says why in one line."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A person whom the provider confirms. `address` is empty unless the provider has verified it."""

    subject: str
    name: str
    groups: tuple[str, ...]
    address: str
    token: str
    """The ID token, which the provider wants back at logout."""


class Provider:
    """The provider in the settings. Its description and keys are kept for an hour; unknown keys are fetched again.

    Every operation raises Away if the provider does not answer as it should.
    """

    def __init__(self, config: Config, clock: Callable[[], float] = time.monotonic) -> None:
        self._config, self._clock = config, clock
        self._lock, self._places = Lock(), BoundedSemaphore(AT_ONCE)
        self._described: Mapping[str, Any] = {}
        self._described_at = 0.0
        self._keys: list[Any] = []
        self._failed_at: float | None = None
        self._failure = ""

    def login_url(self, redirect_uri: str, state: str, nonce: str, verifier: str) -> str:
        """The address at which a browser logs in before it returns to `redirect_uri`."""
        with self._place():
            described = self._describe()
        offered = described.get("scopes_supported")
        wanted = ["openid", "profile", "email", "groups"]
        known = [scope for scope in wanted if scope in offered] if isinstance(offered, list) else wanted[:3]
        url: str = prepare_grant_uri(
            described["authorization_endpoint"],
            self._config.oidc_client_id,
            "code",
            redirect_uri=redirect_uri,
            scope=known,
            state=state,
            nonce=nonce,
            response_mode="query",
            code_challenge=create_s256_code_challenge(verifier),
            code_challenge_method="S256",
        )
        return url

    def identify(self, code: str, redirect_uri: str, nonce: str, verifier: str) -> Identity:
        """The person whom the provider confirms for this code.

        Raises:
            Unproven: the code or the ID token is not good.
        """
        with self._place():
            described = self._describe()
            granted = self._redeem(described, code, redirect_uri, verifier)
            token, access = granted.get("id_token"), granted.get("access_token")
            if not isinstance(token, str) or not isinstance(access, str):
                raise Unproven("the provider answered without an ID token")
            claims = self._verify(described, token, nonce, access)
            more = self._user_info(described, access, claims["sub"])
        return _identity(claims, more, self._config.oidc_groups_claim, token)

    def logout_url(self, token: str, back: str) -> str:
        """The address at which a browser logs out before it returns to `back`; empty if the provider has none."""
        with self._place():
            described = self._describe()
        endpoint = described.get("end_session_endpoint")
        if not (isinstance(endpoint, str) and secure(endpoint)):
            return ""
        given = {"id_token_hint": token, "client_id": self._config.oidc_client_id, "post_logout_redirect_uri": back}
        parts = urlencode({name: value for name, value in given.items() if value})
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{parts}"

    def check_issuer(self, issuer: str | None) -> None:
        """Check the name of the provider that sent a browser back.

        Raises:
            Unproven: it is another one.
        """
        with self._place():
            silent = not self._describe().get("authorization_response_iss_parameter_supported")
        if not (issuer is None and silent) and issuer != self._config.oidc_issuer:
            raise Unproven("the answer comes from another provider than the one of OIDC_ISSUER")

    @contextmanager
    def _place(self) -> Any:
        if not self._places.acquire(timeout=1):
            raise Away("too many people are logging in at the same time")
        try:
            yield
        finally:
            self._places.release()

    def _describe(self) -> Mapping[str, Any]:
        with self._lock:
            now = self._clock()
            if self._described and now - self._described_at < KEPT:
                return self._described
            if self._failed_at is not None and now - self._failed_at < PAUSE:
                raise Away(self._failure)
            try:
                self._described, self._keys = self._discover()
            except Away as error:
                self._failed_at, self._failure = self._clock(), str(error)
                raise
            self._described_at, self._failed_at = self._clock(), None
            return self._described

    def _discover(self) -> tuple[Mapping[str, Any], list[Any]]:
        issuer = self._config.oidc_issuer
        status, described = call(f"{issuer.removesuffix('/')}/.well-known/openid-configuration")
        if status != 200:
            raise Away(f"there is no OpenID provider at OIDC_ISSUER: status {status}")
        if described.get("issuer") != issuer:
            raise Away(f"the provider calls itself {str(described.get('issuer'))[:200]!r}: set OIDC_ISSUER to that")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            if not (isinstance(url := described.get(name), str) and secure(url)):
                raise Away(f"the provider does not say its {name}, or not with https://")
        return described, self._fetch_keys(described)

    def _fetch_keys(self, described: Mapping[str, Any]) -> list[Any]:
        found = []
        _, answer = call(described["jwks_uri"])
        for parts in answer.get("keys") or ():
            if (
                isinstance(parts, dict)
                and parts.get("kty") in ("RSA", "EC", "OKP")
                and parts.get("use", "sig") == "sig"
            ):
                try:
                    found.append(import_key(parts))
                except (JoseError, ValueError, TypeError, KeyError):
                    continue  # A kind of key that is unknown here is meant for other clients.
        return found

    def _redeem(self, described: Mapping[str, Any], code: str, redirect_uri: str, verifier: str) -> Mapping[str, Any]:
        client, secret = self._config.oidc_client_id, self._config.oidc_client_secret
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if "client_secret_basic" in described.get("token_endpoint_auth_methods_supported", ["client_secret_basic"]):
            pair = f"{quote_plus(client)}:{quote_plus(secret)}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        else:
            form |= {"client_id": client, "client_secret": secret}
        status, answer = call(described["token_endpoint"], urlencode(form).encode(), headers)
        if status != 200:
            words = str(answer.get("error_description") or answer.get("error") or f"status {status}")
            raise Unproven(f"the provider refused the login: {words[:200]}")
        return answer

    def _verify(self, described: Mapping[str, Any], token: str, nonce: str, access: str) -> Mapping[str, Any]:
        try:
            header = jws.extract_compact(token.encode()).headers()
            if header.get("alg") not in ALGORITHMS:
                raise Unproven(
                    f"the ID token is signed with {str(header.get('alg'))[:20]!r}: choose a signing key at the "
                    "provider, for RS256 or ES256"
                )
            with self._lock:
                keys = self._keys
            signed = _opened(token, header, keys)
            if signed is None:
                # The provider has new keys.
                keys = self._fetch_keys(described)
                with self._lock:
                    self._keys = keys
                signed = _opened(token, header, keys)
            if signed is None:
                raise Unproven("the signature of the ID token is not the provider's")
            claims = CodeIDToken(
                signed,
                header,
                {
                    "iss": {"essential": True, "value": self._config.oidc_issuer},
                    "aud": {"essential": True, "value": self._config.oidc_client_id},
                },
                {"nonce": nonce, "client_id": self._config.oidc_client_id, "access_token": access},
            )
            claims.validate(leeway=LEEWAY)
        except (JoseError, ValueError, TypeError) as error:
            raise Unproven(f"the ID token is not valid: {error}") from None
        subject = claims["sub"]
        if not (isinstance(subject, str) and 0 < len(subject) <= _LONGEST_SUBJECT):
            raise Unproven("the ID token names no person")
        return dict(claims)

    def _user_info(self, described: Mapping[str, Any], access: str, subject: str) -> Mapping[str, Any]:
        """The user info of the provider. Most providers put groups and addresses there."""
        if not isinstance(endpoint := described.get("userinfo_endpoint"), str):
            return {}
        status, answer = call(endpoint, headers={"Authorization": f"Bearer {access}"})
        if status != 200:
            raise Away(f"the provider did not send the person's details: status {status}")
        if answer.get("sub") != subject:
            raise Unproven("the provider's details are about another person than the ID token")
        return answer


def _opened(token: str, header: Mapping[str, Any], keys: list[Any]) -> dict[str, Any] | None:
    """The claims of the token, if one of the keys has signed it."""
    for key in keys:
        if "kid" in header and key.kid != header["kid"]:
            continue
        try:
            return dict(jwt.decode(token, key, algorithms=ALGORITHMS).claims)
        except (JoseError, ValueError, TypeError):
            continue
    return None


def _identity(claims: Mapping[str, Any], more: Mapping[str, Any], groups_claim: str, token: str) -> Identity:
    both = {**claims, **more}
    # An address counts only if the same source says that it is verified.
    told = more if "email" in more else claims
    address = told.get("email") if told.get("email_verified") is True else ""
    groups = both.get(groups_claim) or []
    given = (both.get(name) for name in ("preferred_username", "name", "email"))
    name = next((text for text in given if isinstance(text, str) and text.strip()), claims["sub"])
    return Identity(
        claims["sub"],
        "".join(character for character in name if character.isprintable()).strip()[:100] or claims["sub"][:100],
        tuple(group for group in groups if isinstance(group, str))
        if isinstance(groups, list)
        else (str(groups or ""),),
        address if isinstance(address, str) else "",
        token,
    )
