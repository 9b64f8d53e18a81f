"""Options that experiments share, and what holds for their numbers."""

from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from lsnn.errors import InputError

PRETRAINED = Path(__file__).parents[1] / "pretrained"  # networks that come with the project

Folder = Annotated[Path, typer.Option("--out", help="Folder for the result file and the figure.")]
SHIPPED = "default: the one that is shipped."

Network = Annotated[Path, typer.Argument(help=f"A network file; {SHIPPED}", show_default=False)]
OwnNetwork = Annotated[Path, typer.Argument(help="A network file.")]
Strengths = Annotated[
    list[float] | None,
    typer.Option(help="Rising from 0 on; repeatable; default: those of the figure.", show_default=False),
]
SweptEpisodes = Annotated[int, typer.Option("--episodes", help="Mazes, the same at every strength.")]
EpisodesEach = Annotated[int, typer.Option("--episodes", help="Episodes of every condition in each maze.")]
Specialist = Annotated[
    Path, typer.Option(help=f"A network meta-trained on the paper's maze alone; {SHIPPED}", show_default=False)
]
Episodes = Annotated[
    int | None, typer.Option(help="Test episodes; default: as many as `lsnn test` runs.", show_default=False)
]
Seed = Annotated[int, typer.Option(help="Seed of the episodes.")]
Threads = Annotated[int, typer.Option(help="CPU threads.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Write over what is there.")]


class Asked(NamedTuple):
    """What most experiments are asked for."""

    out: Path
    episodes: int | None  # None: as many as `lsnn test` runs
    seed: int
    threads: int
    overwrite: bool


def check_numbers(**numbers: int | None) -> None:
    """InputError unless the counts, where given, are >= 1, the seed >= 0 and all below 2**63."""
    for name, value in numbers.items():
        least = 0 if name == "seed" else 1
        if value is not None and value < least:
            raise InputError(f"--{name} must be >= {least}, got {value}")
        if value is not None and value >= 2**63:
            raise InputError(f"--{name} must be < 2**63, got {value}")
