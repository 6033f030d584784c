"""The world: track, car, camera, referee, embedded world. Knows nothing of rewards or learning."""

import os

# The threads of numba and torch would spin while they wait for work; on a busy machine that
# starves everything else, and training is ten times slower. OpenMP reads this when it is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
