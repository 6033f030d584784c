"""The command `deepracer`: one small file per group of sub-commands."""
