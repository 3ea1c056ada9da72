"""`python -m services.local`: what `make run` calls."""

import sys

from services.local.supervisor import main

if __name__ == "__main__":
    sys.exit(main())
