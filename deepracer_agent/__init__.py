"""The driver: actions, observation, reward, environment, training, evaluation, inference."""

import deepracer_sim as deepracer_sim  # before torch is: it says how threads wait
