"""Fuzzing with coverage guidance: every border that takes bytes from outside. For development only."""
