"""Backups of transit keys as Vault and OpenBao write them: base64 of JSON, in plaintext.

``{"policy": {…, "keys": {"3": entry}}, "archived_keys": {"keys": [entry, …]}}``: the policy has
the versions that may still decrypt, the archive all that are left, from
``min_available_version`` on (from an empty one in place of version 0 if that is 0).

An entry has ``key`` (base64: symmetric keys; Ed25519 seed ‖ public key; ML-DSA seeds), or
``ec_x``, ``ec_y``, ``ec_d``, or ``rsa_key``/``rsa_public_key`` as Go has them, all as numbers.
"""

from __future__ import annotations

import json
from base64 import b64encode
from binascii import Error, a2b_base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from keystead.crypto.keys import import_material
from keystead.crypto.material import KeyMaterial
from keystead.crypto.publication import public_pem
from keystead.crypto.specs import spec
from keystead.crypto.transit.types import NUMBERED, TYPES, TransitType
from keystead.errors import InvalidRequest, KeysteadError

_CURVES: Final[dict[str, type[ec.EllipticCurve]]] = {
    "ecdsa-p256": ec.SECP256R1, "ecdsa-p384": ec.SECP384R1, "ecdsa-p521": ec.SECP521R1,
}  # fmt: skip
_HMAC_NUMBERS: Final = (10, 11)  # OpenBao's and Vault's; 11 is XChaCha20-Poly1305 to OpenBao
_NEVER: Final = "0001-01-01T00:00:00Z"
_MOST_VERSIONS: Final = 100_000

Json = dict[str, Any]


class Entry(NamedTuple):
    """One version. ``material`` is in its form at rest (None: only the public key is there),
    ``public`` SubjectPublicKeyInfo DER."""

    material: KeyMaterial | None
    public: bytes | None
    hmac_key: bytes
    created_at: float | None
    convergent_version: int
    certificates: list[bytes]


def parse(text: str) -> Json:
    """The JSON of a backup; raises InvalidRequest."""
    try:
        found = json.loads(a2b_base64(text, strict_mode=True))
    except (Error, ValueError, RecursionError):
        raise InvalidRequest("illegal base64 data at input byte 0") from None
    if not isinstance(found, dict) or not isinstance(found.get("policy"), dict):
        raise InvalidRequest("The backup holds no key.")
    return found


def type_in(policy: Json) -> TransitType:
    """The type of a backed up key; raises InvalidRequest."""
    number = policy.get("type")
    if number in _HMAC_NUMBERS and policy.get("key_size"):
        return TYPES["hmac"]
    if not isinstance(number, int) or number not in NUMBERED or number == TYPES["hmac"].number:
        raise InvalidRequest("The backup is of a key type that is not known here.")
    return NUMBERED[number]


def entries_in(backup: Json, type_: TransitType) -> dict[int, Entry]:
    """All versions in a backup by number; raises InvalidRequest."""
    policy = backup["policy"]
    try:
        first = int(policy.get("min_available_version") or 0)
        latest = int(policy["latest_version"])
        if not 1 <= latest <= _MOST_VERSIONS or not 0 <= first <= latest:
            raise ValueError
        found: dict[int, Any] = {}
        archived = (backup.get("archived_keys") or {}).get("keys") or []
        for place, entry in enumerate(archived):
            found[first + place] = entry
        for number, entry in (policy.get("keys") or {}).items():
            found[int(number)] = entry
        entries = {n: _entry(found[n], type_) for n in sorted(found) if 1 <= n <= latest}
    except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, KeysteadError):
        raise InvalidRequest("The backup is damaged.") from None
    if latest not in entries:
        raise InvalidRequest("The backup lacks the newest version of the key.")
    return entries


def _entry(entry: Json, type_: TransitType) -> Entry:
    material, public = _key_in(entry, type_)
    return Entry(
        material,
        public,
        _bytes(entry.get("hmac_key")),
        parse_time(entry.get("time")) or float(entry.get("creation_time") or 0),
        int(entry.get("convergent_version") or 0),
        [_bytes(certificate) for certificate in entry.get("certificate_chain") or []],
    )


def _key_in(entry: Json, type_: TransitType) -> tuple[KeyMaterial | None, bytes | None]:
    private: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | None
    public: ec.EllipticCurvePublicKey | rsa.RSAPublicKey
    if type_.ecdsa:
        private, public = _ec_key(entry, _CURVES[type_.name]())
    elif type_.rsa:
        private, public = _rsa_key(entry)
    else:
        return _raw_key(entry, type_)
    if private is None:
        return None, _spki(public)
    pkcs8 = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return import_material(spec(type_.spec), pkcs8), _spki(public)


def _raw_key(entry: Json, type_: TransitType) -> tuple[KeyMaterial | None, bytes | None]:
    key, form = _bytes(entry.get("key")), spec(type_.spec).form
    if type_.symmetric:
        return import_material(spec(type_.spec), key), None
    if not key and type_.name == "ed25519":
        return None, _spki(Ed25519PublicKey.from_public_bytes(_bytes(entry["public_key"])))
    material = import_material(spec(type_.spec), key[:32])
    return material, form.public_bytes(form.load(material.reveal()))


def _ec_key(
    entry: Json, curve: ec.EllipticCurve
) -> tuple[ec.EllipticCurvePrivateKey | None, ec.EllipticCurvePublicKey]:
    public = ec.EllipticCurvePublicNumbers(_int(entry["ec_x"]), _int(entry["ec_y"]), curve)
    if entry.get("ec_d") is None:
        return None, public.public_key()
    private = ec.EllipticCurvePrivateNumbers(_int(entry["ec_d"]), public).private_key()
    return private, private.public_key()


def _rsa_key(entry: Json) -> tuple[rsa.RSAPrivateKey | None, rsa.RSAPublicKey]:
    found = entry.get("rsa_key")
    if found is None:
        found = entry["rsa_public_key"]
        return None, rsa.RSAPublicNumbers(_int(found["E"]), _int(found["N"])).public_key()
    p, q = (_int(prime) for prime in found["Primes"])
    d, public = _int(found["D"]), rsa.RSAPublicNumbers(_int(found["E"]), _int(found["N"]))
    private = rsa.RSAPrivateNumbers(
        p, q, d, rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q), public
    ).private_key()
    return private, private.public_key()


def _spki(public: Any) -> bytes:
    der: bytes = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return der


def _int(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError("not a number")
    return value


def _bytes(value: Any) -> bytes:
    return a2b_base64(value, strict_mode=True) if value else b""


def parse_time(value: Any) -> float | None:
    """RFC 3339 as Unix seconds; None for none."""
    if not value or value == _NEVER:
        return None
    return datetime.fromisoformat(value).timestamp()


def write_time(at: float | None) -> str:
    """Unix seconds as RFC 3339."""
    if at is None:
        return _NEVER
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds")[:-6] + "Z"


def write(policy: Json, entries: Mapping[int, Entry], type_: TransitType) -> str:
    """A backup of these versions; ``policy`` is all the rest, with its minimum versions."""
    written = {number: _write_entry(entry, type_) for number, entry in entries.items()}
    first = policy["min_available_version"]
    empty = _write_entry(Entry(None, None, b"", None, 0, []), type_)
    archived = [written.get(n, empty) for n in range(first, policy["latest_version"] + 1)]
    least = policy["min_decryption_version"]
    keys = {str(number): entry for number, entry in written.items() if number >= least}
    whole = {"policy": {**policy, "keys": keys}, "archived_keys": {"keys": archived}}
    return b64encode(json.dumps(whole, separators=(",", ":")).encode()).decode()


def _write_entry(entry: Entry, type_: TransitType) -> Json:
    written: Json = {
        "key": None,
        "hmac_key": _text(entry.hmac_key),
        "time": write_time(entry.created_at),
        "ec_x": None,
        "ec_y": None,
        "ec_d": None,
        "rsa_key": None,
        "rsa_public_key": None,
        "public_key": "",
        "convergent_version": entry.convergent_version,
        "creation_time": int(entry.created_at or 0),
        "certificate_chain": [_text(der) for der in entry.certificates] or None,
    }
    if entry.material is not None and type_.symmetric:
        written["key"] = _text(entry.material.reveal())
    elif entry.public is not None:
        written |= _write_pair(entry, entry.public, type_)
    return written


def _write_pair(entry: Entry, public_der: bytes, type_: TransitType) -> Json:
    form = spec(type_.spec).form
    private = form.load(entry.material.reveal()) if entry.material is not None else None
    public = form.load_public(public_der)
    if type_.ecdsa:
        numbers = public.public_numbers()
        scalar = private.private_numbers().private_value if private is not None else None
        pem = public_pem(public_der)
        return {"ec_x": numbers.x, "ec_y": numbers.y, "ec_d": scalar, "public_key": pem}
    if type_.rsa:
        return _write_rsa(private, public)
    raw = public.public_bytes_raw()
    written: Json = {"public_key": _text(raw)}
    if entry.material is not None:
        seed = entry.material.reveal()
        written["key"] = _text(seed + raw if type_.name == "ed25519" else seed)
    return written


def _write_rsa(private: Any, public: Any) -> Json:
    numbers = public.public_numbers()
    written: Json = {"rsa_public_key": {"N": numbers.n, "E": numbers.e}}
    if private is not None:
        p = private.private_numbers()
        crt = {"Dp": p.dmp1, "Dq": p.dmq1, "Qinv": p.iqmp, "CRTValues": []}
        written["rsa_key"] = {
            "N": numbers.n, "E": numbers.e, "D": p.d, "Primes": [p.p, p.q], "Precomputed": crt,
        }  # fmt: skip
    return written


def _text(data: bytes) -> str | None:
    return b64encode(data).decode() if data else None
