"""`python -m peer` is the command `peer`."""

import sys

from peer.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
