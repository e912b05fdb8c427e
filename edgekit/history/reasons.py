"""Why a run fails, by its document."""

from __future__ import annotations

from edgekit.errors import EdgekitError
from edgekit.report.devices import missed_budgets
from edgekit.report.documents import read
from edgekit.report.model import Report


def reasons(content: bytes) -> list[str]:
    """Return what a document says of why it fails; its warnings are left to the document."""
    try:
        document = read(content, where="its document")
    except EdgekitError as error:
        return [str(error)]
    if isinstance(document, Report):
        broken = [f"promise broken: {line}" for line in document.broken_promises]
        return broken + [f"budget missed: {line}" for line in document.missed_budgets]
    failed = [f"failed: {one.device}: {one.file}: {one.error}" for one in document.failures]
    return [f"budget missed: {line}" for line in missed_budgets(document)] + failed
