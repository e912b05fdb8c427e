"""Why a run fails, by its document."""

from __future__ import annotations

from edgekit.errors import EdgekitError
from edgekit.report.documents import read
from edgekit.report.notes import faults


def reasons(content: bytes) -> list[str]:
    """Return what a document says of why it fails; its warnings are left to the document."""
    try:
        document = read(content, where="its document")
    except EdgekitError as error:
        return [str(error)]
    return faults(document)
