"""Makes the files of a manifest again, and compares them with what it says they were."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edgekit import manifest, source
from edgekit.errors import ArtifactError, DigestMismatch, EdgekitError, OptionError, SourceError
from edgekit.files import MARKER
from edgekit.manifest import Manifest
from edgekit.pipeline.convert import Conversion
from edgekit.pipeline.options import Options, from_plain


@dataclass(frozen=True, kw_only=True)
class Order:
    """What a manifest asks for: the source, its target and options."""

    model: Path
    options: Options
    manifest: Manifest


def read_order(
    path: str | Path, *, model: str | Path | None = None, calibration: Any = None,
    evaluation: Any = None, train: Any = None,
) -> Order:  # fmt: skip
    """Read what has to be done to make the files of a manifest again.

    Args:
        path: The manifest, or its folder. Paths in it are taken from the current folder.
        model: Where the source model is now, if it has moved.
        calibration: Where its calibration data are now, if they have moved.
        evaluation: The same of the evaluation data.
        train: The same of the training data.

    Raises:
        ArtifactError: the manifest cannot be used.
        SourceError: the source model is not there, or is another one than the manifest's.
        OptionError: the data were objects in Python and are not given.
    """
    found = manifest.read(path)
    given = Path(model if model is not None else _path_of(found))
    came, expected = source.digest(given), found.source.sha256
    if came != expected:
        raise SourceError(
            f"{given}: expected the model of the manifest (SHA-256 {expected[:12]}…), got another "
            f"one ({came[:12]}…); give its MODEL, or convert this one without --from"
        )
    options = _options(found, str(path))
    return Order(
        model=given,
        options=replace(
            options,
            calibration=_data("calibration", options.calibration, calibration),
            evaluation=_data("evaluate", options.evaluation, evaluation),
            train=_data("train", options.train, train),
        ),
        manifest=found,
    )


def refuse_different(order: Order, conversion: Conversion) -> None:
    """Refuse a conversion that has not given the bytes of the manifest again.

    Raises:
        DigestMismatch: the text names the files, and which tools or data have changed.
    """
    for report, folder in zip(conversion.reports, conversion.folders, strict=True):
        made = manifest.read(folder / MARKER)
        other = [n for n in report.made_files if made.files[n] != order.manifest.files.get(n)]
        if other:
            raise DigestMismatch(
                f"{folder}: made again, but {', '.join(other)} is not as the manifest says; "
                f"changed since: {', '.join(_changes(order.manifest, made)) or 'nothing known'}"
            )


def _path_of(found: Manifest) -> str:
    origin = found.source.origin
    if not origin or origin.startswith("<"):
        raise SourceError(
            "the manifest does not say where the model's file is (it was an object in Python?); "
            "give MODEL"
        )
    return origin


def _options(found: Manifest, where: str) -> Options:
    plain = {name: value for name, value in found.options.items() if name not in _FACTS}
    try:
        return from_plain(plain, where="options")
    except (EdgekitError, AttributeError, TypeError) as error:
        raise ArtifactError(f"{where}: its options cannot be taken: {error}") from error


_FACTS = ("calibration_sha256", "evaluation_sha256", "train_sha256")


def _data(flag: str, then: Any, now: Any) -> Any:
    if now is None and isinstance(then, str) and then.startswith("<"):
        raise OptionError(f"the manifest's data were an object in Python: give --{flag} DATA")
    return then if now is None else now


def _changes(then: Manifest, now: Manifest) -> list[str]:
    said = [
        f"{name} {then.tools.get(name, 'none')} -> {now.tools.get(name, 'none')}"
        for name in sorted({*then.tools, *now.tools})
        if then.tools.get(name) != now.tools.get(name)
    ]
    names: Mapping[str, str] = {name: name.partition("_")[0] + " data" for name in _FACTS}
    return said + [
        text for name, text in names.items() if then.options.get(name) != now.options.get(name)
    ]
