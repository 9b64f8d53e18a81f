"""The workloads: each fills a section of the results and the ratios under their fixed keys."""

import json
import statistics
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import agreement
from benchmarks.contestants import ENGINE, FROZEN, LEARNERS, ONE_ANIMAL, Contestant
from benchmarks.peers.engine import same_bits_whatever_the_split
from benchmarks.peers.problem import LANES, Problem, load
from benchmarks.workload import Size, bellec2018, maze_input_spikes

SECTIONS = ("W1", "W2", "frozen", "W3", "W4", "W5", "threads")
CLONE = Path(__file__).parents[1]
SEED = 0

FULL_SIZE, QUICK_SIZE = Size(64, 2000), Size(16, 60)
CHECK_STEPS, QUICK_CHECK_STEPS = 200, 40
NEURONS, QUICK_NEURONS = (400, 1000, 4000, 10_000, 20_000), (400, 1000)
GROWTH_STEPS, QUICK_GROWTH_STEPS = 500, 50
LENGTHS, QUICK_LENGTHS = (2000, 5000, 10_000, 20_000), (100, 400)


@dataclass
class Bench:
    """One run of the benchmarks: its sizes, its folder for files that go, and its results."""

    folder: Path
    quick: bool
    repeats: int
    limit_s: float
    results: dict[str, Any]
    disagreeing: list[str] = field(default_factory=list)

    @property
    def size(self) -> Size:
        """Of the workloads with the network of `bellec2018`."""
        return QUICK_SIZE if self.quick else FULL_SIZE

    def problem(self, name: str) -> Path:
        """The file of a problem, made when first asked for."""
        path = self.folder / f"{name}.npz"
        if not path.exists():
            bellec2018(self.size, SEED, dense=name == "W2").save(path)
        return path

    def run(self, module: str, *arguments: object) -> dict[str, Any]:
        """What a module prints as JSON, run in a process of its own; {"failed": ...} if it fails."""
        command = [sys.executable, "-m", module, *map(str, arguments)]
        try:
            done = subprocess.run(command, cwd=CLONE, capture_output=True, text=True, timeout=self.limit_s)
        except subprocess.TimeoutExpired:
            return {"failed": f"took more than {self.limit_s:g} s"}
        if done.returncode != 0:
            lines = done.stderr.strip().splitlines()
            return {"failed": lines[-1] if lines else f"exit code {done.returncode}"}
        return json.loads(done.stdout.strip().splitlines()[-1])

    def timed(self, module: str, variant: str, problem: Path) -> dict[str, Any]:
        """Timings of a simulator with their medians; `out`: where its spikes and gradients are."""
        out = self.folder / f"{module}.{variant}.{problem.stem}.npz"
        arguments = (module, variant, "--problem", problem, "--out", out, "--repeats", self.repeats)
        result = self.run("benchmarks.peers.harness", *arguments)
        self.results["versions"] |= result.pop("versions", {})
        put_medians(result)
        print(f"  {module} {variant}: {brief(result)}", flush=True)
        return result | ({} if "failed" in result else {"out": out})

    def time_again(self, engine: dict[str, Any], problem: Path) -> None:
        """More timings of the engine's variants, pooled with those they have: the machine changes as a run goes on."""
        for variant, timings in engine.items():
            more = self.timed(ENGINE, variant, problem)
            for what in ("forward_s", "gradient_s"):
                timings[what] += more[what]
            put_medians(timings)

    def checked(self, module: str, variant: str, problem: Path) -> Path | None:
        """A short run in float64 for comparison; none if it fails."""
        out = self.folder / f"{module}.{variant}.{problem.stem}.check.npz"
        if not out.exists():
            steps = QUICK_CHECK_STEPS if self.quick else CHECK_STEPS
            arguments = (module, variant, "--problem", problem, "--out", out, "--blocks", 1, "--steps", steps)
            result = self.run("benchmarks.peers.harness", *arguments)
            if "failed" in result:
                print(f"  {module} {variant} in float64: {result['failed']}", flush=True)
                return None
        return out

    def contest(self, peer: Contestant, problem: Path, reference: dict[str, Any], variant: str) -> dict[str, Any]:
        """Time a peer, then compare it with the engine's variant that was given the same; reference: its timings."""
        result = self.timed(peer.module, peer.variant, problem) | {"label": peer.label, "cannot": peer.cannot}
        if "failed" in result:
            return result
        out = result.pop("out")
        result["rate_hz"] = agreement.rate_hz(out)
        if peer.exact:
            ours, theirs = self.checked(ENGINE, variant, problem), self.checked(peer.module, peer.variant, problem)
            result["float64"] = agreement.compared(ours, theirs) if ours and theirs else {"agrees": False}
            result["float32"] = agreement.drifted(reference["out"], out)
            if not result["float64"]["agrees"]:
                self.disagreeing.append(f"{problem.stem} {peer.name}")
        return result

    def save_ratio(self, key: str, numerators: list[float], denominator: float) -> None:
        """The fastest of some peers by the engine's time; nothing if none ran."""
        if numerators:
            self.results[key] = min(numerators) / denominator


def put_medians(result: dict[str, Any]) -> None:
    """The medians of what was timed, beside the timings."""
    for what in ("forward_s", "gradient_s"):
        if what in result:
            result[f"{what[:-2]}_median_s"] = statistics.median(result[what])


def brief(result: dict[str, Any]) -> str:
    """A line of progress."""
    if "failed" in result:
        return f"failed: {result['failed']}"
    parts = [f"{key[:-9]} {result[key]:.3f} s" for key in ("forward_median_s", "gradient_median_s") if key in result]
    return ", ".join(parts)


def succeeded(peers: dict[str, Any], which: tuple[Contestant, ...], what: str) -> list[float]:
    """Medians of those that ran."""
    return [peers[peer.name][what] for peer in which if what in peers.get(peer.name, {})]


def run_W1(bench: Bench) -> None:
    """Forward and BPTT of `bellec2018`, and its nearest network without delays for those who know none."""
    problem = bench.problem("W1")
    engine = {name: bench.timed(ENGINE, name, problem) for name in ("threads_2", "checkpointed", "no_delays")}
    peers = {}
    for peer in LEARNERS:
        variant = "threads_2" if peer.delays else "no_delays"
        peers[peer.name] = bench.contest(peer, problem, engine[variant], variant)
        bench.time_again({"threads_2": engine["threads_2"]}, problem)
    ours = engine["threads_2"]["gradient_median_s"]
    with_delays = tuple(peer for peer in LEARNERS if peer.delays and not peer.by_hand)
    by_hand = tuple(peer for peer in LEARNERS if peer.by_hand)
    bench.save_ratio("W1.ratio_delays", succeeded(peers, with_delays, "gradient_median_s"), ours)
    bench.save_ratio("W1.ratio_delays_by_hand", succeeded(peers, by_hand, "gradient_median_s"), ours)
    bench.save_ratio("W1.ratio_any", succeeded(peers, LEARNERS, "gradient_median_s"), ours)
    bench.results["W1.peak_mb"] = engine["threads_2"]["peak_mb"]
    bench.results["W1.peak_mb_checkpointed"] = engine["checkpointed"]["peak_mb"]
    bench.results["W1"] = {"engine": without_files(engine), "peers": peers}


def run_W2(bench: Bench) -> None:
    """The same, dense and without delays: the peers' best ground."""
    problem = bench.problem("W2")
    engine = {"threads_2": bench.timed(ENGINE, "threads_2", problem)}
    dense = tuple(peer for peer in LEARNERS if not peer.delays)
    peers = {}
    for peer in dense:
        peers[peer.name] = bench.contest(peer, problem, engine["threads_2"], "threads_2")
        bench.time_again(engine, problem)
    ours = engine["threads_2"]["gradient_median_s"]
    bench.save_ratio("W2.ratio", succeeded(peers, dense, "gradient_median_s"), ours)
    bench.results["W2"] = {"engine": without_files(engine), "peers": peers}


def run_frozen(bench: Bench) -> None:
    """The forward pass of W1 alone, and the maze in closed loop."""
    problem = bench.problem("W1")
    engine = {"threads_2": bench.timed(ENGINE, "threads_2", problem)}
    peers = {}
    for peer in FROZEN:
        peers[peer.name] = bench.contest(peer, problem, engine["threads_2"], "threads_2")
        bench.time_again(engine, problem)
    ours = engine["threads_2"]["forward_median_s"]
    brian = tuple(peer for peer in FROZEN if peer.module == "brian")
    bench.save_ratio("frozen.ratio_fastest", succeeded(peers, brian, "forward_median_s"), ours)
    nest = tuple(peer for peer in FROZEN if peer.module == "nest_simulator")
    bench.save_ratio("frozen.ratio_nest", succeeded(peers, nest, "forward_median_s"), ours)
    bench.results["frozen"] = {"engine": without_files(engine), "peers": peers, "closed_loop": closed_loop(bench)}


def closed_loop(bench: Bench) -> dict[str, Any]:
    """Brian2 with one animal in the maze, beside one block of the engine and all its blocks."""
    problem, loop = bench.problem("W1"), "engine_closed_loop"
    engine = {variant: bench.timed(loop, variant, problem) for variant in ("one_block", "all_blocks")}
    brian = bench.timed(ONE_ANIMAL.module, ONE_ANIMAL.variant, problem)
    if "failed" not in brian:
        ours = bench.checked(loop, "one_block", problem)
        theirs = bench.checked(ONE_ANIMAL.module, ONE_ANIMAL.variant, problem)
        brian["float64"] = same_spikes(ours, theirs) if ours and theirs else {"agrees": False}
        if not brian["float64"]["agrees"]:
            bench.disagreeing.append(ONE_ANIMAL.name)
        per_ms = {name: r["forward_median_s"] / r["animal_ms"] for name, r in (engine | {"brian": brian}).items()}
        bench.results["frozen.ratio_closed_loop"] = per_ms["brian"] / per_ms["all_blocks"]
        one = per_ms["brian"] / (LANES * per_ms["one_block"])
        bench.results["frozen.ratio_closed_loop_one_animal"] = one
    return without_files(engine | {"brian": brian | {"label": ONE_ANIMAL.label}})


def same_spikes(ours: Path, theirs: Path) -> dict[str, Any]:
    """Whether the first of the animals fired the same spikes, and how many."""
    with np.load(ours) as a, np.load(theirs) as b:
        apart, fired = (a["spikes"] ^ b["spikes"]) & 1, a["spikes"] & 1
    return {"agrees": bool(fired.any() and not apart.any()), "spikes": int(fired.sum())}


def run_W3(bench: Bench) -> None:
    """Nanoseconds a synapse from 400 to 20 000 neurons."""
    steps = QUICK_GROWTH_STEPS if bench.quick else GROWTH_STEPS
    sizes = {}
    for n in QUICK_NEURONS if bench.quick else NEURONS:
        arguments = ("--neurons", n, "--steps", steps, "--repeats", bench.repeats, "--seed", SEED)
        sizes[str(n)] = bench.run("benchmarks.growth", *arguments)
        print(f"  {n}: {sizes[str(n)].get('ns_per_synapse', sizes[str(n)])}", flush=True)
    measured = [size for size in sizes.values() if "failed" not in size]
    first, last = measured[0], measured[-1]
    for what in ("forward", "back"):
        key = f"{what}_ns_per_synapse"
        bench.results[f"W3.growth_{what}"] = last[key] / first[key]
    bench.results["W3.growth"] = max(bench.results["W3.growth_forward"], bench.results["W3.growth_back"])
    bench.results["W3"] = {"sizes": sizes, "steps": steps}


def run_W4(bench: Bench) -> None:
    """Time and memory of W1 as episodes grow longer, with time checkpoints and without."""
    from_w1 = load(bench.problem("W1"))
    lengths: dict[str, Any] = {}
    for steps in QUICK_LENGTHS if bench.quick else LENGTHS:
        path = bench.folder / f"W4_{steps}.npz"
        lengthened(from_w1, steps).save(path)
        plain, saved = (bench.timed(ENGINE, variant, path) for variant in ("threads_2", "checkpointed"))
        for result in (plain, saved):
            result["beyond_records_mb"] = result["peak_mb"] - result["imported_mb"] - result["kept_mb"]
        same = agreement.same_bits(plain["out"], saved["out"])
        lengths[str(steps)] = without_files({"plain": plain, "checkpointed": saved}) | {"same_bits": same}
        path.unlink()
        if not same:
            bench.disagreeing.append(f"W4 with time checkpoints at {steps} ms")
    bench.results["W4"] = {"lengths": lengths}
    bench.results |= growth_with_length(lengths)


def growth_with_length(lengths: dict[str, Any]) -> dict[str, Any]:
    """How fast memory beyond the records grows (an exponent of T), and what the time checkpoints cost."""
    shortest, longest = min(lengths, key=int), max(lengths, key=int)
    slowdown = {
        steps: run["checkpointed"]["gradient_median_s"] / run["plain"]["gradient_median_s"]
        for steps, run in lengths.items()
    }
    memory = [lengths[steps]["checkpointed"]["beyond_records_mb"] for steps in (shortest, longest)]
    exponent = np.log(memory[1] / memory[0]) / np.log(int(longest) / int(shortest)) if min(memory) > 0 else np.nan
    return {
        "W4.checkpoint_slowdown": max(slowdown.values()),
        "W4.memory_exponent": float(exponent),
        "W4.same_bits": all(run["same_bits"] for run in lengths.values()),
    }


def lengthened(problem: Problem, steps: int) -> Problem:
    """The same network on longer (or shorter) episodes."""
    bits = maze_input_spikes(Size(problem.episodes, steps), SEED)
    generator = np.random.Generator(np.random.PCG64(SEED))
    g_y = generator.standard_normal((len(bits), steps, problem.n_out, LANES), np.float32)
    return problem._replace(input_bits=bits, g_y=g_y)


def run_W5(bench: Bench) -> None:
    """Complete meta-training, a preset after the other."""
    iterations, shrink = (1, 8) if bench.quick else (max(10, bench.repeats), 1)
    bench.results["W5"] = {}
    for name in ("bellec2018", "compact"):
        found = bench.run("benchmarks.meta_training", name, "--iterations", iterations, "--shrink", shrink)
        bench.results["W5"][name] = found
        print(f"  {name}: {found.get('network_ms_per_s', found)}", flush=True)
        if "failed" not in found:
            bench.results[f"W5.{name}_per_s"] = found["network_ms_per_s"]
            bench.results[f"W5.{name}_overhead"] = found["overhead"]


def run_threads(bench: Bench) -> None:
    """One thread against two, and the same bits whatever the threads and the split into blocks."""
    problem = bench.problem("W1")
    one, two = (bench.timed(ENGINE, variant, problem) for variant in ("threads_1", "threads_2"))
    same = agreement.same_bits(one["out"], two["out"]) and same_bits_whatever_the_split(
        load(bench.problem("W1")).head(8, QUICK_CHECK_STEPS if bench.quick else CHECK_STEPS)
    )
    bench.results["threads"] = without_files({"one": one, "two": two}) | {"same_bits": same}
    bench.results["threads.speedup"] = one["gradient_median_s"] / two["gradient_median_s"]
    bench.results["threads.same_bits"] = same
    if not same:
        bench.disagreeing.append("threads: 1 and 2 threads")


def without_files(results: dict[str, Any]) -> dict[str, Any]:
    """As they go into the results."""
    return {name: {k: v for k, v in result.items() if k != "out"} for name, result in results.items()}
