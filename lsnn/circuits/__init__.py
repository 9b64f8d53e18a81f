"""Networks as data: any populations, projections and readouts, with a time step of their own.

parts.py, values.py      Population, Projection, Readout; values with units, drawn ones among them
laid_out.py, readouts.py the parts checked, numbered and laid out for the kernels
passage.py, running.py, circuit.py   a circuit on arrays, forwards and backwards: lsnn.Circuit
run_file.py              runs straight to a file, and from there
driving.py, sources.py, sent.py   what it is given: spikes, values of driven variables, numbers in place of spikes
learning.py              a circuit as lsnn.fit and the bridges meet it
in_task.py               a circuit in a task, for lsnn.simulate
three_populations.py     the network for tasks as a circuit: lsnn.circuit_of
from_brian.py            lsnn.from_brian2, by groups_read.py, synapses_read.py, namespaces.py and evaluating.py
to_brian.py              lsnn.to_brian2
"""
