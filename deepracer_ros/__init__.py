"""What all nodes share: how they start and stop, parameters, messages, diagnostics, bags."""

import os
import sys

# The look-up of installed packages needs it, and the wheels from PyPI do not set it.
os.environ.setdefault("AMENT_PREFIX_PATH", sys.prefix)
