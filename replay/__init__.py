"""Reads flight recordings: runs the core on them again, shows the first decision that differs, draws them, makes tables."""
