"""Reads the TOML files that people write, and says what is wrong with them so that they can mend it. Imports nothing of ours."""
