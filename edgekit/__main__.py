"""The command line's process: ``edgekit``, or ``python -m edgekit``."""

from edgekit.cli import main
from edgekit.startup import leave, this_process_is_ours


def run() -> None:
    """Run the command that the arguments name, and end the process."""
    this_process_is_ours()
    try:
        main(prog_name="edgekit")
    except SystemExit as end:
        if isinstance(end.code, int):
            leave(end.code)
        raise


if __name__ == "__main__":
    run()
