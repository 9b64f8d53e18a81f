"""Networks of either kind to files and back: `lsnn.save`, `lsnn.load`."""

from pathlib import Path
from typing import Any

from lsnn.circuits.circuit import Circuit
from lsnn.files.circuit_file import load_circuit, save_circuit
from lsnn.files.store import kind_of
from lsnn.simulation.frozen import FrozenNetwork, load_frozen
from lsnn.validation import path_of, require


def save(network: Circuit | FrozenNetwork, path: str | Path) -> None:
    """Write a circuit, or a network of `lsnn.create`, `lsnn.fit` or `lsnn.train`, to a file: `lsnn.save`.

    The file appears whole or not at all, in place of what stood there.

    Raises:
        InputError: neither, a network that came from a file and is in one already, or no place for a file.
        StoreError: it could not be written.
    """
    require(isinstance(network, Circuit | FrozenNetwork), "network", "a lsnn.Circuit or a network of lsnn", network)
    place = path_of("path of a network", path)
    if isinstance(network, Circuit):
        save_circuit(place, network)
    else:
        network.save(place)


def load(path: str | Path) -> Any:
    """A network file (`lsnn train` writes them) as a frozen network, that of a circuit as the circuit: `lsnn.load`.

    Which of the two (`FrozenNetwork`, `Circuit`) the file decides, so the annotation does not say.

    Raises:
        InputError: what is there is no such file, or is damaged, with file, place, rule and value.
    """
    place = path_of("path of a network", path)
    return load_circuit(place) if kind_of(place) == "circuit" else load_frozen(place)
