"""Reward functions that come with the project, written as users write theirs."""
