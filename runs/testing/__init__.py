"""The test of a frozen network, for every family: conditions x variants x baselines, a trials table each.

conditions.py: the networks' conditions and their roll-outs     result_file.py: what is written of them
run.py: the test itself (`lsnn test`)
"""
