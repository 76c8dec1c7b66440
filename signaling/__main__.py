"""`python -m signaling` is the command `signaling`."""

import sys

from .cli import main

sys.exit(main())
