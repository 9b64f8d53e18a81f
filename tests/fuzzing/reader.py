"""Reads files with little memory in a process of its own, so that a crash of HDF5 is seen.

`reader.py network|result|report|movie|export` takes a path a line on stdin; a line each on stdout says what came of it:
`read` and the digest of all that was read (or the files that were written), or `error` and the message, or what else
was raised.
"""

import json
import resource
import shutil
import sys
import traceback
import warnings
from pathlib import Path

import numpy as np

from analysis.maze import path_of, platform_radius, platforms, radius_of, trials_of, visits_of
from lsnn.errors import InputError
from lsnn.files import store
from lsnn.files.network_file import load_network, network_sha256
from lsnn.files.reading import ResultError
from lsnn.files.results import Result

OWN = {"analysis", "lsnn"}  # packages
SPARE_BYTES = 3 * 2**30  # the largest data set that is read takes 1 GiB


def network_digest(path: Path) -> str:
    """Of a network file: the weights, and all that learning needs to go on."""
    file = load_network(path)
    arrays = {"log_std": file.network.log_std}
    told = [network_sha256(file.network), file.seed, file.config]
    if file.learner_state is not None:
        for name, value in file.learner_state._asdict().items():
            if isinstance(value, dict):
                arrays |= {f"{name}.{key}": array for key, array in value.items()}
            else:
                told.append(value)
    return store.checksum(arrays) + json.dumps(told, sort_keys=True, default=str)


def result_digest(path: Path) -> str:
    """Of a result file: what figures and report read."""
    with Result(path) as result:
        arrays: dict[str, np.ndarray] = {name: result.history[name].to_numpy() for name in result.history}
        told = [result.provenance.seed, platform_radius(result), repr(result)]
        for name, condition in result.conditions.items():
            arrays |= {f"{name}.{key}": array for key, array in trials_of(condition)._asdict().items()}
            arrays |= {f"{name}.platform": platforms(condition), f"{name}.key": condition.episode_key}
            arrays |= {f"{name}.path.{e}": path_of(condition, e) for e in range(condition.n_episodes)}
            told += [visits_of(condition).tolist(), condition.policy, radius_of(condition, 0)]
            if condition.has_recording:
                windows, cells = condition.traces.threshold.to_numpy(), len(result.network.population)
                times, neurons = condition.spike_trains.between(0, 0, condition.duration_ms, cells)
                arrays |= {f"{name}.thresholds": windows, f"{name}.times": times, f"{name}.neurons": neurons}
        return store.checksum(arrays) + json.dumps(told)


def quick() -> None:
    """Figures coarse, intervals rough."""
    from analysis import movie, style
    from lsnn import estimates

    estimates.RESAMPLES, style.DOTS_PER_INCH, movie.DOTS_PER_INCH, movie.STEP_MS = 20, 20, 20, 100


def written(path: Path, write) -> str:
    """The names of the files that a command wrote into a folder beside its input."""
    folder = path.with_suffix(".out")
    folder.mkdir()
    try:
        write(path, folder)
        return ", ".join(sorted(item.name for item in folder.iterdir()))
    except InputError:
        if left := [item.name for item in folder.iterdir()]:
            raise AssertionError(f"refused, and left {left}") from None
        raise
    finally:
        shutil.rmtree(folder)


def report(path: Path) -> str:
    from analysis.report import write_report

    return written(path, write_report)


def movie(path: Path) -> str:
    from analysis.movie import write_movie

    return written(path, lambda source, folder: write_movie(source, folder / "film.gif"))


def export(path: Path) -> str:
    from analysis.nwb import write_nwb

    return written(path, lambda source, folder: write_nwb(source, folder / "episodes.nwb"))


def outcome(path: Path, digest) -> tuple[str, str]:
    """What came of reading a file."""
    try:
        return "read", digest(path)
    except (InputError, ResultError) as error:
        return "error", str(error)
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)
        frames = [(Path(frame.filename), frame.lineno) for frame in where]
        own = [f"{file.name}:{line}" for file, line in frames if OWN & set(file.parts)]
        return "raised", f"{type(error).__name__}: {error} at {' '.join(own[-3:])}"


def main() -> None:
    digests = {"network": network_digest, "result": result_digest, "report": report, "movie": movie, "export": export}
    digest = digests[sys.argv[1]]
    quick()
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + SPARE_BYTES, used + SPARE_BYTES))
    if digest in (network_digest, result_digest):  # figures divide by nothing now and then
        np.seterr(all="raise", under="ignore")
    warnings.simplefilter("ignore")
    for line in sys.stdin:
        print(json.dumps(outcome(Path(line.rstrip("\n")), digest)), flush=True)


if __name__ == "__main__":
    main()
