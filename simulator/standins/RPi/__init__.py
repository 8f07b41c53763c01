"""Stands in for the package of RPi.GPIO. Never installed: it is found only where its directory is put on the path."""
