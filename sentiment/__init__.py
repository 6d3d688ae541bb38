"""The nouns: everything the stages are made of. Importing the package itself loads nothing."""

import time

STARTED = time.time_ns()  # before any other module is read
