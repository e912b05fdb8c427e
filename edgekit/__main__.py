"""Runs the command line as ``python -m edgekit``."""

from edgekit.cli import main

if __name__ == "__main__":
    main(prog_name="edgekit")
