"""All benchmarks in one run on two cores: `python -m benchmarks.run`, `make bench`.

Writes results.json (machine, versions, every measurement and its median, and the ratios under fixed keys), table.md and
figure.png. NOTES.md says what is measured and why the engine is where it is.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import workloads
from benchmarks.machine import machine, pin_to_cores
from benchmarks.report import figure, missed, table, unmeasured
from benchmarks.workloads import SECTIONS, Bench
from lsnn.files.scratch import scratch_folder
from lsnn.files.whole import write_whole

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Options:
    """What the command line asks for."""

    quick: bool
    only: tuple[str, ...]
    out: Path
    repeats: int
    cores: int
    limit_s: float


def options_of(arguments: Sequence[str] | None) -> Options:
    """The command line."""
    parser = argparse.ArgumentParser(prog="benchmarks.run", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="tiny sizes, once: does it run, and do spikes agree?")
    parser.add_argument(
        "--only", default=",".join(SECTIONS), help=f"some of {','.join(SECTIONS)}; the others of --out stay"
    )
    parser.add_argument("--out", type=Path, default=None, help="folder; default: benchmarks/, --quick: results/bench")
    parser.add_argument("--repeats", type=int, default=None, help="default: 5, --quick: 1")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--limit-s", type=float, default=3600, help="seconds that one simulator may take in all")
    given = parser.parse_args(arguments)
    only = tuple(given.only.split(","))
    for section in only:
        if section not in SECTIONS:
            parser.error(f"--only must name some of {', '.join(SECTIONS)}, got {section!r}")
    repeats = (1 if given.quick else 5) if given.repeats is None else given.repeats
    if repeats < 1:
        parser.error(f"--repeats must be >= 1, got {repeats}")
    out = given.out or (Path("results/bench") if given.quick else HERE)
    return Options(given.quick, only, out, repeats, given.cores, given.limit_s)


def begun(options: Options) -> dict[str, Any]:
    """The results to add to: those in the folder, if a part is run anew, without what belongs to that part.

    Raises:
        SystemExit: code 2, they are of another machine or size, beside which the part would mean nothing.
    """
    new: dict[str, Any] = {"machine": machine(), "quick": options.quick, "repeats": options.repeats, "versions": {}}
    path = options.out / "results.json"
    if options.only == SECTIONS or not path.exists():
        return new
    old = json.loads(path.read_text())
    if any(old.get(key) != new[key] for key in ("machine", "quick", "repeats")):
        rule = "holds results of another machine, size or number of repeats; name another --out"
        print(f"{path}: {rule}", file=sys.stderr)
        raise SystemExit(2)
    pairs = {key: pair for key, pair in old.get("pairs", {}).items() if pair["section"] not in options.only}
    kept = {key: value for key, value in old.items() if key.partition(".")[0] not in options.only}
    return kept | {"pairs": pairs}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, write and print; 1 if two simulators that should agree did not, or a number with a bound is missing."""
    options = options_of(arguments)
    pin_to_cores(options.cores)
    options.out.mkdir(parents=True, exist_ok=True)
    results = begun(options)
    with scratch_folder() as folder:
        bench = Bench(folder, options.quick, options.repeats, options.limit_s, results)
        for section in options.only:
            load = os.getloadavg()[0]
            print(f"{section} (load average {load:.1f}) ...", flush=True)
            getattr(workloads, f"run_{section}")(bench)
            results[section]["load_average_before"] = load
            write_whole(options.out / "results.json", f"{json.dumps(results, indent=1)}\n".encode())
    write_whole(options.out / "table.md", table(results).encode())
    figure(results, options.out / "figure.png")
    print(table(results))
    for line in missed(results):
        print(f"missed: {line}")
    for name in bench.disagreeing:
        print(f"{name}: does not agree with the engine", file=sys.stderr)
    for name in unmeasured(results):
        print(f"{name}: not measured", file=sys.stderr)
    return 1 if bench.disagreeing or unmeasured(results) else 0


if __name__ == "__main__":
    sys.exit(main())
