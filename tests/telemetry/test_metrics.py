"""Metrics: counted cheaply, added up over workers, in a form that Prometheus reads."""

from __future__ import annotations

import math
import multiprocessing
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from keystead.operations import catalogue
from keystead.telemetry import families
from keystead.telemetry.cells import clear, file_of
from keystead.telemetry.metrics import Metrics

NAME = "keystead_operation_duration_seconds"


def samples(text: bytes) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return samples(metrics.render()).get((name, tuple(sorted(labels.items()))))


def test_every_action_and_outcome_can_be_observed() -> None:
    metrics = Metrics()
    for operation in catalogue():
        for outcome in families.OUTCOMES:
            metrics.observe(operation.action, outcome, 0.001)
    actions = {operation.action for operation in catalogue()}
    counts = [name for name, _ in samples(metrics.render()) if name == f"{NAME}_count"]
    assert len(counts) == 3 * len(actions)


def test_a_histogram_counts_each_observation_in_every_bucket_that_holds_it() -> None:
    metrics = Metrics()
    seconds = [0.00005, 0.000051, 0.3, 10.0, 11.0]
    for each in seconds:
        metrics.observe("key:encrypt", "ok", each)
    found = samples(metrics.render())
    labels = (("action", "key:encrypt"), ("outcome", "ok"))
    for bound in (*families.BUCKETS_SECONDS, math.inf):
        le = "+Inf" if bound == math.inf else repr(bound)
        key = (f"{NAME}_bucket", tuple(sorted((*labels, ("le", le)))))
        assert found[key] == sum(each <= bound for each in seconds), bound
    assert found[f"{NAME}_count", labels] == len(seconds)
    assert found[f"{NAME}_sum", labels] == pytest.approx(sum(seconds))


def test_an_observation_costs_about_a_microsecond_at_most() -> None:
    metrics = Metrics()
    best = math.inf
    for _ in range(5):
        started = time.perf_counter()
        for _ in range(20_000):
            metrics.observe("key:encrypt", "ok", 0.0003)
        best = min(best, time.perf_counter() - started)
    assert best / 20_000 < 2e-6


def work(folder: Path, worker: int, count: int) -> None:
    metrics = Metrics(folder, worker)
    for _ in range(count):
        metrics.observe("key:sign", "ok", 0.002)
    metrics.set(families.CACHE_HITS, count, "keys")
    metrics.set(families.AUDIT_BACKLOG, worker)
    metrics.set(families.SEALED, worker == 3)
    metrics.refresh()


def test_any_worker_renders_what_all_workers_of_the_node_counted(tmp_path: Path) -> None:
    fork = multiprocessing.get_context("spawn")
    workers = [fork.Process(target=work, args=(tmp_path, n, 1000 * n)) for n in (1, 2, 3)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    metrics = Metrics(tmp_path, 0)
    assert value(metrics, f"{NAME}_count", action="key:sign", outcome="ok") == 6000
    assert value(metrics, "keystead_cache_hits_total", cache="keys") == 6000
    assert value(metrics, "keystead_audit_backlog_entries") == 6
    assert value(metrics, "keystead_sealed") == 1
    for worker in "0123":
        assert value(metrics, "keystead_worker_resident_memory_bytes", worker=worker)


def test_counters_go_on_and_gauges_begin_anew_when_a_worker_starts_again(tmp_path: Path) -> None:
    before = Metrics(tmp_path, 1)
    before.observe("key:sign", "ok", 1.0)
    before.set(families.CACHE_HITS, 5, "keys")
    before.set(families.AUDIT_BACKLOG, 9)
    after = Metrics(tmp_path, 1)
    after.observe("key:sign", "ok", 1.0)
    after.set(families.CACHE_HITS, 2, "keys")
    assert value(after, f"{NAME}_count", action="key:sign", outcome="ok") == 2
    assert value(after, "keystead_cache_hits_total", cache="keys") == 7
    assert value(after, "keystead_audit_backlog_entries") == 0
    clear(tmp_path)
    fresh = Metrics(tmp_path, 0)
    assert value(fresh, f"{NAME}_count", action="key:sign", outcome="ok") is None


def test_a_file_of_another_layout_is_begun_anew_and_never_read(tmp_path: Path) -> None:
    file_of(tmp_path, 1).write_bytes(b"other" * 10_000)
    file_of(tmp_path, 2).write_bytes(b"")
    metrics = Metrics(tmp_path, 0)
    assert value(metrics, "keystead_cache_hits_total", cache="keys") == 0
    again = Metrics(tmp_path, 1)
    again.set(families.CACHE_HITS, 3, "keys")
    assert value(metrics, "keystead_cache_hits_total", cache="keys") == 3


def test_files_are_the_owners_alone(tmp_path: Path) -> None:
    Metrics(tmp_path, 0)
    assert file_of(tmp_path, 0).stat().st_mode & 0o777 == 0o600


def test_sources_are_asked_at_each_scrape() -> None:
    metrics = Metrics()
    backlog = 4

    def source(target: Metrics) -> None:
        target.set(families.AUDIT_BACKLOG, backlog)
        target.set(families.KEYS, 12, "active", "30")

    metrics.add_source(source)
    assert value(metrics, "keystead_audit_backlog_entries") == 4
    backlog = 0
    assert value(metrics, "keystead_audit_backlog_entries") == 0
    assert value(metrics, "keystead_keys", state="active", max_age_days="30") == 12


def test_promtool_accepts_the_text(require_peer: Callable[[str, str], str]) -> None:
    promtool = require_peer("promtool", "prometheus")
    metrics = Metrics()
    for text in (metrics.render(), observed(metrics)):
        checked = subprocess.run(
            [promtool, "check", "metrics"], input=text, capture_output=True, check=False
        )
        assert checked.returncode == 0, checked.stderr
        assert checked.stderr == b""
        assert checked.stdout == b""


def observed(metrics: Metrics) -> bytes:
    for operation in catalogue():
        metrics.observe(operation.action, "ok", 0.02)
    return metrics.render()
