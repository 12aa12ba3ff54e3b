"""Networks in PyTorch: the only room that knows torch."""

import os

# Threads that wait for the next operation spin for some ten microseconds and then sleep. Without
# spinning each operation would cost the time of a wake-up; spinning without end, as is usual, made
# small networks ten times slower on a machine that is shared. Read when torch is loaded.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")
