"""The one exception that is meant for people."""


class UserError(Exception):
    """A user's mistake or a failing machine: says what was found, where, and what to do.

    The command line prints the message without a traceback and exits with 1.
    """
