"""Decides and runs the treadmill."""
