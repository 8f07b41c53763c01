"""The whole-system campaign: seeds that decide everything, faults by the thousand, and judges who look at the belt.

The controller, the bridge, telemetry and the firmware's C are the shipped ones; their clock, their kernel and their treadmill
are simulated, in one process and one thread.
"""
