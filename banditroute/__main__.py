"""`python -m banditroute` is the `banditroute` command."""

from __future__ import annotations

from banditroute.cli import main

if __name__ == "__main__":
    main()
