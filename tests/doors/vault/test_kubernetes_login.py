"""Log-ins of Kubernetes workloads, reviewed over HTTP, at Keystead and OpenBao alike."""

from __future__ import annotations

import datetime
import http.server
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwt
from joserfc.jwk import ECKey

KEY, OTHER = ECKey.generate_key("P-256"), ECKey.generate_key("P-256")
PEM = KEY.as_pem(private=False).decode()
BOUND = {
    "aud": ["https://k"], "iat": 0, "exp": 600,
    "kubernetes.io": {
        "namespace": "ns",
        "serviceaccount": {"name": "app", "uid": "u-1"},
        "pod": {"name": "p", "uid": "p-1"},
    },
}  # fmt: skip
OLD = {
    "iss": "kubernetes/serviceaccount", "iat": 0, "exp": 600,
    "kubernetes.io/serviceaccount/namespace": "ns",
    "kubernetes.io/serviceaccount/service-account.name": "app",
    "kubernetes.io/serviceaccount/service-account.uid": "u-1",
    "kubernetes.io/serviceaccount/secret.name": "s",
}  # fmt: skip


def _account(namespace: str = "ns", name: str = "app", uid: str = "u-1") -> dict[str, Any]:
    account = {"namespace": namespace, "serviceaccount": {"name": name, "uid": uid}}
    return {**BOUND, "kubernetes.io": account}


def mint(claims: dict[str, Any], key: ECKey = KEY) -> str:
    now = int(time.time())
    times = {name: now + claims[name] for name in ("exp", "iat", "nbf") if name in claims}
    return jwt.encode({"alg": "ES256"}, {**claims, **times}, key)


def _authority() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "cluster")])
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
        .decode()
    )


class Cluster:
    """An API server that reviews tokens; it vouches for ``user``, and for no other signature
    than KEY's. ``reviews`` are what it was asked, with the bearer token."""

    def __init__(self) -> None:
        self.user = {"username": "system:serviceaccount:ns:app", "uid": "u-1"}
        self.status: dict[str, Any] = {}
        self.reviews: list[tuple[str, str, dict[str, Any]]] = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                review = json.loads(self.rfile.read(length))
                outer.reviews.append((self.path, self.headers["Authorization"], review["spec"]))
                review["status"] = outer.review(review["spec"])
                body = json.dumps(review).encode()
                self.send_response(201)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def review(self, spec: dict[str, Any]) -> dict[str, Any]:
        try:
            jwt.decode(spec["token"], KEY, algorithms=["ES256"])
        except Exception:
            return {"authenticated": False, "error": "invalid signature"}
        return {
            "authenticated": True,
            "user": self.user,
            "audiences": spec.get("audiences", ["https://k"]),
            **self.status,
        }

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    made = Cluster()
    yield made
    made.close()


@pytest.fixture(params=["keystead", "openbao"])
def api(request: pytest.FixtureRequest, cluster: Cluster) -> Iterator[Any]:
    """A server whose mount ``auth/k8s`` trusts the cluster."""
    made = request.getfixturevalue(f"{request.param}_api")
    made.write("sys/auth/k8s", type="kubernetes")
    configure(made, cluster)
    made.write(
        "auth/k8s/role/app", bound_service_account_names="app",
        bound_service_account_namespaces="ns", token_policies="pods", token_ttl="10m",
    )  # fmt: skip
    made.write(
        "auth/k8s/role/patterns", bound_service_account_names=["a*"],
        bound_service_account_namespaces=["n*", "other"], audience="me",
        alias_name_source="serviceaccount_name",
    )  # fmt: skip
    yield made
    made.ask("DELETE", "sys/auth/k8s")


def configure(api: Any, cluster: Cluster, **given: Any) -> None:
    api.write(
        "auth/k8s/config",
        **{
            "kubernetes_host": cluster.url,
            "kubernetes_ca_cert": _authority(),
            "disable_local_ca_jwt": True,
            **given,
        },
    )


def login(api: Any, claims: dict[str, Any], role: str = "app", key: ECKey = KEY) -> Any:
    body = {"role": role, "jwt": mint(claims, key)}
    return api.ask("POST", "auth/k8s/login", body, token="")


@pytest.mark.parametrize(("claims", "secret"), [(BOUND, ""), (OLD, "s")])
def test_a_workload_logs_in_when_its_cluster_vouches_for_it(
    api: Any, cluster: Cluster, claims: dict[str, Any], secret: str
) -> None:
    reply = login(api, claims)
    assert reply.status == 200, reply
    auth = reply.body["auth"]
    assert auth["policies"] == ["default", "pods"]
    assert auth["lease_duration"] == 600
    path, bearer, spec = cluster.reviews[-1]
    assert path == "/apis/authentication.k8s.io/v1/tokenreviews"
    assert bearer == f"Bearer {spec['token']}"
    assert auth["metadata"] == {
        "role": "app",
        "service_account_name": "app",
        "service_account_namespace": "ns",
        "service_account_secret_name": secret,
        "service_account_uid": "u-1",
    }


@pytest.mark.parametrize(
    ("role", "claims", "status"),
    [
        ("patterns", {**BOUND, "aud": ["me"]}, 200),
        ("patterns", BOUND, 403),
        ("app", _account(name="other"), 403),
        ("app", _account(namespace="other"), 403),
        ("app", _account(uid="u-2"), 403),
        ("app", {**BOUND, "exp": -600, "iat": -700}, 403),
        ("app", {"iat": 0, "exp": 600}, 403),
        ("none", BOUND, 400),
        ("", BOUND, 400),
    ],
)
def test_both_servers_judge_a_log_in_alike(
    api: Any, role: str, claims: dict[str, Any], status: int
) -> None:
    assert login(api, claims, role).status == status


def test_a_token_that_the_cluster_does_not_know_is_denied(api: Any) -> None:
    assert login(api, BOUND, key=OTHER).status == 403


@pytest.mark.parametrize(
    "status",
    [
        {"authenticated": False},
        {"user": {"username": "system:serviceaccount:ns:other", "uid": "u-1"}},
        {"user": {"username": "alice", "uid": "u-1"}},
        {"user": {"username": "system:serviceaccount:ns:app", "uid": "u-9"}},
        {"audiences": ["https://another"]},
        {"user": None},
    ],
)
def test_what_the_cluster_says_decides(api: Any, cluster: Cluster, status: dict[str, Any]) -> None:
    cluster.status = status
    assert login(api, BOUND).status == 403


def test_a_cluster_that_is_away_vouches_for_nobody(api: Any, cluster: Cluster) -> None:
    configure(api, cluster, kubernetes_host="http://127.0.0.1:1")
    assert login(api, BOUND).status == 403


def test_reviews_are_asked_with_the_reviewers_token(api: Any, cluster: Cluster) -> None:
    configure(api, cluster, token_reviewer_jwt="asks-for-us")
    assert login(api, BOUND).status == 200
    assert cluster.reviews[-1][1] == "Bearer asks-for-us"
    shown = api.ask("GET", "auth/k8s/config").data
    assert shown["token_reviewer_jwt_set"] is True
    assert "asks-for-us" not in json.dumps(shown)


def test_signatures_are_checked_here_too_if_there_are_keys(api: Any, cluster: Cluster) -> None:
    configure(api, cluster, pem_keys=[PEM])
    assert login(api, BOUND).status == 200
    asked = len(cluster.reviews)
    assert login(api, BOUND, key=OTHER).status == 403
    assert len(cluster.reviews) == asked


def test_the_issuer_counts_if_it_is_asked_for(api: Any, cluster: Cluster) -> None:
    configure(api, cluster, disable_iss_validation=False, issuer="mine")
    assert login(api, OLD).status == 403
    assert login(api, {**BOUND, "iss": "mine"}).status == 200


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({}, '"bound_service_account_names" can not be empty'),
        ({"bound_service_account_names": "a"}, '"bound_service_account_namespaces" can not be'),
        ({"bound_service_account_names": "*,a", "bound_service_account_namespaces": "b"},
         'can not mix "*" with values'),
        ({"bound_service_account_names": "a", "bound_service_account_namespaces": "b",
          "alias_name_source": "zz"},
         "invalid alias_name_source, must be one of: serviceaccount_uid, serviceaccount_name"),
    ],
)  # fmt: skip
def test_a_role_that_makes_no_sense_is_refused(api: Any, body: dict[str, Any], error: str) -> None:
    reply = api.ask("POST", "auth/k8s/role/bad", body)
    assert reply.status == 400
    assert reply.errors[0].startswith(error)


def test_roles_are_shown_listed_and_deleted(api: Any) -> None:
    role = api.ask("GET", "auth/k8s/role/patterns").data
    assert role["bound_service_account_names"] == ["a*"]
    assert role["audience"] == "me"
    assert "audience" not in api.ask("GET", "auth/k8s/role/app").data
    assert api.ask("LIST", "auth/k8s/role").data["keys"] == ["app", "patterns"]
    assert api.ask("DELETE", "auth/k8s/role/app").status == 204
    assert api.ask("GET", "auth/k8s/role/app").status == 404


@pytest.mark.parametrize(
    "config", [{}, {"kubernetes_host": "http://x", "disable_local_ca_jwt": True}]
)
def test_a_configuration_that_makes_no_sense_is_refused(api: Any, config: dict[str, Any]) -> None:
    assert api.ask("POST", "auth/k8s/config", config).status == 400
