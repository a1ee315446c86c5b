"""`python -m qnas`: the same as `qnas`, for launchers that start modules (torchrun)."""

from qnas.cli.main import main

if __name__ == "__main__":
    main()
