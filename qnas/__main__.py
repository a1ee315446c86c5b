"""`python -m qnas` runs the `qnas` command, for launchers that start modules (torchrun)."""

from qnas.cli.main import main

if __name__ == "__main__":
    main()
