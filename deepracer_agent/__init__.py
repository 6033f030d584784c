"""The driver: actions, observation, reward, environment, training, evaluation, inference."""
