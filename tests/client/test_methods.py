"""The typed methods cover the catalogue and are what the generator writes."""

from __future__ import annotations

import importlib.util
import inspect
from pathlib import Path
from types import ModuleType

import pytest

from keystead import AsyncClient, Client
from keystead.client.wire import request_for
from keystead.doors.rest.routes import ELSEWHERE
from keystead.operations import Operation, catalogue

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("_generator", ROOT / "tools/generate_client.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_checked_in_methods_are_what_the_generator_writes(generator: ModuleType) -> None:
    for style in generator.STYLES:
        assert generator.generate(style) == (generator.FOLDER / style.file).read_text()


@pytest.mark.parametrize("operation", catalogue(), ids=lambda o: o.__name__)
def test_every_operation_but_the_schedulers_own_is_a_method_of_both_clients(
    operation: type[Operation[object]], generator: ModuleType
) -> None:
    clients = [Client("http://127.0.0.1:1", ""), AsyncClient("http://127.0.0.1:1", "")]
    for client in clients:
        resource = getattr(client, generator.attribute(operation.kind), None)
        method = getattr(resource, generator.method_name(operation), None)
        assert (method is None) == (operation in ELSEWHERE)
        if method is not None:
            given = set(inspect.signature(method).parameters)
            assert given == set(operation.__struct_fields__)


def test_a_name_never_becomes_a_step_in_the_path() -> None:
    from keystead.operations.identity import DestroySecretId
    from keystead.operations.keys import ShowKey

    path = request_for(DestroySecretId(name="ci", accessor="..")).path
    assert path == "/api/v1/approles/ci/secret-ids/%2E%2E"
    assert request_for(ShowKey(key="team/a b?c#d%")).path == "/api/v1/keys/team%2Fa%20b%3Fc%23d%25"


def test_importing_keystead_imports_no_http() -> None:
    import subprocess
    import sys

    code = "import keystead, sys; sys.exit('httpx' in sys.modules or 'msgspec' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
