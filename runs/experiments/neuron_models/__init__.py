"""How far each neuron model gets on the maze in the same budget of meta-training (ours; no figure of the paper).

Every model takes the place of the adaptive neurons of `compact`, the other neurons stay LIF; seeds, mazes, learning
and budget are the same. `lif` has no adaptation: what it holds of the platform is in membranes and spikes alone. After
meta-training the weights are frozen and tested with the policy's mean action on mazes of the test branch, beside the
scripted baselines. A run that is complete in the folder is not repeated, so more seeds or models can be added.

Leaves in the folder a folder a run, `neuron_models.h5` with the tests of all (docs/reference/files.md), and
`neuron_models.png`.
"""

from typing import Annotated

import typer

from lsnn.errors import InputError
from lsnn.neurons import MODELS
from runs.experiments.options import Folder, Threads, check_numbers
from runs.output.command import command_line


def experiment(
    out: Folder,
    model: Annotated[
        list[str] | None,
        typer.Option(help=f"A name, or a TOML file of one's own; repeatable; default: {', '.join(MODELS)}."),
    ] = None,
    seed: Annotated[list[int] | None, typer.Option(help="Of a run; repeatable; default: 1.")] = None,
    iterations: Annotated[int | None, typer.Option(help="Of meta-training, the same for every run.")] = None,
    minutes: Annotated[float | None, typer.Option(help="In place of iterations; default: 10.")] = None,
    episodes: Annotated[int, typer.Option(help="Mazes of each test.")] = 256,
    threads: Threads = 2,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="section.key=value for every model; repeatable.")
    ] = None,
) -> None:
    """Meta-train and test what is not there yet; draw all."""
    from runs.experiments.neuron_models.comparison import compare
    from runs.training import train as training

    seeds = seed or [1]
    if min(seeds) < 0:
        raise InputError(f"--seed must be >= 0, got {min(seeds)}")
    check_numbers(episodes=episodes, threads=threads)
    budget = training.budget_of(minutes, iterations, default_minutes=10.0)
    raise typer.Exit(
        compare(out, model or list(MODELS), seeds, budget, episodes, threads, settings or [], command_line())
    )
