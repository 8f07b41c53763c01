"""All faults. The register is filled by importing the modules, which is why it is to be had from here."""

from simulator.campaign.fault import KINDS
from simulator.campaign.faults import cable, drive, incidents, load_cell, people, pins, processes

__all__ = ["KINDS", "cable", "drive", "incidents", "load_cell", "people", "pins", "processes"]
