"""All faults: importing this package fills the register of `simulator.campaign.fault`."""

from simulator.campaign.faults import cable, drive, incidents, load_cell, people, pins, processes

__all__ = ["cable", "drive", "incidents", "load_cell", "people", "pins", "processes"]
