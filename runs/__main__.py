"""`python -m runs` is the `lsnn` command."""

from runs.cli import main

main()
