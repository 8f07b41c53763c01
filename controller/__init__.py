"""Decides and runs the treadmill."""

__version__ = "0.1.0"
