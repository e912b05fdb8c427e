"""The tables of every command, as rich draws them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text


def table(
    heading: Sequence[str], rows: Iterable[Sequence[str | Text]], *,
    right: Collection[int] = (), no_wrap: Collection[int] = (),
) -> Table:  # fmt: skip
    """Return a table with a rule below its heading; long cells are folded.

    Cells are taken as they stand: nothing in them is markup. An empty heading leaves the rule out.

    Args:
        heading: A title for each column.
        rows: Its cells; names of any origin have gone through ``text.visible``.
        right: Columns of numbers, aligned to the right.
        no_wrap: Columns that keep their width.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), show_edge=False,
                 collapse_padding=True, show_header=any(heading))  # fmt: skip
    for at, title in enumerate(heading):
        made.add_column(title, justify="right" if at in right else "left", overflow="fold",
                        no_wrap=at in no_wrap)  # fmt: skip
    for row in rows:
        made.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
    return made
