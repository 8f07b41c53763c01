"""One module for each document that is generated from the code."""
