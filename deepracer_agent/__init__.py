"""The driver: actions, observation, reward, environment, training, evaluation, inference."""

import os

# torch's threads would spin while they wait for work; on a busy machine that starves everything
# else, and training then runs ten times slower. It has to be said before torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
