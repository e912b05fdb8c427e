"""Parses XML from strangers: no document type, no entities, bounded depth and size."""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from edgekit.errors import ArtifactError

_DEPTH = 200
_ELEMENTS = 3_000_000
_BYTES = 256 << 20


def parse(path: Path) -> Element:
    """Return the root element of an XML file.

    A document type declaration is refused, and with it every entity: none can be expanded, and no
    other file or address can be reached.

    Raises:
        ArtifactError: the file is no well-formed XML, or nested or sized beyond reason.
    """
    if path.stat().st_size > _BYTES:
        raise ArtifactError(f"{path}: expected at most {_BYTES >> 20} MiB of XML, it is larger")
    builder = TreeBuilder()
    reader = expat.ParserCreate()
    reader.StartElementHandler = _Starts(builder, path)
    reader.EndElementHandler = reader.StartElementHandler.end
    reader.CharacterDataHandler = builder.data
    reader.StartDoctypeDeclHandler = _refuse
    try:
        with path.open("rb") as file:
            reader.ParseFile(file)
        return builder.close()
    except (expat.ExpatError, AssertionError, ValueError) as error:
        raise ArtifactError(f"{path}: expected OpenVINO XML, cannot be parsed: {error}") from error


class _Starts:
    """Counts elements and depth while it builds the tree."""

    def __init__(self, builder: TreeBuilder, path: Path) -> None:
        self.builder, self.path, self.depth, self.seen = builder, path, 0, 0

    def __call__(self, tag: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        self.seen += 1
        if self.depth > _DEPTH or self.seen > _ELEMENTS:
            raise ArtifactError(f"{self.path}: XML nested or sized beyond reason")
        self.builder.start(tag, attributes)

    def end(self, tag: str) -> None:
        self.depth -= 1
        self.builder.end(tag)


def _refuse(name: str, system: str | None, public: str | None, internal: bool) -> None:
    raise ValueError("a document type declaration, which OpenVINO never writes, is refused")
