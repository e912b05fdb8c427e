"""Source models: loaded safely, and mended where Keras 2 left them behind."""

from edgekit.source.backend import save_object
from edgekit.source.digest import digest
from edgekit.source.load import load
from edgekit.source.model import Mend, SourceModel, folder_name
from edgekit.source.origins import importable
from edgekit.source.sniff import identify

__all__ = [
    "Mend",
    "SourceModel",
    "digest",
    "folder_name",
    "identify",
    "importable",
    "load",
    "save_object",
]
