"""Mutation testing: makes mutants of functions, tables and C, judges them by the tests, writes docs/mutants.md."""
