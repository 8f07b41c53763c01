"""Calibrates the load cell and walks a person through the machine, before its first use and now and then after.

Nothing here sends the drive anything that moves.
"""
