"""All faults. The register is filled by importing the modules, which is why it is to be had from here."""

from simulator.campaign.fault import KINDS
from simulator.campaign.faults import cable, dashboard, drive, incidents, load_cell, people, pins, processes

__all__ = ["KINDS", "cable", "dashboard", "drive", "incidents", "load_cell", "people", "pins", "processes"]
