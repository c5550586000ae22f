"""Spans of operations, exported with OTLP over HTTP (OpenTelemetry). Off, it costs nothing.

Needs the extra ``keystead[otlp]``; nothing of it is imported until traces are wanted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from keystead.errors import ConfigurationError

if TYPE_CHECKING:
    from keystead.call import Call


class Traces:
    """Makes one server span an operation and exports them in the background.

    ``endpoint`` is the collector's whole URL for traces (``http://host:4318/v1/traces``);
    ``headers`` go with each export and may hold a credential. A collector that is slow or
    gone loses spans and stops nothing: the queue is bounded. Sampling follows the standard
    variables OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG.

    Raises ConfigurationError if the extra is not installed.
    """

    def __init__(
        self, endpoint: str, *, headers: Mapping[str, str] | None = None, node: str = ""
    ) -> None:
        try:
            from opentelemetry import trace
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ImportError:
            raise ConfigurationError(
                "OpenTelemetry is not installed.", hint="Install keystead[otlp]."
            ) from None
        identity = {"service.name": "keystead"}
        if node:
            identity["service.instance.id"] = node
        exporter = OTLPSpanExporter(endpoint=endpoint, headers=dict(headers or {}), timeout=10)
        self._provider = TracerProvider(resource=Resource.create(identity), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("keystead")
        self._api: Any = trace

    def record(self, call: Call, action: str, outcome: str, started_ns: int) -> None:
        """Record an operation that began at ``started_ns`` (Unix nanoseconds) and ends now."""
        span = self._tracer.start_span(
            action,
            context=self._parent(call) if call.trace_id else self._api.Context(),
            kind=self._api.SpanKind.SERVER,
            start_time=started_ns,
            attributes={
                "keystead.action": action,
                "keystead.outcome": outcome,
                "keystead.namespace": call.namespace,
                "keystead.request_id": call.request_id,
                "keystead.door": call.door,
            },
        )
        if outcome == "failed":
            span.set_status(self._api.StatusCode.ERROR)
        span.end()

    def _parent(self, call: Call) -> Any:
        trace = self._api
        parent = trace.SpanContext(
            int(call.trace_id, 16),
            int(call.parent_span_id, 16),
            is_remote=True,
            trace_flags=trace.TraceFlags(trace.TraceFlags.SAMPLED),
        )
        return trace.set_span_in_context(trace.NonRecordingSpan(parent), trace.Context())

    def close(self) -> None:
        """Export what waits, for at most five seconds, and stop."""
        self._provider.force_flush(5_000)
        self._provider.shutdown()
