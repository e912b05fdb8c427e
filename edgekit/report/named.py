"""Of which model and for which target a file is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePath

import msgspec

from edgekit.artifact import digest_of, files_of
from edgekit.errors import ArtifactError
from edgekit.report.devices import Benchmark
from edgekit.report.documents import REPORT, content_of

_GENERIC = ("model", "saved_model")
_FORMATS = {"xml": "openvino"}
_REPORT = "report.json"


@dataclass(frozen=True, kw_only=True)
class Identity:
    """What a file is called wherever it is listed.

    The digest of the source model is None where only the file's path tells.
    """

    model: str
    target: str
    source_sha256: str | None = None


class _Named(msgspec.Struct):
    name: str = ""
    sha256: str = ""


class _Beside(msgspec.Struct):
    """What a report says of whose file lies beside it."""

    source: _Named
    target: _Named
    artifact: _Named


def identity(file: str, kind: str = "", sha256: str | None = None) -> Identity:
    """Return model and target of a file, as the report beside it says if that is of this very file.

    Else they are what its path says: of ``…/<model>/<target>/model.*`` the two folders; of others
    the file's name and its format.

    Args:
        file: Its path; nothing need be there any more.
        kind: Its format; what its ending says if left out.
        sha256: Its digest; that of what lies there now if left out.
    """
    path = Path(file)
    try:
        content = content_of(path.with_name(_REPORT), expected=REPORT.called)
        beside = msgspec.json.decode(content, type=_Beside)
        if beside.artifact.sha256 == (sha256 or digest_of(files_of(path))):
            return Identity(
                model=beside.source.name, target=beside.target.name,
                source_sha256=beside.source.sha256,
            )  # fmt: skip
    except (ArtifactError, OSError, ValueError, msgspec.DecodeError):
        pass
    model, target = _named_by_path(path, kind)
    return Identity(model=model, target=target)


def identities(found: Benchmark) -> dict[tuple[str, str | None], Identity]:
    """Return ``identity`` of each file and digest that was measured; failures have no digest.

    Where a file failed on one device and was measured on another, both have one identity.
    """
    named: dict[tuple[str, str | None], Identity] = {}
    for one in found.measurements:
        if (one.file, one.sha256) not in named:
            told = identity(one.file, one.format, one.sha256)
            named[one.file, one.sha256] = named[one.file, None] = told
    for failure in found.unmeasured:
        if (failure.file, None) not in named:
            named[failure.file, None] = identity(failure.file)
    return named


def _named_by_path(path: PurePath, kind: str) -> tuple[str, str]:
    if path.stem in _GENERIC and len(path.parts) >= 3:
        return path.parts[-3], path.parts[-2]
    ending = path.suffix.lstrip(".") or "file"
    return path.stem, kind or _FORMATS.get(ending, ending)
