"""The same worker as the gate's tests have."""

from __future__ import annotations

import importlib.util
from pathlib import Path

_PATH = Path(__file__).parents[2] / "gate" / "conftest.py"
_spec = importlib.util.spec_from_file_location("keystead_gate_fixtures_for_secrets", _PATH)
assert _spec is not None
assert _spec.loader is not None
_fixtures = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_fixtures)

office = _fixtures.office
shared_office = _fixtures.shared_office
make_office = _fixtures.make_office
two_offices = _fixtures.two_offices
