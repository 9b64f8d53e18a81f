"""Networks as data: any populations, projections and readouts, with a time step of their own.

    parts.py       Population, Projection, Readout; values that are drawn
    circuit.py     Circuit: the parts checked, numbered and laid out for the kernels
    running.py     a circuit on arrays, forwards and backwards
    reading.py, namespaces.py, equations_read.py   lsnn.from_brian2
    writing_back.py   lsnn.to_brian2
"""
