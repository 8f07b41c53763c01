"""Speaks to drives: the bytes, the serial line and one driver a module. It knows nothing of the controller."""
