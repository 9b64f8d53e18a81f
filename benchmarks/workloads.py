"""The workloads: each fills a section of the results and the ratios under their fixed keys."""

import json
import os
import statistics
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import agreement
from benchmarks.contestants import DENSE, ENGINE, FROZEN, LEARNERS, ONE_ANIMAL, Contestant
from benchmarks.machine import KEEPS_MEMORY
from benchmarks.pairing import CLONE, TURNS, FailedError, in_turn, kept
from benchmarks.peers.engine import same_bits_whatever_the_split
from benchmarks.peers.problem import LANES, Problem, load
from benchmarks.workload import Size, bellec2018, maze_input_spikes

SECTIONS = ("W1", "W2", "frozen", "W3", "W4", "W5", "threads")
SEED = 0

FULL_SIZE, QUICK_SIZE = Size(64, 2000), Size(16, 60)
CHECK_BLOCKS, CHECK_STEPS, QUICK_CHECK_STEPS = 2, 200, 40
NEURONS, QUICK_NEURONS = (400, 1000, 4000, 10_000, 20_000), (400, 1000)
GROWTH_STEPS, QUICK_GROWTH_STEPS = 500, 50
LENGTHS, QUICK_LENGTHS = (2000, 6000, 20_000), (100, 400)
HEAT_S = 8.0  # seconds of forward passes or gradients after which a peer is timed no further before the pairs
HEAT_SHARE = 4  # peers with delays, the slow ones, are first timed on the first quarter of the steps


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

    def run(self, module: str, *arguments: object, environment: dict[str, str] | None = None) -> dict[str, Any]:
        """What a module prints as JSON, run in a process of its own; {"failed": ...} if it fails."""
        command, environment = [sys.executable, "-m", module, *map(str, arguments)], os.environ | (environment or {})
        try:
            done = subprocess.run(
                command, cwd=CLONE, capture_output=True, text=True, timeout=self.limit_s, env=environment
            )
        except subprocess.TimeoutExpired:
            return {"failed": f"took more than {self.limit_s:g} s"}
        if done.returncode != 0:
            lines = done.stderr.strip().splitlines()
            return {"failed": lines[-1] if lines else f"exit code {done.returncode}"}
        return json.loads(done.stdout.strip().splitlines()[-1])

    def harness(self, peer: Contestant, problem: Path, *arguments: object) -> dict[str, Any]:
        """`run` of a simulator, with memory that stays where it is not this engine."""
        given = (peer.module, peer.variant, "--problem", problem, "--processes", peer.processes, *arguments)
        result = self.run("benchmarks.peers.harness", *given, environment=environment_of(peer))
        self.results["versions"] |= result.pop("versions", {})
        return result

    def timed(self, peer: Contestant, problem: Path, share: int = 1) -> dict[str, Any]:
        """Timings of a simulator with their medians; `out`: where its spikes and gradients are.

        share: how many times fewer steps are run, by which the times are multiplied.
        """
        out, steps = self.folder / f"{peer.name}.{problem.stem}.npz", load(problem).steps // share
        limits = () if peer.module.startswith(ENGINE) else ("--limit-s", HEAT_S)
        result = self.harness(peer, problem, "--out", out, "--repeats", self.repeats, "--steps", steps, *limits)
        if share > 1:
            result |= {
                what: [share * s for s in result[what]] for what in ("forward_s", "gradient_s") if what in result
            }
            result = {key: value for key, value in result.items() if not key.endswith("_mb")} | {"share": share}
        put_medians(result)
        print(f"  {peer.name}: {brief(result)}", flush=True)
        return result | ({} if "failed" in result else {"out": out})

    def ours(self, variant: str, problem: Path) -> dict[str, Any]:
        """`timed` of a variant of this engine."""
        return self.timed(engine(variant), problem)

    def checked(self, peer: Contestant, problem: Path) -> Path | None:
        """A short run in float64 for comparison; none if it fails."""
        out = self.folder / f"{peer.name}.{problem.stem}.check.npz"
        if not out.exists():
            steps = QUICK_CHECK_STEPS if self.quick else CHECK_STEPS
            result = self.harness(peer, problem, "--out", out, "--blocks", CHECK_BLOCKS, "--steps", steps)
            if "failed" in result:
                print(f"  {peer.name} in float64: {result['failed']}", flush=True)
                return None
        return out

    def heats(self, peers: tuple[Contestant, ...], problem: Path, slow: bool = False) -> dict[str, Any]:
        """Every peer by itself, for the table and to find the fastest; slow: those with delays run fewer steps."""
        found = {}
        for peer in peers:
            result = self.timed(peer, problem, HEAT_SHARE if slow and peer.delays else 1)
            found[peer.name] = result | {"label": peer.label, "cannot": peer.cannot}
            if "failed" not in result:
                found[peer.name]["rate_hz"] = agreement.rate_hz(result["out"])
        return found

    def check(self, peers: dict[str, Any], which: tuple[Contestant, ...], problem: Path, reference: dict) -> None:
        """Compare those that ran with the engine given the same; two at a time, as nothing is timed.

        reference: how the engine's variants ran, by their names.
        """
        which = tuple(peer for peer in which if peer.exact and "failed" not in peers[peer.name])
        everyone = {name: engine(name) for name in map(variant_for, which)} | {peer.name: peer for peer in which}
        with ThreadPoolExecutor(2) as pool:
            outs = dict(zip(everyone, pool.map(lambda p: self.checked(p, problem), everyone.values()), strict=True))
        for peer in which:
            ours, theirs = outs[variant_for(peer)], outs[peer.name]
            learns = peer in LEARNERS
            agrees = agreement.compared(ours, theirs, learns) if ours and theirs else {"agrees": False}
            peers[peer.name]["float64"] = agrees
            if "share" not in peers[peer.name]:
                peers[peer.name]["float32"] = agreement.drifted(
                    reference[variant_for(peer)]["out"], peers[peer.name]["out"]
                )
            if not agrees["agrees"]:
                self.disagreeing.append(f"{problem.stem} {peer.name}")

    def pair(self, key: str, which: tuple[Contestant, ...], peers: dict[str, Any], problem: Path, what: str) -> None:
        """The ratio of the fastest of some peers, run in turn with the engine; nothing if none ran."""
        median = f"{what}_median_s"
        ran = [peer for peer in which if median in peers.get(peer.name, {})]
        if not ran:
            return
        fastest, section = min(ran, key=lambda peer: peers[peer.name][median]), key.partition(".")[0]
        try:
            with self.kept(engine("threads_2"), problem) as ours, self.kept(fastest, problem) as theirs:
                found = in_turn(ours, theirs, what, 2 if self.quick else TURNS)
        except FailedError as error:
            print(f"  {key}: {error}", flush=True)
            return
        self.results[key] = found["quartiles"][1]
        self.results.setdefault("pairs", {})[key] = found | {"peer": fastest.label, "section": section}
        low, middle, high = found["quartiles"]
        print(f"  {key}: {fastest.label}, {middle:.2f} ({low:.2f} to {high:.2f})", flush=True)

    def kept(self, peer: Contestant, problem: Path):
        """A simulator that is warm and waits."""
        command = ["-m", "benchmarks.peers.harness", peer.module, peer.variant, "--problem", problem, "--serve"]
        command += ["--processes", peer.processes]
        return kept([sys.executable, *map(str, command)], environment_of(peer))


def engine(variant: str) -> Contestant:
    """A variant of this engine."""
    return Contestant(ENGINE, variant, f"this engine, {variant.replace('_', ' ')}")


def variant_for(peer: Contestant) -> str:
    """The engine's variant that is given what the peer can do."""
    return "threads_2" if peer.delays else "no_delays"


def environment_of(peer: Contestant) -> dict[str, str]:
    """What a simulator's process is started with."""
    return {} if peer.module.startswith(ENGINE) else KEEPS_MEMORY


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


def run_W1(bench: Bench) -> None:
    """Forward and BPTT of `bellec2018`, and its nearest network without delays for those who know none."""
    problem = bench.problem("W1")
    ours = {name: bench.ours(name, problem) for name in ("threads_2", "checkpointed", "no_delays")}
    peers = bench.heats(LEARNERS, problem, slow=True)
    bench.check(peers, LEARNERS, problem, ours)
    for key, which in (
        ("W1.ratio_delays", tuple(peer for peer in LEARNERS if peer.delays and not peer.by_hand)),
        ("W1.ratio_delays_by_hand", tuple(peer for peer in LEARNERS if peer.by_hand)),
        ("W1.ratio_any", tuple(peer for peer in LEARNERS if not peer.online)),
        ("W1.ratio_online", tuple(peer for peer in LEARNERS if peer.online)),
    ):
        bench.pair(key, which, peers, problem, "gradient")
    bench.results["W1.peak_mb"] = ours["threads_2"]["peak_mb"]
    bench.results["W1.peak_mb_checkpointed"] = ours["checkpointed"]["peak_mb"]
    bench.results["W1"] = {"engine": without_files(ours), "peers": without_files(peers)}


def run_W2(bench: Bench) -> None:
    """The same, dense and without delays: the peers' best ground."""
    problem = bench.problem("W2")
    ours = {"threads_2": bench.ours("threads_2", problem)}
    ours["no_delays"] = ours["threads_2"]
    peers = bench.heats(DENSE, problem)
    bench.check(peers, DENSE, problem, ours)
    bench.pair("W2.ratio", DENSE, peers, problem, "gradient")
    bench.results["W2"] = {"engine": without_files({"threads_2": ours["threads_2"]}), "peers": without_files(peers)}


def run_frozen(bench: Bench) -> None:
    """The forward pass of W1 alone, and the maze in closed loop."""
    problem = bench.problem("W1")
    ours = {"threads_2": bench.ours("threads_2", problem)}
    peers = bench.heats(FROZEN, problem)
    bench.check(peers, FROZEN, problem, ours)
    for key, module in (("frozen.ratio_fastest", "brian"), ("frozen.ratio_nest", "nest_simulator")):
        bench.pair(key, tuple(peer for peer in FROZEN if peer.module == module), peers, problem, "forward")
    loop = closed_loop(bench, problem)
    bench.results["frozen"] = {"engine": without_files(ours), "peers": without_files(peers), "closed_loop": loop}


def closed_loop(bench: Bench, problem: Path) -> dict[str, Any]:
    """Brian2 with one animal in the maze, beside one block of the engine and all its blocks."""
    loop = {variant: Contestant("engine_closed_loop", variant, variant) for variant in ("one_block", "all_blocks")}
    found = {variant: bench.timed(peer, problem) for variant, peer in loop.items()}
    brian = found["brian"] = bench.timed(ONE_ANIMAL, problem) | {"label": ONE_ANIMAL.label}
    if "failed" not in brian:
        ours, theirs = bench.checked(loop["one_block"], problem), bench.checked(ONE_ANIMAL, problem)
        brian["float64"] = same_spikes(ours, theirs) if ours and theirs else {"agrees": False}
        if not brian["float64"]["agrees"]:
            bench.disagreeing.append(ONE_ANIMAL.name)
        per_ms = {name: r["forward_median_s"] / r["animal_ms"] for name, r in found.items()}
        bench.results["frozen.ratio_closed_loop"] = per_ms["brian"] / per_ms["all_blocks"]
        one = per_ms["brian"] / (LANES * per_ms["one_block"])
        bench.results["frozen.ratio_closed_loop_one_animal"] = one
    return without_files(found)


def same_spikes(ours: Path, theirs: Path) -> dict[str, Any]:
    """Whether the first of the animals fired the same spikes, and how many."""
    with np.load(ours) as a, np.load(theirs) as b:
        apart, fired = (a["spikes"][:1] ^ b["spikes"][:1]) & 1, a["spikes"][:1] & 1
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
    for size in (first, last):
        above = [size[f"{what}_ns_per_synapse"] / size[f"{what}_roofline_ns"] for what in ("forward", "back")]
        bench.results[f"W3.above_floor_{size['neurons']}"] = max(above)
    bench.results["W3.growth"] = max(bench.results["W3.growth_forward"], bench.results["W3.growth_back"])
    bench.results["W3"] = {"sizes": sizes, "steps": steps}


def run_W4(bench: Bench) -> None:
    """Time and memory of W1 as episodes grow longer, with time checkpoints and without."""
    from_w1 = load(bench.problem("W1"))
    lengths: dict[str, Any] = {}
    for steps in QUICK_LENGTHS if bench.quick else LENGTHS:
        path = bench.folder / f"W4_{steps}.npz"
        lengthened(from_w1, steps).save(path)
        plain, saved = (bench.ours(variant, path) for variant in ("threads_2", "checkpointed"))
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
    one, two = (bench.ours(variant, problem) for variant in ("threads_1", "threads_2"))
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
