"""`python -m ovis_jax` is the command `ovis-jax`."""

import sys

from ovis_jax.commands import main

sys.exit(main())
