"""The group /network of a network file: populations, projections and readouts, each a list.

Its order stands in the attribute `order` of the list, a JSON list of names. What learns is named in an item's
`learnt`.
"""

import json
from collections.abc import Mapping
from typing import NamedTuple

import h5py
import numpy as np

from lsnn.configuration import LARGEST
from lsnn.files import store
from lsnn.files.network_lists import (
    DRAWN,
    INPUT,
    INPUT_KIND,
    NEURON_KIND,
    Constant,
    Pair,
    Population,
    constants_of,
    drawn_constant,
    model_texts,
    models_of,
    pairs_of,
    populations_of,
    unit_of,
)
from lsnn.files.rules import (
    LARGEST_WEIGHT,
    group_of,
    placed,
    read_single,
    require,
    require_attributes,
    require_only,
)
from lsnn.network import Network, NetworkConfig, wiring_of
from lsnn.parameters import TAU_OUT, parameters_learnt
from lsnn.wiring import Synapses, Wiring, pair_numbers, synapses_of_pairs

MOST_INPUTS = 2**24
LARGEST_LOG_STD = 80.0  # beyond it single precision holds no spread
READS = "of one input and the populations of the configuration, the networks that this version reads"
OF_CONFIGURATION = "the value of the configuration"
READOUT, START = "readout", "start"
POLICY = "action"  # the output that is the mean of the policy
CHUNK_ROWS = 2**16  # of a projection: a table in one chunk packs best
_SYNAPSES = {  # column: type, kinds of numbers read, unit (that of the port if none), meaning
    "source": ("<i4", "i", "1", "index in the source"),
    "target": ("<i4", "i", "1", "index in the target"),
    "delay": ("<f8", "f", "ms", "from spike to effect"),
    "sign": ("i1", "i", "1", "fixed by the pair"),
    "weight": ("<f4", "f", None, "added to the port by a spike"),
}


# Writing


def put_network(group: h5py.Group, network: Network) -> np.ndarray:
    """Write the network; returns the places of its synapses in the order of the file, (S,)."""
    c = network.config
    store.write_attributes(group, {"dt_ms": float(c.dt_ms), "wiring_key": network.wiring.key})
    populations = populations_of(c, network.n_in)
    models = group.create_group("models")
    for name, model in models_of(populations).items():
        store.write_attributes(_compact_group(models, name), model_texts(model))
    listed = group.create_group("populations")
    _put_order(listed, [population.name for population in populations])
    for population in populations:
        _put_population(listed.create_group(population.name), network, population)
    places = _put_projections(group.create_group("projections"), network, populations)
    listed = group.create_group("readouts")
    _put_order(listed, [READOUT])
    _put_readout(listed.create_group(READOUT), network, populations)
    store.write_attributes(group, {"checksum": checksum_of(group)})
    return places


def _put_order(group: h5py.Group, names: list[str]) -> None:
    store.write_attributes(group, {"order": json.dumps(names)})


def _compact_group(parent: h5py.Group, name: str) -> h5py.Group:
    """A group that keeps many attributes without an index, which would take more room than they."""
    properties = h5py.h5p.create(h5py.h5p.GROUP_CREATE)
    properties.set_attr_phase_change(64, 0)
    return h5py.Group(h5py.h5g.create(parent.id, name.encode(), gcpl=properties))


def _population_attributes(population: Population) -> dict[str, str | int]:
    kind = INPUT_KIND if population.model is None else NEURON_KIND
    found: dict[str, str | int] = {"kind": kind, "size": population.size, "sign": population.sign, "learnt": "[]"}
    if population.model is None:
        return found
    return found | {"learnt": json.dumps(list(population.model.learnt)), "model": population.model.name}


def _put_population(group: h5py.Group, network: Network, population: Population) -> None:
    store.write_attributes(group, _population_attributes(population))
    if population.model is None:
        return
    drawn = dict(zip(DRAWN, (network.tau_m_ms, network.beta), strict=True))
    drawn = {name: values[population.neurons] for name, values in drawn.items()}
    constants = constants_of(population.model, network.config)
    parameters, learnt = group.create_group("parameters"), population.model.learnt
    for name, constant in constants.items():
        values = np.array([constant.value]) if constant.value is not None else drawn.get(name, np.empty(0))
        if name in learnt:
            values = network.parameter(name)[population.neurons]
        _put_constant(parameters, name, values, constant)
    for name, values in drawn.items():
        if name in learnt:
            _put_constant(group.require_group(START), name, values, drawn_constant(name))
        elif not _is_drawn(name, constants) and (name != "beta" or values.any()):
            _put_constant(group.require_group("unused"), name, values, drawn_constant(name))


def _is_drawn(name: str, constants: Mapping[str, Constant]) -> bool:
    """Whether it is a parameter of the model, and the network's to give."""
    return name in constants and constants[name].value is None


def _put_constant(group: h5py.Group, name: str, values: np.ndarray, constant: Constant) -> None:
    """A number if all neurons have the same, else one a neuron."""
    array = values[0] if (values == values[0]).all() else values
    store.put(group, name, np.asarray(array, float), constant.unit, constant.meaning)


def _put_projections(group: h5py.Group, network: Network, populations: list[Population]) -> np.ndarray:
    source, target = network.synapses.source, network.synapses.target
    weight = (network.signed_theta() * network.effect()).astype(np.float32)
    delay = network.synapses.delay * network.config.dt_ms
    columns = {**network.synapses._asdict(), "delay": delay, "weight": weight}
    names, places = [], [np.empty(0, np.int64)]
    for pair in pairs_of(populations):
        cells, neurons = pair.source.cells, pair.target.neurons
        first, last = np.searchsorted(source, [cells.start, cells.stop])
        within = (target[first:last] >= neurons.start) & (target[first:last] < neurons.stop)
        chosen = first + np.flatnonzero(within)
        if len(chosen):
            table = np.empty(len(chosen), [(name, row[0]) for name, row in _SYNAPSES.items()])
            for name in _SYNAPSES:
                table[name] = columns[name][chosen]
            table["source"] -= cells.start
            table["target"] -= neurons.start
            _put_projection(group, pair, table, network.config)
            names.append(pair.name)
            places.append(chosen)
    _put_order(group, names)
    group.attrs["synapses"] = len(source)
    return np.concatenate(places)


def _projection_attributes(pair: Pair, config: NetworkConfig) -> dict[str, str | bool]:
    ends: dict[str, str | bool] = {"source": pair.source.name, "target": pair.target.name, "port": pair.port}
    return ends | {"learnt": json.dumps(["weight"]), "rewired": config.rewire}


def _synapse_units(pair: Pair) -> dict[str, str]:
    assert pair.target.model is not None
    port_unit = unit_of(pair.target.model, pair.port)
    return {name: row[2] or port_unit for name, row in _SYNAPSES.items()}


def _put_projection(group: h5py.Group, pair: Pair, table: np.ndarray, config: NetworkConfig) -> None:
    meanings = {name: row[3] for name, row in _SYNAPSES.items()}
    projection = store.put_table(group, pair.name, table, _synapse_units(pair), meanings, CHUNK_ROWS)
    store.write_attributes(projection, _projection_attributes(pair, config))


def _put_readout(group: h5py.Group, network: Network, populations: list[Population]) -> None:
    store.put(group, "tau", np.array(float(network.tau_out_ms)), "ms", "time constant of the readout")
    meaning = "added to the readout by a spike of that neuron, from where it decays with tau"
    store.put(group, "weight", network.readout, "1", meaning)
    store.put(group, "bias", network.bias, "1", "added to the readout")
    if len(network.log_std):
        store.put(group, "log_std", network.log_std, "1", f"log standard deviation of the policy round {POLICY!r}")
    texts = _readout_texts(populations, network.config, has_policy=len(network.log_std) > 0)
    store.write_attributes(group, texts | {"outputs": json.dumps(list(network.outputs.items()))})


def _readout_texts(populations: list[Population], config: NetworkConfig, has_policy: bool) -> dict[str, str]:
    sources = [population.name for population in populations if population.model is not None]
    learnt = ["weight", "bias", *(["log_std"] if has_policy else [])]
    learnt += ["tau"] if TAU_OUT in parameters_learnt(config.learnt) else []
    return {"sources": json.dumps(sources), "learnt": json.dumps(learnt)}


def checksum_of(group: h5py.Group) -> str:
    """Over every data set below /network, and the attributes that nothing else is held against."""
    arrays: dict[str, np.ndarray] = {}
    group.visititems(lambda name, node: arrays.update({name: node[()]}) if isinstance(node, h5py.Dataset) else None)
    outputs = store.read_attribute(group["readouts"][READOUT], "outputs", str)
    return store.checksum(arrays | {"@wiring_key": group.attrs["wiring_key"], "@outputs": np.array(outputs.encode())})


# Reading


def read_network(group: h5py.Group, config: NetworkConfig) -> tuple[Network, np.ndarray]:
    """The network, and where each of its synapses stands among those of the file, (S,)."""
    require_only(group, ("models", "populations", "projections", "readouts"), ("dt_ms", "wiring_key", "checksum"))
    require_attributes(group, {"dt_ms": float(config.dt_ms)}, OF_CONFIGURATION)
    key = store.read_attribute(group, "wiring_key", int)
    require(group, "@wiring_key", 0 <= key < 2**63, "a value in 0..2**63 - 1", key)
    populations = _read_populations(group_of(group, "populations"), config)
    _check_models(group_of(group, "models"), populations)
    tau_m_ms, beta, learnt = _read_drawn(group["populations"], populations, config)
    n_in = sum(population.size for population in populations if population.model is None)
    projections = _Projections(group_of(group, "projections"), config, wiring_of(config, key, n_in), populations)
    readout, bias, log_std, outputs, tau_out = _read_readout(group_of(group, "readouts"), populations, config)
    if TAU_OUT in parameters_learnt(config.learnt):
        learnt[TAU_OUT] = np.array([tau_out / 1000])
    network = Network(
        config, projections.wiring, tau_m_ms, beta, projections.synapses, readout, bias, log_std, outputs, learnt
    )
    stored, found = store.read_attribute(group, "checksum", str), checksum_of(group)
    require(group, "@checksum", stored == found, f"that of its data sets and outputs, {found}", stored)
    network.synapses = projections.with_weights(network)
    return network, projections.order


def read_names(group: h5py.Group | h5py.Dataset, name: str) -> list[str]:
    """A list of names, each once, from an attribute in JSON."""
    text = store.read_attribute(group, name, str)
    try:
        names = json.loads(text)
    except (ValueError, RecursionError):
        names = None
    sound = isinstance(names, list) and all(isinstance(item, str) for item in names) and len(set(names)) == len(names)
    require(group, f"@{name}", sound, "the form of a JSON list of names, each once", text)
    return names


def _read_populations(group: h5py.Group, config: NetworkConfig) -> list[Population]:
    """Those of the configuration, which the file has to list; it alone knows how many input cells there are."""
    names, n_in = read_names(group, "order"), 0
    if INPUT in names:
        n_in = store.read_attribute(group_of(group, INPUT), "size", int)
        require(group[INPUT], "@size", 1 <= n_in <= MOST_INPUTS, f"a value in 1..{MOST_INPUTS}", n_in)
    populations = populations_of(config, n_in)
    expected = [population.name for population in populations]
    require(group, "@order", names == expected, f"the names {expected}, {READS}", names)
    require_only(group, expected, ("order",))
    for population in populations:
        node, attributes = group_of(group, population.name), _population_attributes(population)
        require_attributes(node, attributes, OF_CONFIGURATION)
        require_only(node, () if population.model is None else ("parameters", "unused", START), attributes)
    return populations


def _check_models(group: h5py.Group, populations: list[Population]) -> None:
    """The neuron models by which the network was trained are those that run it now."""
    models = models_of(populations)
    require_only(group, models, ())
    for name, model in models.items():
        node, texts = group_of(group, name), model_texts(model)
        require_only(node, (), texts)
        for key, now in texts.items():
            then = store.read_attribute(node, key, type(now))
            require(node, f"@{key}", then == now, f"the {key} of the model {name!r} that runs now, {now!r}", then)


def _read_drawn(
    group: h5py.Group, populations: list[Population], config: NetworkConfig
) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """tau_m_ms and beta, (N,) each, and what has been learnt; other constants are held against the configuration."""
    drawn = {name: np.zeros(config.n_neurons) for name in DRAWN}
    names = [name for name in parameters_learnt(config.learnt) if name != TAU_OUT]
    learnt = {name: np.zeros(config.n_neurons) for name in names}
    for population in populations:
        if population.model is None:
            continue
        node = group[population.name]
        constants = constants_of(population.model, config)
        parameters = group_of(node, "parameters")
        require_only(parameters, constants, ())
        for name, constant in constants.items():
            values = _read_constant(parameters, name, constant, population.size)
            if name in population.model.learnt:
                inside = np.isfinite(values) & (values != 0) & (abs(values) <= LARGEST)
                require(parameters, name, inside, f"values up to {LARGEST:g}, and none 0", values)
                learnt[name][population.neurons] = values
            elif constant.value is None:
                drawn[name][population.neurons] = values
            else:
                rule = f"the value of configuration and model, {constant.value!r}"
                require(parameters, name, values == constant.value, rule, values)
        _read_start(node, population, drawn)
        _read_unused(node, constants, population, drawn)
        _check_drawn(node, constants, population, drawn, config)
    return drawn["tau_m"], drawn["beta"], learnt


def _read_start(node: h5py.Group, population: Population, drawn: dict[str, np.ndarray]) -> None:
    """What was drawn of each neuron and has learnt since."""
    assert population.model is not None
    names = [name for name in DRAWN if name in population.model.learnt]
    if not names:
        require(node, START, START not in node, "missing where nothing that was drawn has learnt", START)
        return
    start = group_of(node, START)
    require_only(start, names, ())
    for name in names:
        drawn[name][population.neurons] = _read_constant(start, name, drawn_constant(name), population.size)


def _read_constant(group: h5py.Group, name: str, constant: Constant, size: int) -> np.ndarray:
    single = getattr(group.get(name), "shape", None) == ()
    values = read_single(group, name, () if single else (size,))
    require_attributes(group[name], {"units": constant.unit}, "the unit")
    require_only(group[name], (), ("units", "description"))
    return np.full(size, values) if single else values


def _read_unused(
    node: h5py.Group, constants: Mapping[str, Constant], population: Population, drawn: dict[str, np.ndarray]
) -> None:
    """What each neuron has a value of, though its model has no such parameter."""
    names = [name for name in DRAWN if not _is_drawn(name, constants)]
    unused = group_of(node, "unused") if "unused" in node or "tau_m" in names else None
    if unused is None:
        return
    require_only(unused, names, ())
    for name in names:
        if name != "beta" or name in unused:
            drawn[name][population.neurons] = _read_constant(unused, name, drawn_constant(name), population.size)


def _check_drawn(
    node: h5py.Group,
    constants: Mapping[str, Constant],
    population: Population,
    drawn: Mapping[str, np.ndarray],
    config: NetworkConfig,
) -> None:
    tau_m_ms, beta = (drawn[name][population.neurons] for name in DRAWN)
    adapts = population.neurons.start >= config.n_neurons - config.n_adaptive
    for name, holds, rule, found in (
        ("tau_m", tau_m_ms > config.dt_ms, f"values > dt_ms = {config.dt_ms:g}", tau_m_ms),
        ("beta", (beta >= 0) & ((beta == 0) | adapts), "values >= 0, and 0 in populations that do not adapt", beta),
    ):
        place = "parameters" if _is_drawn(name, constants) else "unused"
        place = START if population.model is not None and name in population.model.learnt else place
        require(node, f"{place}/{name}", holds, rule, found)


class _Part(NamedTuple):
    """A projection of the file and where its synapses stand among all."""

    pair: Pair
    node: h5py.Dataset
    rows: slice


class _Projections:
    """The synapses of a file, held against the wiring; `order` (S,) says where those of the network stand in it."""

    def __init__(self, group: h5py.Group, config: NetworkConfig, wiring: Wiring, populations: list[Population]):
        self.group, self.wiring, self.parts = group, wiring, list[_Part]()
        self.signed = config.signed
        tables = self._read_tables(config, populations)
        joined = {name: np.concatenate([table[name] for table in tables]) for name in _SYNAPSES}
        count = store.read_attribute(group, "synapses", int)
        rule = f"the number of synapses of all projections, {len(joined['source'])}"
        require(group, "@synapses", count == len(joined["source"]), rule, count)
        self.weight = joined["weight"].astype(float)
        steps = self._steps(joined["delay"], config.dt_ms)
        given = Synapses(*self._numbers(joined), steps, joined["sign"], np.zeros(len(steps)))
        self._check_pairs(given)
        self.synapses, self.order = synapses_of_pairs(wiring, pair_numbers(wiring, given), given.theta)
        self._check_fixed(given)

    def _read_tables(self, config: NetworkConfig, populations: list[Population]) -> list[np.ndarray]:
        names, known = read_names(self.group, "order"), {pair.name: pair for pair in pairs_of(populations)}
        canonical = [name for name in known if name in names]
        rule = f"some of the names {list(known)} in this order, {READS}"
        require(self.group, "@order", names == canonical, rule, names)
        require_only(self.group, names, ("order", "synapses"))
        tables = [np.empty(0, [(name, row[0]) for name, row in _SYNAPSES.items()])]
        first = 0
        for name in names:
            tables.append(_read_projection(self.group, known[name], config))
            self.parts.append(_Part(known[name], self.group[name], slice(first, first + len(tables[-1]))))
            first += len(tables[-1])
        return tables

    def _steps(self, delay_ms: np.ndarray, dt_ms: float) -> np.ndarray:
        longest = self.wiring.d_max * dt_ms
        inside = (delay_ms >= 0.5 * dt_ms) & (delay_ms < longest + 0.5 * dt_ms)
        self.require("delay", inside, f"values in {dt_ms:g}..{longest:g} ms", delay_ms)
        steps = np.rint(delay_ms / dt_ms)
        self.require("delay", np.isclose(steps * dt_ms, delay_ms), f"multiples of dt_ms = {dt_ms:g}", delay_ms)
        return steps.astype(np.int32)

    def _numbers(self, joined: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Source and target as numbers of cells and neurons of the whole network."""
        source, target = (joined[name].astype(np.int32) for name in ("source", "target"))
        for part in self.parts:
            source[part.rows] += np.int32(part.pair.source.cells.start)
            target[part.rows] += np.int32(part.pair.target.neurons.start)
        return source, target

    def require(self, column: str, holds: np.ndarray, rule: str, found: np.ndarray) -> None:
        """InputError that names the projection, unless the rule holds for all synapses in the order of the file."""
        for part in self.parts:
            require(self.group, f"{part.pair.name}[{column}]", holds[part.rows], rule, found[part.rows])

    def _check_pairs(self, given: Synapses) -> None:
        numbers = pair_numbers(self.wiring, given)
        rank = (given.source.astype(np.int64) * (self.wiring.d_max + 1) + given.delay) * self.wiring.n_neurons
        rank += given.target
        for part in self.parts:
            steps = np.diff(rank[part.rows], prepend=-1)
            rule = "rows that rise by source, delay and target"
            require(self.group, f"{part.pair.name}[source]", steps > 0, rule, given.source[part.rows])
        _, first = np.unique(numbers, return_index=True)
        once = np.zeros(len(numbers), bool)
        once[first] = True
        self.require("target", once, "each pair of cells once", given.target)
        onto_others = given.source - self.wiring.n_in != given.target
        self.require("target", onto_others, "no synapse of a neuron onto itself", given.target)

    def _check_fixed(self, given: Synapses) -> None:
        for name in ("delay", "sign"):
            expected = np.empty_like(getattr(given, name))
            expected[self.order] = getattr(self.synapses, name)
            found = getattr(given, name)
            self.require(name, expected == found, "the values that wiring_key and populations fix", found)

    def with_weights(self, network: Network) -> Synapses:
        """The synapses with theta from the weights, whose signs have to be those that are fixed."""
        weight, sign = self.weight[self.order], self.synapses.sign
        with placed(self.group.parent):
            effect = network.effect()
        theta = weight / effect * (sign if self.signed else 1)
        sound = np.empty(len(theta), bool)
        sound[self.order] = (theta >= 0) | ~network.one_sign()
        self.require("weight", sound, "the sign of its synapse (Dale's law, DEEP R, a conductance)", self.weight)
        return self.synapses._replace(theta=theta)


def _read_projection(group: h5py.Group, pair: Pair, config: NetworkConfig) -> np.ndarray:
    """The table of a projection, its indices within the populations."""
    table = store.read_table(group, pair.name, {name: row[1] for name, row in _SYNAPSES.items()})
    node, attributes = group[pair.name], _projection_attributes(pair, config)
    require_attributes(node, attributes, "the value " + READS)
    require_attributes(node, {"units": json.dumps(_synapse_units(pair))}, "the units")
    require_only(node, (), ("units", "description", *attributes))
    unknown = [name for name in node.dtype.names if name not in _SYNAPSES]
    require(group, pair.name, not unknown, f"the columns {', '.join(_SYNAPSES)}", unknown)
    for name, population in (("source", pair.source), ("target", pair.target)):
        inside = (table[name] >= 0) & (table[name] < population.size)
        require(group, f"{pair.name}[{name}]", inside, f"values in 0..{population.size - 1}", table[name])
    inside = np.abs(table["weight"].astype(float)) <= LARGEST_WEIGHT
    rule = f"values in -{LARGEST_WEIGHT:g}..{LARGEST_WEIGHT:g}"
    require(group, f"{pair.name}[weight]", inside, rule, table["weight"])
    return table


def _read_readout(
    group: h5py.Group, populations: list[Population], config: NetworkConfig
) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, int], np.ndarray]:
    """Weights (N, n_out), bias (n_out,), log_std, the widths of the outputs, and the time constant in ms, ()."""
    names = read_names(group, "order")
    require(group, "@order", names == [READOUT], f"the names {[READOUT]}, {READS}", names)
    require_only(group, names, ("order",))
    node = group_of(group, READOUT)
    require_only(node, ("tau", "weight", "bias", "log_std"), ("sources", "outputs", "learnt"))
    require_attributes(node, _readout_texts(populations, config, "log_std" in node), "the value " + READS)
    outputs = read_outputs(node)
    n_out = sum(outputs.values())
    tau = store.read(node, "tau", "f", ())
    if TAU_OUT in parameters_learnt(config.learnt):
        require(node, "tau", np.isfinite(tau) & (tau > 0) & (tau <= LARGEST), f"a value in 0..{LARGEST:g}", tau)
    else:
        require(node, "tau", tau == config.tau_out_ms, f"{OF_CONFIGURATION}, {config.tau_out_ms!r}", tau)
    require_attributes(node["tau"], {"units": "ms"}, "the unit")
    weight = read_single(node, "weight", (config.n_neurons, n_out))
    bias = read_single(node, "bias", (n_out,))
    log_std = read_single(node, "log_std", (None,), LARGEST_LOG_STD) if "log_std" in node else np.empty(0)
    return weight, bias, log_std, outputs, tau


def read_outputs(group: h5py.Group) -> dict[str, int]:
    """Names and widths of the outputs, in the order of the readout's columns."""
    text = store.read_attribute(group, "outputs", str)
    try:
        outputs = [(name, width) for name, width in json.loads(text)]
        sound = all(isinstance(name, str) and type(width) is int for name, width in outputs)
    except (ValueError, TypeError, RecursionError):
        outputs, sound = [], False
    require(group, "@outputs", sound, "the form of a list of [name, width]", text)
    require(group, "@outputs", len(dict(outputs)) == len(outputs), "each name once", text)
    require(group, "@outputs", all(width >= 0 for _, width in outputs), "widths >= 0", text)
    return dict(outputs)
