"""`python -m iterdeploy` is `iterdeploy`."""

import sys

from iterdeploy.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
