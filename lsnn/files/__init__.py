"""Files: HDF5 with units, written whole, sealed, and walked through before they are believed; the network file."""
