"""``make bench``: measure Keystead and OpenBao interleaved, print ratios, write the report."""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import vault
from bench.cases import Case, cases, prepare_keystead, prepare_openbao
from bench.growth import KEY_COUNTS, add_keys, encrypt_over
from bench.load import Measured
from bench.report import write
from bench.servers import Keystead, OpenBao, Server

CONNECTIONS = (1, 16, 64, 256)


@dataclass(frozen=True)
class Compared:
    """The median round of each side for one case."""

    case: Case
    connections: int
    keystead: Measured
    openbao: Measured | None

    @property
    def ratio(self) -> float | None:
        return self.keystead.rate / self.openbao.rate if self.openbao else None


def median(rounds: Sequence[Measured]) -> Measured:
    return sorted(rounds, key=lambda r: r.rate)[len(rounds) // 2]


def compare(
    case: Case, ours: Server, theirs: Server, *, connections: int, seconds: float, rounds: int
) -> Compared:
    """Measure both sides in turn, ``rounds`` times, so that both see the same weather."""
    seen: dict[str, list[Measured]] = {"ours": [], "theirs": []}
    for _ in range(rounds):
        seen["ours"].append(ours.measure(case.keystead, connections=connections, seconds=seconds))
        if case.openbao is not None:
            seen["theirs"].append(
                theirs.measure(case.openbao, connections=connections, seconds=seconds)
            )
    openbao = median(seen["theirs"]) if seen["theirs"] else None
    return Compared(case, connections, median(seen["ours"]), openbao)


def show(compared: Compared) -> None:
    case, ours, theirs = compared.case, compared.keystead, compared.openbao
    line = (
        f"{case.name:<24} {compared.connections:>4} conn  {ours.rate:>9,.0f}/s "
        f"{ours.cpu_us:>7,.0f} µs CPU  p50 {ours.p50_ms:>7.2f}  p99 {ours.p99_ms:>7.2f} ms"
    )
    if theirs is not None and compared.ratio is not None:
        bar = f"  bar {case.bar:g}" if case.bar and compared.connections == 64 else ""
        line += (
            f"   OpenBao {theirs.rate:>8,.0f}/s {theirs.cpu_us:>7,.0f} µs "
            f"p99 {theirs.p99_ms:>7.2f}   ×{compared.ratio:.1f}{bar}"
        )
    print(line, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench ARGS=…", description=__doc__)
    parser.add_argument("--seconds", type=int, default=4, help="length of one round, whole seconds")
    parser.add_argument("--rounds", type=int, default=3, help="rounds a case; the median counts")
    parser.add_argument("--workers", type=int, default=2, help="Keystead's workers")
    parser.add_argument("--only", default="", help="only cases whose name contains this")
    parser.add_argument(
        "--most-keys", type=int, default=100_000, help="where the growth curve ends"
    )
    parser.add_argument("--quick", action="store_true", help="no growth curves, no report")
    options = parser.parse_args()
    print(f"Python {sys.version.split()[0]} at {sys.executable}", flush=True)
    with tempfile.TemporaryDirectory(prefix="keystead-bench-") as folder:
        ours_folder, theirs_folder = Path(folder) / "keystead", Path(folder) / "openbao"
        ours_folder.mkdir()
        theirs_folder.mkdir()
        ours = Keystead(ours_folder, options.workers)
        theirs = OpenBao(theirs_folder)
        try:
            ours.prepare()
            theirs.prepare()
            _measure(ours, theirs, options)
        finally:
            ours.stop()
            theirs.stop()


def _measure(ours: Keystead, theirs: OpenBao, options: argparse.Namespace) -> None:
    prepare_keystead(ours)
    prepare_openbao(theirs)
    table = [*cases(ours, theirs), *vault.cases(ours, theirs)]
    table = [case for case in table if options.only in case.name]
    timing = {"seconds": options.seconds, "rounds": options.rounds}
    compared = [compare_and_show(case, ours, theirs, 64, timing) for case in table]
    if options.quick:
        return
    encrypt = table[0]
    curve = [compare_and_show(encrypt, ours, theirs, count, timing) for count in CONNECTIONS]
    growth: list[tuple[int, Measured]] = []
    present = 0
    for count in (count for count in KEY_COUNTS if count <= options.most_keys):
        add_keys(ours, present, count)
        present = count
        request = encrypt_over(count)
        ours.measure(request, connections=64, seconds=options.seconds)  # loads the keys
        rounds = [
            ours.measure(request, connections=64, seconds=options.seconds)
            for _ in range(options.rounds)
        ]
        growth.append((count, median(rounds)))
        print(f"encrypt with {count:,} keys present: {growth[-1][1].rate:,.0f}/s", flush=True)
    ratios = [c.ratio for c in compared if c.ratio]
    print(f"median ratio over {len(ratios)} operations: ×{statistics.median(ratios):.1f}")
    write(Path(__file__).parent, compared, curve, growth, options)


def compare_and_show(
    case: Case, ours: Server, theirs: Server, connections: int, timing: dict[str, float]
) -> Compared:
    compared = compare(
        case,
        ours,
        theirs,
        connections=connections,
        seconds=timing["seconds"],
        rounds=int(timing["rounds"]),
    )
    show(compared)
    return compared


if __name__ == "__main__":
    main()
