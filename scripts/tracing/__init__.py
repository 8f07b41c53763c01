"""The thread from hazard to control to code to passed test. Used by `scripts/trace_hazards.py` only."""
