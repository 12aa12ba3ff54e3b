"""Networks in PyTorch: the only room that knows torch."""

import os

# Threads that wait for each other sleep instead of spinning: on a machine that is shared with
# other work spinning made small networks ten times slower. It is read when torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
