"""The `lsnn` command. Arguments and files are checked before anything is compiled; modules load when needed."""

import os
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from runs.experiments.discovery import Experiments
from runs.output.command import command_line, ending_of_speech, reporting, sound_streams


class Command(typer.Typer):
    """Its process speaks through streams that never fail; --help and --version say that they could not be read."""

    def __call__(self, *arguments: Any, **options: Any) -> NoReturn:
        sound_streams()
        os.environ["MPLBACKEND"] = "agg"  # figures go to files only, whatever a terminal asks for
        try:
            super().__call__(*arguments, **options)
        except SystemExit as ended:
            asked_to_speak = {"--help", "--version"} & set(sys.argv[1:]) and not ended.code
            sys.exit(ending_of_speech("lsnn") if asked_to_speak else ended.code)
        sys.exit(0)


main = Command(
    name="lsnn",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _say_version(asked: bool) -> None:
    if asked:
        import lsnn

        print(f"lsnn {lsnn.__version__}")
        raise typer.Exit


@main.callback()
def of_all_commands(
    version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Say the version and exit.")
    ] = False,
) -> None:
    """Spiking networks with adaptive thresholds that learn with frozen weights: meta-train, freeze, test."""


Minutes = Annotated[float | None, typer.Option(help="End after so many minutes of meta-training.")]
Threads = Annotated[int | None, typer.Option(help="Threads; default: one a core.", show_default=False)]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Write over what is there.")]
TaskChanged = Annotated[
    bool,
    typer.Option("--task-changed", help="Go on although the task's own file is another one than in meta-training."),
]
Settings = Annotated[
    list[str] | None, typer.Option("--set", help="section.key=value changes a key of the configuration; repeatable.")
]


def _checked_threads(threads: int | None, jobs: int = 1) -> int:
    """Those asked for, else an equal part of the cores for each of so many jobs."""
    from lsnn.errors import InputError

    if jobs < 1:
        raise InputError(f"--jobs must be >= 1, got {jobs}")
    if threads is not None and threads < 1:
        raise InputError(f"--threads must be >= 1, got {threads}")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return threads or max(1, (cores or 1) // jobs)


def _checked_seed(seed: int | None, default: int = 0) -> int:
    from lsnn.errors import InputError

    if seed is not None and not 0 <= seed < 2**63:
        raise InputError(f"--seed must lie in 0..2**63 - 1, got {seed}")
    return default if seed is None else seed


def _checked_episodes(episodes: int | None) -> int | None:
    from lsnn.errors import InputError

    if episodes is not None and episodes < 1:
        raise InputError(f"--episodes must be >= 1, got {episodes}")
    return episodes


@main.command()
@reporting
def train(
    task: Annotated[str, typer.Argument(help="Task family: water-maze, ..., or a file NAME.py of one's own.")],
    preset: Annotated[str | None, typer.Option(help="Named configuration; default: compact.")] = None,
    minutes: Minutes = None,
    iterations: Annotated[int | None, typer.Option(help="End after so many iterations.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of everything random; default 0.", show_default=False)] = None,
    resume: Annotated[Path | None, typer.Option(help="Go on from a checkpoint, to the budget in all.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder; default: new in results/, or that of --resume.")] = None,
    settings: Settings = None,
    neuron: Annotated[
        str | None, typer.Option(help="Model of the adaptive neurons: a name or a TOML file (lsnn show-kernel).")
    ] = None,
    agent: Annotated[
        str | None,
        typer.Option(help="Not a spiking network but gru, lstm, rate or transformer; leaves agent.lsnn.h5."),
    ] = None,
    scheduler: Annotated[str | None, typer.Option(help="Address of a Dask scheduler, tls://...: run there.")] = None,
    workers: Annotated[int | None, typer.Option(help="Run in so many local processes.")] = None,
    checkpoint_every: Annotated[
        int | None, typer.Option(help="Iterations from checkpoint to checkpoint; default: 25.", show_default=False)
    ] = None,
    task_changed: TaskChanged = False,
    threads: Threads = None,
    overwrite: Overwrite = False,
) -> int:
    """Meta-train a network; leaves checkpoint.lsnn.h5 and network.lsnn.h5. Default: 10 minutes or the preset's own."""
    from lsnn.files.folders import output_folder
    from runs.training import train as training
    from runs.training.crew import check_options, crew
    from runs.training.neurons import neuron_settings
    from tasks.experiment import iterations_of, overridden
    from tasks.experiment import preset as preset_of
    from tasks.family import DEFAULT_PRESET

    check_options(scheduler, workers, threads)
    if agent is not None:
        others = {"--neuron": neuron, "--scheduler": scheduler, "--workers": workers}
        return _train_agent(
            agent, task, preset, minutes, iterations, seed, resume, out, settings, checkpoint_every, task_changed,
            overwrite, [name for name, value in others.items() if value is not None],
        )  # fmt: skip
    threads = 1 if workers is not None and threads is None else _checked_threads(threads)
    checked_seed = _checked_seed(seed)
    own = iterations_of(task, preset) if resume is None else None
    budget, interval = training.budget_of(minutes, iterations, 10.0, own), training.checked_interval(checkpoint_every)
    files = (training.CHECKPOINT, training.NETWORK)
    settings = [*neuron_settings(neuron), *(settings or [])]
    if resume is None:
        experiment = overridden(preset_of(task, DEFAULT_PRESET if preset is None else preset), settings)
        given = [Path(neuron)] if neuron else []
        folder = output_folder(out, f"{experiment.task.name}-seed{checked_seed}", files, overwrite, given)
        run = training.fresh_run(experiment, checked_seed, command_line())
    else:
        run = training.resumed_run(resume, task, preset, seed, settings, command_line(), task_changed)
        place = resume.parent if out is None else out
        same = not settings and (place / training.CHECKPOINT).resolve() == resume.resolve()
        folder = output_folder(place, "", files, overwrite or same, [] if same else [resume])
    with crew(run.experiment.task, threads, scheduler, workers) as hands:
        return training.train(run, budget, folder, hands, interval)[1]


def _train_agent(
    kind: str, task: str, preset: str | None, minutes: float | None, iterations: int | None, seed: int | None,
    resume: Path | None, out: Path | None, settings: list[str] | None, checkpoint_every: int | None,
    task_changed: bool, overwrite: bool, meaningless: list[str],
) -> int:  # fmt: skip
    """`train` of an agent in place of a spiking network."""
    from lsnn.errors import InputError
    from lsnn.files.folders import output_folder
    from runs.training import agents as of_agents
    from runs.training import train as training

    if meaningless:
        raise InputError(f"{', '.join(meaningless)}: no meaning with --agent, which learns on one thread here")
    budget, interval = training.budget_of(minutes, iterations, 10.0), training.checked_interval(checkpoint_every)
    checked_seed, files = _checked_seed(seed), (training.CHECKPOINT, of_agents.AGENT)
    if resume is None:
        run = of_agents.fresh_run(task, kind, preset, checked_seed, settings or [], command_line())
        name = f"{run.experiment.task.name}-{kind}-seed{checked_seed}"
        folder = output_folder(out, name, files, overwrite)
    else:
        run = of_agents.resumed_run(resume, task, kind, preset, seed, settings or [], command_line(), task_changed)
        place = resume.parent if out is None else out
        same = not settings and (place / training.CHECKPOINT).resolve() == resume.resolve()
        folder = output_folder(place, "", files, overwrite or same, [] if same else [resume])
    return training.carried_out(of_agents.AgentTraining(run, folder), budget, interval)[1]


@main.command()
@reporting
def sweep(
    spec: Annotated[Path, typer.Argument(help="What to run, a TOML file (docs/guide/sweeps.md).")],
    out: Annotated[Path, typer.Option(help="Folder with a folder a cell; the same command goes on with it.")],
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Run failed cells again.")] = False,
    jobs: Annotated[int, typer.Option(help="Cells at once.")] = 1,
    threads: Annotated[
        int | None, typer.Option(help="CPU threads of each cell; default: an equal part.", show_default=False)
    ] = None,
) -> int:
    """Meta-train over settings and seeds; leaves summary.h5 and summary.png. Exit code 1 if a cell failed."""
    from runs.sweeps.spec import FAILURE
    from runs.sweeps.sweep import sweep as run_sweep

    more = ["--threads", str(_checked_threads(threads, jobs))]
    ended_by = run_sweep(spec, out, more, jobs, retry_failed, command_line())
    if not ended_by and any(out.glob(f"*/{FAILURE}")):
        raise typer.Exit(1)
    return ended_by


@main.command()
@reporting
def test(
    network: Annotated[Path, typer.Argument(help="A network file.")],
    out: Annotated[Path, typer.Option(help="The result file to write.")],
    episodes: Annotated[
        int | None, typer.Option(help="Episodes to test on; default: 512 mazes.", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the episodes.")] = 0,
    condition: Annotated[
        list[str] | None,
        typer.Option(
            help="frozen, frozen_sampled, state_reset, untrained; repeatable; default: all. Baselines always run."
        ),
    ] = None,
    task: Annotated[
        Path | None, typer.Option(help="The file NAME.py that defines the network's task, where it has one of its own.")
    ] = None,
    task_changed: TaskChanged = False,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="task.key=value: in another task than that of its meta-training; repeatable."),
    ] = None,
    beside: Annotated[
        list[Path] | None,
        typer.Option(help="An agent file (lsnn train --agent) to test on the same episodes; repeatable."),
    ] = None,
    record: Annotated[
        str,
        typer.Option("--record", "--spikes", help="Episodes that keep paths, actions, spikes: all, or how many."),
    ] = "8",
    threads: Threads = None,
    overwrite: Overwrite = False,
) -> None:
    """Test a frozen network on episodes it never met, beside its controls and the family's baselines."""
    from lsnn.errors import InputError
    from lsnn.files.folders import output_file
    from runs.output.headline import print_headline
    from runs.testing.conditions import chosen_conditions
    from runs.testing.run import recorded_episodes, run_test
    from tasks.experiment import in_another_task, open_network

    threads, checked_seed, episodes = _checked_threads(threads), _checked_seed(seed), _checked_episodes(episodes)
    recorded = recorded_episodes(record)
    file, experiment = open_network(network, task, task_changed)
    if settings and beside:
        raise InputError("--set and --beside exclude each other: an agent is tested in the task of its meta-training")
    if settings:
        experiment = in_another_task(network, file, experiment, settings)
    names = chosen_conditions(condition or [], experiment.task)
    output_file(out, overwrite, [network, *([task] if task else []), *(beside or [])])
    agents: list[Any] = []
    if beside:
        from runs.testing.agents import opened

        agents = opened(beside, experiment.task, task, task_changed)
    run_test(out, file, experiment, names, checked_seed, command_line(), episodes, recorded, threads, overwrite, agents)
    print_headline(out)


@main.command()
@reporting
def brian(
    network: Annotated[Path, typer.Argument(help="A network file.")],
    out: Annotated[Path, typer.Option(help="The result file to write.")],
    mode: Annotated[str, typer.Option(help="replay, closed-loop or standalone.")] = "replay",
    episodes: Annotated[int, typer.Option(help="Mazes to run.")] = 20,
    seed: Annotated[int, typer.Option(help="Seed of the episodes.")] = 0,
    overwrite: Overwrite = False,
) -> None:
    """Run a frozen network in Brian2 beside the compiled engine in float64; exit code 1 if a spike differs."""
    from lsnn.files.folders import output_file
    from runs.brian.agreement import run_brian

    output_file(out, overwrite, [network])
    raise typer.Exit(run_brian(network, mode, episodes, _checked_seed(seed), out, command_line(), overwrite))


@main.command("show-kernel")
@reporting
def show_kernel(
    model: Annotated[str, typer.Argument(help="A neuron model: a name, or a TOML file of one's own.")],
) -> None:
    """Print the forward step and the adjoint that are generated from a neuron model's Brian2 equations."""
    from lsnn.equations import source_of
    from lsnn.neuron_files import model_of, text_of

    print(source_of(model_of(text_of(model))), end="")
    raise typer.Exit(ending_of_speech("lsnn"))


@main.command()
@reporting
def study(
    networks: Annotated[
        list[Path], typer.Argument(help="A network file, or several of one recipe, whose seed alone differs.")
    ],
    out: Annotated[Path, typer.Option(help="The result file to write.")],
    episodes: Annotated[int, typer.Option(help="Episodes a condition.")] = 256,
    seed: Annotated[int, typer.Option(help="Seed of the episodes and of all draws.")] = 0,
    only: Annotated[list[str] | None, typer.Option(help="Run this experiment and no other; repeatable.")] = None,
    train: Annotated[
        bool, typer.Option("--train", help="First meta-train the variants that some experiments need.")
    ] = False,
    minutes: Annotated[float | None, typer.Option(help="With --train: for each network; default 5.")] = None,
    iterations: Annotated[int | None, typer.Option(help="With --train: iterations of each, not minutes.")] = None,
    task: Annotated[
        Path | None, typer.Option(help="The file NAME.py that defines the networks' task, where it has one of its own.")
    ] = None,
    task_changed: TaskChanged = False,
    threads: Threads = None,
    overwrite: Overwrite = False,
) -> int:
    """Experiments on the state of frozen networks: where their memory is, for how long, how precise, and the cause."""
    from lsnn.errors import InputError
    from lsnn.files.folders import output_file
    from runs.study.study import run_study, train_for_study
    from runs.training.train import budget_of

    threads, checked_seed = _checked_threads(threads), _checked_seed(seed)
    if episodes < 8:
        raise InputError(f"--episodes must be >= 8, got {episodes}")
    if not train and (minutes is not None or iterations is not None):
        raise InputError("--minutes and --iterations have a meaning only with --train")
    if train and only:
        raise InputError("--train is for the experiments that need more networks; leave out --only")
    if train and len(networks) > 1:
        raise InputError(f"--train trains variants of one network, got {len(networks)}")
    budget = budget_of(minutes, iterations, default_minutes=5.0)
    beside = [path for network in networks for path in network.parent.glob("*-variants/*/*")]
    output_file(out, overwrite, [*networks, *beside, *([task] if task else [])])
    if train and (ended_by := train_for_study(networks[0], budget, threads, command_line())):
        return ended_by
    run_study(networks, out, checked_seed, episodes, threads, command_line(), only or (), overwrite, task, task_changed)
    return 0


@main.command()
@reporting
def report(
    result: Annotated[Path, typer.Argument(help="A result file.")],
    out: Annotated[Path, typer.Option(help="Folder for report.html and its figures.")],
    overwrite: Overwrite = False,
) -> None:
    """Write the figures and the one-page report of a result file."""
    from analysis.report import write_report
    from lsnn.files.folders import refuse_to_overwrite
    from lsnn.progress import say
    from runs.maze import REPORT

    if not overwrite:
        refuse_to_overwrite(out, (REPORT,))
    say(f"report: {write_report(result, out, overwrite)}")


@main.command()
@reporting
def movie(
    result: Annotated[Path, typer.Argument(help="A result file of `lsnn test`.")],
    out: Annotated[Path, typer.Option(help="The .mp4 or .gif to write; no suffix: MP4 if ffmpeg is there, else GIF.")],
    episode: Annotated[
        int | None, typer.Option(help="A recorded episode; default: that with most time round its first visit.")
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Film a frozen episode round its first visit: swim path, spikes, thresholds by preferred place, value."""
    from analysis.movie import file_of, write_movie
    from lsnn.files.folders import output_file
    from lsnn.progress import say

    output_file(file_of(out), overwrite, [result])
    say(f"movie: {write_movie(result, out, overwrite, episode)}")


@main.command()
@reporting
def demo(
    network: Annotated[
        Path, typer.Argument(help="A network file of a family that has a page: water maze, bandit, angle recall.")
    ],
    out: Annotated[Path, typer.Option(help="The .html to write.")],
    episodes: Annotated[int, typer.Option(help="Episodes on which is fitted what the page reads off the state.")] = 256,
    seed: Annotated[int, typer.Option(help="Seed of the episodes.")] = 0,
    overwrite: Overwrite = False,
) -> None:
    """Write a page on which the frozen network runs in the reader's browser, to be taken apart by buttons."""
    from lsnn.files.folders import output_file
    from lsnn.progress import say
    from runs.demo.page import write_page

    checked_seed = _checked_seed(seed)
    output_file(out, overwrite, [network])
    say(f"demo: {write_page(network, out, checked_seed, episodes, command_line(), overwrite)}")


@main.command()
@reporting
def export(
    result: Annotated[Path, typer.Argument(help="A result file of `lsnn test`.")],
    nwb: Annotated[Path, typer.Option(help="The NWB file to write.")],
    overwrite: Overwrite = False,
) -> None:
    """Export the episodes whose spikes a result file holds to Neurodata Without Borders."""
    from lsnn.errors import InputError
    from lsnn.files.folders import output_file
    from lsnn.progress import say

    try:
        from analysis.nwb import write_nwb
    except ModuleNotFoundError as error:
        raise InputError(f"--nwb needs the extra 'nwb' (pip install -e .[nwb]): {error}") from None
    except OSError as error:  # pynwb makes a folder of its own in that of the user
        raise InputError(f"--nwb needs a home folder that can be written to, for pynwb: {error}") from error
    output_file(nwb, overwrite, [result])
    say(f"NWB: {write_nwb(result, nwb, overwrite)}")


experiments = typer.Typer(cls=Experiments, no_args_is_help=True)
main.add_typer(experiments, name="experiment")


@experiments.callback()
def experiment() -> None:
    """Experiments behind figures and tables: `lsnn experiment NAME --help` says what one asks, and its options."""


@main.command()
@reporting
def maze(
    pretrained: Annotated[
        bool, typer.Option("--pretrained", help="Take the network that comes with the clone.")
    ] = False,
    preset: Annotated[str | None, typer.Option(help="Named configuration; default: compact.")] = None,
    minutes: Minutes = None,
    iterations: Annotated[int | None, typer.Option(help="End after so many iterations of it.")] = None,
    episodes: Annotated[int | None, typer.Option(help="Mazes of the test; default: 512.", show_default=False)] = None,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Folder for all files; default: a new one in results/.")] = None,
    settings: Settings = None,
    threads: Threads = None,
    overwrite: Overwrite = False,
) -> int:
    """The main job: meta-train (10 minutes), freeze, test on mazes never met, report."""
    from lsnn.errors import InputError
    from lsnn.files.folders import output_folder
    from runs import maze as main_job
    from runs.training import train as training
    from tasks.experiment import iterations_of

    threads, checked_seed, mazes = _checked_threads(threads), _checked_seed(seed), _checked_episodes(episodes)
    of_training = {"--preset": preset, "--minutes": minutes, "--iterations": iterations, "--set": settings or None}
    if pretrained and (given := [name for name, value in of_training.items() if value is not None]):
        raise InputError(f"{', '.join(given)}: no meaning with --pretrained, whose network has learnt already")
    own = iterations_of("water-maze", preset)
    budget = training.budget_of(minutes, iterations, 10.0, own)
    experiment = main_job.experiment_of(preset, settings or [])
    network = main_job.pretrained_network() if pretrained else None
    files = (training.CHECKPOINT, training.NETWORK, *main_job.FILES)
    name = f"maze-pretrained-seed{seed}" if pretrained else f"maze-seed{seed}"
    folder = output_folder(out, name, files, overwrite, [network] if network else [])
    if network is not None:
        main_job.test_and_report(network, folder, checked_seed, threads, command_line(), overwrite, mazes)
        return 0
    run = training.fresh_run(experiment, checked_seed, command_line())
    return main_job.maze(run, budget, folder, threads, command_line(), overwrite, mazes)


if __name__ == "__main__":
    main()
