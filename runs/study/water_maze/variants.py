"""Networks that have to be meta-trained before some experiments (`lsnn study --train`), and what they show.

A held-out wedge of platform angles, a series of tau_a, the controls (no adaptation, no recurrence, no reward input),
and wiring by DEEP R. `reference` is trained alike with nothing changed.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from lsnn.blocks import Threads
from lsnn.errors import InputError
from lsnn.files.network_file import NetworkFile
from lsnn.progress import duration, say
from lsnn.seeds import Study
from runs.study.subject import ALIF, Findings, Item, Plan, Subject, intervene, run_blocks, study_keys
from runs.study.water_maze.generalisation import baseline_visits, visits_of, wedge
from runs.study.water_maze.retention import retention
from runs.study.wiring import wiring
from runs.testing.conditions import roll_out_with_resets
from runs.training.train import CHECKPOINT, NETWORK, Budget, Run, fresh_run, resumed_run, train
from tasks.experiment import Experiment, open_network, overridden
from tasks.water_maze import WaterMaze

REFERENCE = "reference"
SERIES_MS = (150, 300, 600, 2400)
DARK_MS = (0, 20, 50, 100, 200, 500, 1000)
VARIANTS: dict[str, tuple[str, ...]] = {
    REFERENCE: (),
    "wedge": ("task.held_out_wedge=[0, 90]",),
    **{f"tau_a_{ms}": (f"network.tau_a_ms={ms}",) for ms in SERIES_MS},
    "no_adaptation": ("network.beta=0",),
    "no_recurrence": ("network.recurrent_gain=0", "learning.recurrent_rate=0"),
    "no_reward_input": ("task.encoder.reward_cells=0",),
    "rewired": ("network.rewire=true",),
}


def possible(experiment: Experiment) -> bool:
    """Whether a network has what the variants vary: adaptive thresholds."""
    return experiment.network.adaptive_model == ALIF and experiment.network.n_adaptive > 0


def variants_folder(network: Path) -> Path:
    """Where the networks of a study stand: a folder named for the network's file, beside it."""
    return network.with_name(network.name.removesuffix(".h5").removesuffix(".lsnn") + "-variants")


def train_variants(experiment: Experiment, seed: int, budget: Budget, folder: Path, threads: int, command: str) -> int:
    """Meta-train every variant that is not there yet, from the network's own configuration, to one budget each.

    One that was broken off goes on from its checkpoint.

    A variant that would change nothing (a network of DEEP R rewired) is the reference and left out.

    Returns:
        the number of the signal that ended it early, or 0.

    Raises:
        InputError: one that is there is not of this network, or had another number of iterations.
    """
    settings = {name: overridden(experiment, changes) for name, changes in VARIANTS.items()}
    wanted = [name for name in VARIANTS if name == REFERENCE or settings[name] != experiment]
    missing = [name for name in wanted if not (folder / name / NETWORK).is_file()]
    require_variants(folder, experiment, seed, budget)
    each = f"{budget.iterations} iterations" if budget.minutes is None else duration(60 * budget.minutes)
    total = "" if budget.minutes is None else f", {duration(60 * budget.minutes * len(missing))} in all"
    say(f"to meta-train: {len(missing)} of {len(wanted)} networks, {each} each{total}: {', '.join(missing)}")
    for number, name in enumerate(missing):
        say(f"{name} ({number + 1} of {len(missing)})")
        (folder / name).mkdir(parents=True, exist_ok=True)
        run = _begun(folder / name / CHECKPOINT, settings[name], seed, budget, command)
        made, ended_by = train(run or fresh_run(settings[name], seed, command), budget, folder / name, threads)
        if ended_by:
            made.unlink()  # it had less training than the others
            return ended_by
    return 0


def _begun(checkpoint: Path, experiment: Experiment, seed: int, budget: Budget, command: str) -> Run | None:
    """The run of a checkpoint, if it is there; InputError if it is of another experiment or seed, or has had more."""
    if not checkpoint.is_file():
        return None
    run = resumed_run(checkpoint, experiment.task.name, None, None, (), command)
    minutes = run.history[-1]["minutes"] if run.history else 0.0
    if (run.experiment, run.seed) != (experiment, seed) or budget.share(len(run.history), minutes) >= 1:
        rule = f"must be of the variant {checkpoint.parent.name!r} of the network studied and within {budget}"
        raise InputError(f"{checkpoint}: {rule}, and is not; remove the folder to train it anew")
    return run


def require_variants(folder: Path, experiment: Experiment, seed: int, budget: Budget | None = None) -> None:
    """InputError unless the networks in the folder are what they are named for, and had the budget's iterations."""
    for path in (path for name in VARIANTS if (path := folder / name / NETWORK).is_file()):
        file, found = open_network(path)
        if (found, file.seed) != (overridden(experiment, VARIANTS[path.parent.name]), seed):
            rule = f"must be the variant {path.parent.name!r} of the network studied, with its configuration and seed"
            raise InputError(f"{path}: {rule}, and is not; remove the folder to train it anew")
        if budget is not None and budget.iterations not in (None, iterations_of(file)):
            rule = f"must have had {budget.iterations} iterations, had {iterations_of(file)}"
            raise InputError(f"{path}: {rule}; remove the folder to train it anew")


def iterations_of(file: NetworkFile) -> int:
    """Iterations of meta-training that a network has had."""
    return 0 if file.history is None else len(file.history)


def findings_of_variants(folder: Path, seed: int, episodes: int, threads: int, tell: Callable[[str], None]):
    """What the networks in the folder show, by experiment; nothing where none of an experiment's is there."""
    subjects, experiments, iterations = {}, {}, {}
    for name in VARIANTS:
        if (folder / name / NETWORK).is_file():
            file, experiment = open_network(folder / name / NETWORK)
            iterations[name] = iterations_of(file)
            task = experiment.task
            assert isinstance(task, WaterMaze)
            experiments[name] = experiment
            weights = file.network.weights()
            subjects[name] = Subject(file.network, weights, task, file.seed, Threads(threads), episodes, tell)
    found: dict[str, Findings] = {}
    if "wedge" in subjects:
        found["wedge"] = wedge(subjects["wedge"], seed)
    if series := [subjects[name] for name in (REFERENCE, *(f"tau_a_{ms}" for ms in SERIES_MS)) if name in subjects]:
        found["tau_a"] = tau_series(series, seed)
    if controls := {name: each for name, each in subjects.items() if name == REFERENCE or name.startswith("no_")}:
        found["controls"] = compare(controls, seed, iterations)
    if "rewired" in subjects:
        found["wiring_rewired"] = wiring(subjects["rewired"], experiments["rewired"], seed)
    return found


def tau_series(subjects: list[Subject], seed: int) -> Findings:
    """Retention after half an episode, for networks trained with different tau_a."""
    of = sorted(subjects, key=lambda subject: subject.network.config.tau_a_ms)
    found = [retention(subject, seed, DARK_MS).items for subject in of]
    searches, valid = (np.stack([items[name].values[1] for items in found]) for name in ("search_ms", "valid"))
    taus = np.array([subject.network.config.tau_a_ms for subject in of])
    items = {
        "tau_a_ms": Item(taus, "ms", "(network,): time constant of the threshold adaptation"),
        "dark_ms": Item(np.array(DARK_MS), "ms", "how long the animal was out of the pool"),
        "search_ms": Item(searches, "ms", "(network, state kept or erased, dark, animal): search after it"),
        "valid": Item(valid, "1", "(network, animal): whether it had found the platform before"),
    }
    return Findings(items, {}, {})


def compare(subjects: dict[str, Subject], seed: int, iterations: dict[str, int]) -> Findings:
    """Visits of each network, as it is and with its state zeroed after each visit, beside circling and the oracle."""
    keys, visits = study_keys(seed, Study.CONTROLS, next(iter(subjects.values())).episodes), []
    for subject in subjects.values():
        plans = intervene(subject), reset_at_starts(subject)
        visits.append(
            [np.concatenate(run_blocks(subject, keys, subject.task, p, visits_of(subject.task))) for p in plans]
        )
    plain = replace(next(iter(subjects.values())).task, encoder=WaterMaze().encoder)
    circling, oracle = baseline_visits(plain, keys)
    items = {
        "visits": Item(np.array(visits), "1", "(network, state kept or zeroed at every start, episode): visits"),
        "circling": Item(circling, "1", "(episode,): visits of circling"),
        "oracle": Item(oracle, "1", "(episode,): visits of the oracle"),
    }
    return Findings(items, {}, {"networks": list(subjects), "iterations": [iterations[name] for name in subjects]})


def reset_at_starts(subject: Subject) -> Plan:
    """The plan that zeroes the whole state each time an animal is released, as the test's `state_reset`."""
    weights = subject.weights

    def plan(block, episodes: slice) -> None:
        roll_out_with_resets(block, subject.task, weights, subject.mean_action)

    return plan
