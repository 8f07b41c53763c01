"""`python -m evaluation`."""

import sys

from evaluation import main

sys.exit(main(sys.argv[1:]))
