"""One module for each drawing of the wiring: the circuit as text, from which schemdraw makes the picture."""
