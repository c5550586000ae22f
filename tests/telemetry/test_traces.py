"""Spans reach a real OTLP/HTTP receiver, with what they should say and nothing more."""

from __future__ import annotations

import gzip
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from keystead.call import Call
from keystead.telemetry.traces import Traces

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"


class Receiver:
    """Decodes what is posted to /v1/traces as the OTLP protobuf messages that it is."""

    def __init__(self) -> None:
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
            ExportTraceServiceRequest,
            ExportTraceServiceResponse,
        )

        self.requests: list[Any] = []
        self.headers: list[Any] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                assert self.path == "/v1/traces"
                outer.requests.append(ExportTraceServiceRequest.FromString(body))
                outer.headers.append(dict(self.headers))
                reply = ExportTraceServiceResponse().SerializeToString()
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", str(len(reply)))
                self.end_headers()
                self.wfile.write(reply)

            def log_message(self, *_: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}/v1/traces"

    def spans(self) -> list[Any]:
        return [
            span
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    pytest.importorskip("opentelemetry.sdk")
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


def attributes(thing: Any) -> dict[str, str]:
    return {each.key: each.value.string_value for each in thing.attributes}


def test_an_operation_is_a_span_under_the_callers_span(receiver: Receiver) -> None:
    traces = Traces(receiver.endpoint, headers={"x-tenant": "a"}, node="node-1")
    started = time.time_ns() - 5_000_000
    call = Call("rest", namespace="team", token="kst_secret", trace_id=TRACE, parent_span_id=SPAN)
    traces.record(call, "key:encrypt", "ok", started)
    orphan = Call("rest")
    traces.record(orphan, "key:sign", "failed", started)
    traces.close()
    first, second = receiver.spans()
    assert (first.trace_id.hex(), first.parent_span_id.hex()) == (TRACE, SPAN)
    assert first.name == "key:encrypt"
    assert first.kind == 2  # SPAN_KIND_SERVER
    assert first.start_time_unix_nano == started
    assert first.end_time_unix_nano > started
    assert attributes(first) == {
        "keystead.action": "key:encrypt",
        "keystead.outcome": "ok",
        "keystead.namespace": "team",
        "keystead.request_id": call.request_id,
        "keystead.door": "rest",
    }
    assert first.status.code == 0
    assert second.parent_span_id == b""
    assert second.trace_id.hex() not in (TRACE, "0" * 32)
    assert second.status.code == 2  # STATUS_CODE_ERROR
    resource = attributes(receiver.requests[0].resource_spans[0].resource)
    assert resource["service.name"] == "keystead"
    assert resource["service.instance.id"] == "node-1"
    assert receiver.headers[0]["x-tenant"] == "a"
    assert all("kst_secret" not in str(request) for request in receiver.requests)


def test_a_collector_that_is_gone_delays_no_operation() -> None:
    pytest.importorskip("opentelemetry.sdk")
    traces = Traces("http://127.0.0.1:9/v1/traces")
    started = time.perf_counter()
    for _ in range(5000):
        traces.record(Call("rest"), "key:encrypt", "ok", time.time_ns())
    assert time.perf_counter() - started < 5


def test_nothing_of_opentelemetry_is_imported_until_traces_are_wanted() -> None:
    code = (
        "import sys, keystead.telemetry.traces, keystead.telemetry.metrics, keystead.doors.http,"
        " keystead.doors.rest.door;"
        "sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
