"""Exhaustive exploration: every reachable abstract state of the core with its gate, times every input, judged by the same laws."""
