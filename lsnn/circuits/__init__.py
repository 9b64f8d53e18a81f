"""Networks as data: any populations, projections and readouts, with a time step of their own.

parts.py, values.py      Population, Projection, Readout; values with units, drawn ones among them
laid_out.py              the parts checked, numbered and laid out for the kernels
running.py, circuit.py   a circuit on arrays, forwards and backwards: lsnn.Circuit
three_populations.py     the network for tasks as a circuit: lsnn.circuit_of
from_brian.py            lsnn.from_brian2, by groups_read.py, synapses_read.py, namespaces.py and evaluating.py
to_brian.py              lsnn.to_brian2
"""
