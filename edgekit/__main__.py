"""The command line's process: ``edgekit``, or ``python -m edgekit``."""

from edgekit.cli import main
from edgekit.startup import this_process_is_ours


def run() -> None:
    """Run the command that the arguments name, and end the process."""
    this_process_is_ours()
    main(prog_name="edgekit")


if __name__ == "__main__":
    run()
