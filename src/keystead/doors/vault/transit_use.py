"""What transit keys are used for: encrypt, decrypt, rewrap, data keys, sign, verify, HMAC."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, Final, TypeVar, cast, get_args

import msgspec

from keystead.doors.vault.base64 import decode, encode
from keystead.doors.vault.engine import Answer, Engine, Reply
from keystead.doors.vault.request import VaultRequest
from keystead.errors import AlreadyExists, InvalidRequest, NotFound, PermissionDenied
from keystead.operations import Operation
from keystead.operations.base import ReplyT
from keystead.operations.cryptography import GenerateRandom, Results
from keystead.operations.system import HashBytes, HashName
from keystead.operations.transit import (
    CreateTransitKey,
    GenerateTransitDataKey,
    SignatureForm,
    TransitDecrypt,
    TransitDecryptBatch,
    TransitDecryptItem,
    TransitEncrypt,
    TransitEncryptBatch,
    TransitEncryptItem,
    TransitHmac,
    TransitHmacItem,
    TransitRewrap,
    TransitRewrapBatch,
    TransitRewrapItem,
    TransitSign,
    TransitSignItem,
    TransitVerify,
    TransitVerifyHmac,
    TransitVerifyHmacItem,
    TransitVerifyItem,
)

ENGINE = Engine("transit")

NO_KEY: Final = "encryption key not found"
_NOTHING_TO_DO: Final = "missing batch input to process"
_MIXED: Final = "context should be set either in all the request blocks or in none"
_RANDOM_LIMIT: Final = 131_072
_HASHES: Final = frozenset(get_args(HashName))
_SOURCES: Final = ("platform", "seal", "all")

ItemT = TypeVar("ItemT")
Entry = dict[str, Any]


class Item(msgspec.Struct):
    """One item of a batch to encrypt, decrypt or rewrap."""

    plaintext: str | None = None
    ciphertext: str | None = None
    context: str = ""
    associated_data: str = ""
    key_version: int | str = 0
    reference: str = ""


class Body(Item):
    """A request to encrypt, decrypt or rewrap, one or many."""

    batch_input: list[Item] | None = None
    partial_failure_response_code: int = 0
    type: str = ""
    convergent_encryption: bool = False


def number(value: int | str) -> int:
    """A whole number, or a text that is one; raises InvalidRequest."""
    if isinstance(value, int):
        return value
    try:
        return int(value or 0)
    except ValueError:
        raise InvalidRequest("Field validation failed: key_version must be an integer") from None


def word(text: str) -> str:
    """A name that goes into the audit log: short. Raises InvalidRequest."""
    if len(text) > 64:
        raise InvalidRequest("A name in the request is too long.")
    return text


async def use(request: VaultRequest, operation: Operation[ReplyT], missing: str = NO_KEY) -> ReplyT:
    """Carry out an operation on a key; one that is not there is the request's fault."""
    try:
        return await request.perform(operation)
    except NotFound as error:
        if error.details.get("key") == operation.resource().name:
            raise InvalidRequest(missing) from None
        raise


def _key(request: VaultRequest, name: str) -> str:
    return request.mount.path + name


# --- batches ----------------------------------------------------------------------------


def _prepare(
    items: Sequence[Any], build: Callable[[Any], ItemT], problem: str = "{}"
) -> tuple[list[ItemT], list[str | None]]:
    """The items that can be asked for, and for each of all what is wrong with it."""
    good: list[ItemT] = []
    problems: list[str | None] = []
    for item in items:
        try:
            good.append(build(item))
            problems.append(None)
        except InvalidRequest as error:
            problems.append(problem.format(error.message))
    return good, problems


def _merge(
    results: Results[Any],
    problems: list[str | None],
    references: list[str],
    show: Callable[[Any], Entry],
    failed: Entry,
) -> tuple[list[Entry], int]:
    """All entries in order, and how many failed."""
    outcomes = iter(results.results)
    entries: list[Entry] = []
    failures = 0
    for problem, reference in zip(problems, references, strict=True):
        if problem is None:
            outcome = next(outcomes)
            if outcome.error is None:
                entries.append({**show(outcome.value), "reference": reference})
                continue
            problem = outcome.error.message
        failures += 1
        entries.append({**failed, "error": problem, "reference": reference})
    return entries, failures


def _answer(entries: list[Entry], failures: int, partial: int) -> Answer:
    """All results; 400 if one failed, unless another status was asked for and not all did."""
    status = None
    if failures:
        wanted = 0 < failures < len(entries) and 200 <= partial <= 599
        status = partial if wanted else 400
    return Answer(data={"batch_results": entries}, status=status)


# --- encrypt ----------------------------------------------------------------------------


@ENGINE.write("encrypt/{name}", capability="update")
async def encrypt(request: VaultRequest, name: str) -> Reply:
    body = request.decode(Body)
    if body.batch_input is not None:
        return await _encrypt_batch(request, name, body, body.batch_input)
    if body.plaintext is None:
        raise InvalidRequest("missing plaintext to encrypt")
    operation = TransitEncrypt(
        key=_key(request, name),
        plaintext=decode(body.plaintext),
        derivation=decode(body.context) if body.context else b"",
        aad=decode(body.associated_data) if body.associated_data else b"",
        key_version=number(body.key_version),
    )
    made = await _or_create(request, operation, body, derived=bool(body.context))
    return {"ciphertext": made.ciphertext, "key_version": made.version}


async def _encrypt_batch(request: VaultRequest, name: str, body: Body, items: list[Item]) -> Reply:
    if not items:
        raise InvalidRequest(_NOTHING_TO_DO)
    derived = bool(items[0].context)
    for place, item in enumerate(items):
        if item.plaintext is None:
            raise InvalidRequest(
                f"failed to parse batch input: '[{place}].plaintext' missing plaintext to encrypt"
            )
        if bool(item.context) is not derived:
            raise InvalidRequest(_MIXED)
    good, problems = _prepare(items, _to_encrypt)
    operation = TransitEncryptBatch(key=_key(request, name), items=good)
    results = await _or_create(request, operation, body, derived=derived)
    references = [item.reference for item in items]
    entries, failures = _merge(results, problems, references, _encrypted, {})
    return _answer(entries, failures, body.partial_failure_response_code)


def _to_encrypt(item: Item) -> TransitEncryptItem:
    return TransitEncryptItem(
        plaintext=decode(item.plaintext or ""),
        derivation=decode(item.context) if item.context else b"",
        aad=decode(item.associated_data) if item.associated_data else b"",
        key_version=number(item.key_version),
    )


def _encrypted(made: Any) -> Entry:
    return {"ciphertext": made.ciphertext, "key_version": made.version}


async def _or_create(
    request: VaultRequest, operation: Operation[ReplyT], body: Body, *, derived: bool
) -> ReplyT:
    """Encrypt; if there is no such key and the caller may create it, with a new one.

    ``update`` on this path is the right to encrypt, ``create`` the right to make the key.
    """
    key = operation.resource().name
    try:
        return await request.perform(operation)
    except NotFound as error:
        if error.details.get("key") != key:
            raise
    except PermissionDenied:
        return await _create_and(request, operation, body, derived=derived, denied=True)
    return await _create_and(request, operation, body, derived=derived, denied=False)


async def _create_and(
    request: VaultRequest,
    operation: Operation[ReplyT],
    body: Body,
    *,
    derived: bool,
    denied: bool,
) -> ReplyT:
    if body.convergent_encryption and not derived:
        raise InvalidRequest(
            "convergent encryption requires derivation to be enabled, so context is required"
        )
    path = request.call.path
    assert path is not None
    request.call.path = replace(path, capability="create")
    creation = CreateTransitKey(
        name=operation.resource().name,
        mount=request.mount.path,
        type=word(body.type or "aes256-gcm96"),
        derived=derived,
        convergent=body.convergent_encryption,
        upsert=True,
    )
    try:
        await request.perform(creation)
    except AlreadyExists:
        if denied:
            raise PermissionDenied from None
    except NotFound:
        raise InvalidRequest(NO_KEY) from None
    if not denied:
        request.call.path = path
    return await request.perform(operation)


# --- decrypt, rewrap, data keys ---------------------------------------------------------


@ENGINE.write("decrypt/{name}", capability="update")
async def decrypt(request: VaultRequest, name: str) -> Reply:
    body = request.decode(Body)
    key = _key(request, name)
    if body.batch_input is not None:
        good, problems = _ciphertexts(body.batch_input, TransitDecryptItem)
        results = await use(request, TransitDecryptBatch(key=key, items=good))
        references = [item.reference for item in body.batch_input]
        entries, failures = _merge(results, problems, references, _decrypted, {"plaintext": ""})
        return _answer(entries, failures, body.partial_failure_response_code)
    if not body.ciphertext:
        raise InvalidRequest("missing ciphertext to decrypt")
    found = await use(
        request,
        TransitDecrypt(
            key=key,
            ciphertext=body.ciphertext,
            derivation=decode(body.context) if body.context else b"",
            aad=decode(body.associated_data) if body.associated_data else b"",
        ),
    )
    return {"plaintext": encode(found.plaintext)}


def _decrypted(found: Any) -> Entry:
    return {"plaintext": encode(found.plaintext)}


def _ciphertexts(items: list[Item], type_: type[Any]) -> tuple[list[Any], list[str | None]]:
    if not items:
        raise InvalidRequest(_NOTHING_TO_DO)
    for place, item in enumerate(items):
        if item.ciphertext is None:
            raise InvalidRequest(
                f"failed to parse batch input: '[{place}].ciphertext' missing ciphertext to decrypt"
            )

    def build(item: Item) -> Any:
        version = number(item.key_version)
        chosen = {"key_version": version} if type_ is TransitRewrapItem else {}
        return type_(
            ciphertext=item.ciphertext,
            derivation=decode(item.context) if item.context else b"",
            aad=decode(item.associated_data) if item.associated_data else b"",
            **chosen,
        )

    return _prepare(items, build)


@ENGINE.write("rewrap/{name}", capability="update")
async def rewrap(request: VaultRequest, name: str) -> Reply:
    body = request.decode(Body)
    key = _key(request, name)
    if body.batch_input is not None:
        good, problems = _ciphertexts(body.batch_input, TransitRewrapItem)
        results = await use(request, TransitRewrapBatch(key=key, items=good))
        references = [item.reference for item in body.batch_input]
        entries, _ = _merge(results, problems, references, _encrypted, {})
        return {"batch_results": entries}
    if not body.ciphertext:
        raise InvalidRequest("missing ciphertext to decrypt")
    made = await use(
        request,
        TransitRewrap(
            key=key,
            ciphertext=body.ciphertext,
            derivation=decode(body.context) if body.context else b"",
            aad=decode(body.associated_data) if body.associated_data else b"",
            key_version=number(body.key_version),
        ),
    )
    return _encrypted(made)


@ENGINE.write("datakey/{kind}/{name}", capability="update")
async def datakey(request: VaultRequest, kind: str, name: str) -> Reply:
    if kind not in ("plaintext", "wrapped"):
        raise InvalidRequest("Invalid path, must be 'plaintext' or 'wrapped'")
    bits = request.integer("bits", 256)
    if bits not in (128, 256, 512):
        raise InvalidRequest("invalid bit length")
    made = await use(
        request,
        GenerateTransitDataKey(
            key=_key(request, name),
            length=bits // 8,
            derivation=decode(request.text("context")),
            aad=decode(request.text("associated_data")),
            key_version=request.integer("key_version"),
            with_plaintext=kind == "plaintext",
        ),
    )
    data = _encrypted(made)
    return data if made.plaintext is None else {**data, "plaintext": encode(made.plaintext)}


# --- sign, verify -----------------------------------------------------------------------


class SignItem(msgspec.Struct):
    """One item of a batch to sign, verify or authenticate."""

    input: str | None = None
    context: str = ""
    signature: str | None = None
    hmac: str | None = None
    reference: str = ""


class SignBody(SignItem):
    """A request to sign, verify or authenticate, one or many."""

    batch_input: list[SignItem] | None = None
    hash_algorithm: str = ""
    algorithm: str = ""
    key_version: int | str = 0
    prehashed: bool | str = False
    signature_algorithm: str = ""
    marshaling_algorithm: str = ""
    salt_length: int | str = "auto"

    @property
    def items(self) -> list[SignItem]:
        if self.batch_input is None:
            return [self]
        if not self.batch_input:
            raise InvalidRequest(_NOTHING_TO_DO)
        return self.batch_input


def _form(body: SignBody, in_path: str) -> SignatureForm:
    marshaling = body.marshaling_algorithm or "asn1"
    if marshaling not in ("asn1", "jws"):
        raise InvalidRequest(f'invalid marshaling type "{marshaling}"')
    return SignatureForm(
        hash=_hash_name(body, in_path),
        prehashed=body.prehashed in (True, "true", "1"),
        algorithm=word(body.signature_algorithm),
        salt=_salt(body.salt_length),
        jws=marshaling == "jws",
    )


def _hash_name(body: SignBody, in_path: str) -> str:
    return word(in_path or body.hash_algorithm or body.algorithm or "sha2-256")


def _salt(wanted: int | str) -> int:
    text = str(wanted).lower()
    if text in ("auto", ""):
        return 0
    if text == "hash":
        return -1
    try:
        length = int(text)
    except ValueError:
        raise InvalidRequest(f"salt length neither 'auto', 'hash', nor an int: {text}") from None
    if length < -1:
        raise InvalidRequest(f"salt length is invalid: {length}")
    return length


def _input(item: SignItem, body: SignBody, missing: str) -> bytes:
    if item.input is None and item is not body:
        raise InvalidRequest(missing)
    try:
        return decode(item.input or "")
    except InvalidRequest as error:
        raise InvalidRequest(f"unable to decode input as base64: {error.message}") from None


def _context(item: SignItem) -> bytes:
    try:
        return decode(item.context) if item.context else b""
    except InvalidRequest:
        raise InvalidRequest("failed to base64-decode context") from None


async def _each(
    request: VaultRequest,
    body: SignBody,
    build: Callable[[SignItem], ItemT],
    ask: Callable[[list[ItemT]], Awaitable[Results[Any]]],
    show: Callable[[Any], Entry],
    failed: Entry,
) -> Reply:
    """Ask for all items; a request for one fails as a whole."""
    items = body.items
    if body.batch_input is None:
        (outcome,) = (await ask([build(body)])).results
        if outcome.error is not None:
            raise InvalidRequest(outcome.error.message)
        return show(outcome.value)
    good, problems = _prepare(items, build)
    references = [item.reference for item in items]
    entries, _ = _merge(await ask(good), problems, references, show, failed)
    return {"batch_results": entries}


@ENGINE.write("sign/{name}", "sign/{name}/{urlalgorithm}", capability="update")
async def sign(request: VaultRequest, name: str, urlalgorithm: str = "") -> Reply:
    body = request.decode(SignBody)
    form = _form(body, urlalgorithm)
    single = body.batch_input is None

    def build(item: SignItem) -> TransitSignItem:
        return TransitSignItem(
            message=_input(item, body, "missing input"), derivation=_context(item)
        )

    async def ask(items: list[TransitSignItem]) -> Results[Any]:
        operation = TransitSign(
            key=_key(request, name), items=items, form=form, key_version=number(body.key_version)
        )
        return await use(request, operation, "signing key not found")

    def show(made: Any) -> Entry:
        entry = {"signature": made.signature, "key_version": made.version}
        if made.public_key:
            entry["public_key" if single else "publickey"] = encode(made.public_key)
        return entry

    return await _each(request, body, build, ask, show, {"key_version": 0})


@ENGINE.write("verify/{name}", "verify/{name}/{urlalgorithm}", capability="update")
async def verify(request: VaultRequest, name: str, urlalgorithm: str = "") -> Reply:
    body = request.decode(SignBody)
    if _wants_hmac(body):
        return await _verify_hmac(request, name, body, urlalgorithm)
    form = _form(body, urlalgorithm)

    def build(item: SignItem) -> TransitVerifyItem:
        return TransitVerifyItem(
            message=_input(item, body, "missing input"),
            signature=item.signature or "",
            derivation=_context(item),
        )

    async def ask(items: list[TransitVerifyItem]) -> Results[Any]:
        operation = TransitVerify(key=_key(request, name), items=items, form=form)
        return await use(request, operation, "signature verification key not found")

    return await _each(request, body, build, ask, _verified, {"valid": False})


def _verified(found: Any) -> Entry:
    return {"valid": found.valid}


def _wants_hmac(body: SignBody) -> bool:
    """Whether HMACs are to be verified, not signatures; raises InvalidRequest for a mixture."""
    items, many = body.items, body.batch_input is not None
    signatures = [item.signature is not None for item in items]
    hmacs = [item.hmac is not None and item.signature is None for item in items]
    if not many:
        if body.signature is not None and body.hmac is not None:
            raise InvalidRequest("provide one of 'signature' or 'hmac'")
        if body.signature is None and body.hmac is None:
            raise InvalidRequest("neither a 'signature' nor an 'hmac' were given to verify")
        return hmacs[0]
    if any(signatures) and any(hmacs):
        raise InvalidRequest(
            "elements of batch_input must all provide 'signature' or all provide 'hmac'"
        )
    if any(signatures) and not all(signatures):
        raise InvalidRequest("some elements of batch_input are missing 'signature'")
    if any(hmacs) and not all(hmacs):
        raise InvalidRequest("some elements of batch_input are missing 'hmac'")
    if not any(signatures) and not any(hmacs):
        raise InvalidRequest("no batch_input elements have 'signature' or 'hmac'")
    return any(hmacs)


# --- HMAC, hash, random -----------------------------------------------------------------


@ENGINE.write("hmac/{name}", "hmac/{name}/{urlalgorithm}", capability="update")
async def hmac(request: VaultRequest, name: str, urlalgorithm: str = "") -> Reply:
    body = request.decode(SignBody)
    if body.batch_input is None and body.input is None:
        raise InvalidRequest("missing input for HMAC")

    def build(item: SignItem) -> TransitHmacItem:
        return TransitHmacItem(message=_input(item, body, "missing input for HMAC"))

    async def ask(items: list[TransitHmacItem]) -> Results[Any]:
        return await use(
            request,
            TransitHmac(
                key=_key(request, name),
                items=items,
                hash=_hash_name(body, urlalgorithm),
                key_version=number(body.key_version),
            ),
        )

    return await _each(request, body, build, ask, lambda made: {"hmac": made.hmac}, {})


async def _verify_hmac(
    request: VaultRequest, name: str, body: SignBody, urlalgorithm: str
) -> Reply:
    def build(item: SignItem) -> TransitVerifyHmacItem:
        message = _input(item, body, "missing input")
        return TransitVerifyHmacItem(message=message, hmac=item.hmac or "")

    async def ask(items: list[TransitVerifyHmacItem]) -> Results[Any]:
        wanted = _hash_name(body, urlalgorithm)
        operation = TransitVerifyHmac(key=_key(request, name), items=items, hash=wanted)
        return await use(request, operation)

    return await _each(request, body, build, ask, _verified, {"valid": False})


@ENGINE.write("hash", "hash/{urlalgorithm}", capability="update")
async def hash_(request: VaultRequest, urlalgorithm: str = "") -> Reply:
    if not request.has("input"):
        raise InvalidRequest("input missing")
    form = _encoding(request, "hex", "unsupported encoding format {}; ")
    try:
        data = decode(request.text("input"))
    except InvalidRequest as error:
        raise InvalidRequest(f"unable to decode input as base64: {error.message}") from None
    algorithm = urlalgorithm or request.text("algorithm", "sha2-256")
    if algorithm not in _HASHES:
        raise InvalidRequest(f"unsupported algorithm {algorithm}")
    hashed = await request.perform(HashBytes(algorithm=cast("HashName", algorithm), input=data))
    return {"sum": hashed.digest.hex() if form == "hex" else encode(hashed.digest)}


def _encoding(request: VaultRequest, default: str, problem: str) -> str:
    form = request.text("format", default) or default
    if form not in ("hex", "base64"):
        raise InvalidRequest(problem.format(form) + 'must be "hex" or "base64"')
    return form


@ENGINE.write("random", "random/{first}", "random/{first}/{second}", capability="update")
async def random(request: VaultRequest, first: str = "", second: str = "") -> Reply:
    source = first if first in _SOURCES else "platform"
    wanted = second if first in _SOURCES else first
    if second and first not in _SOURCES:
        raise InvalidRequest(
            f'unsupported entropy source "{first}"; must be "platform", "seal" or "all"'
        )
    count = request.integer("bytes", 32)
    if wanted:
        if not (wanted.isascii() and wanted.lstrip("-").isdigit() and len(wanted) < 12):
            raise InvalidRequest(f"error parsing url-set byte count: {wanted}")
        count = int(wanted)
    if count < 1:
        raise InvalidRequest("'bytes' cannot be less than 1")
    if count > _RANDOM_LIMIT:
        raise InvalidRequest(f"'bytes' should be less than {_RANDOM_LIMIT}")
    form = _encoding(request, "base64", 'unsupported encoding format "{}"; ')
    made = await request.perform(GenerateRandom(length=count))
    text = made.random.hex() if form == "hex" else encode(made.random)
    warnings = None
    if source == "seal":
        warnings = ["no seal/entropy augmentation available, using platform entropy source"]
    return Answer(data={"random_bytes": text}, warnings=warnings)
