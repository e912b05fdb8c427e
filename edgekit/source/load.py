"""The loader: any source model into a checked `SourceModel`."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgekit.errors import EdgekitError, SourceError
from edgekit.files import explained, scratch
from edgekit.source import (
    containers,
    custom,
    h5,
    kerasfile,
    memory,
    savedmodel,
    sniff,
    weights,
)
from edgekit.source.digest import digest, digest_object
from edgekit.source.model import Kind, Mend, SourceModel, folder_name
from edgekit.source.precision import check_float32
from edgekit.source.representable import check_representable
from edgekit.source.scope import Scope
from edgekit.startup import import_keras


def load(
    source: Any, *, custom_objects: Sequence[str] = (), allow_code: bool = False
) -> SourceModel:
    """Load a source model, mending what Keras 2 left behind. The source itself is never changed.

    Nothing that a file brings is executed unless ``allow_code``.

    Args:
        source: A ``.keras`` or ``.h5`` file, a Keras 2 SavedModel folder, or a ``keras.Model``,
            which is taken as it is.
        custom_objects: ``module:name`` of each custom layer or function that the model uses.
        allow_code: Allow ``Lambda`` layers and others that run code from the file.

    Raises:
        SourceError: missing, damaged, not a Keras model, not finite, or not to be rebuilt.
        UnsafeSource: loading it would run code.
        OptionError: a custom object cannot be imported.
    """
    import_keras()
    if not isinstance(source, (str, Path)):
        return _from_object(source)
    path = Path(source)
    kind = sniff.identify(path)
    mends: list[Mend] = []
    with scratch() as folder:
        copy = _copy(path, kind, folder)
        sha256 = digest(copy)
        objects = custom.import_objects(custom_objects)
        scope = Scope(custom=objects, allow_code=allow_code, mends=mends)
        try:
            model = _read(copy, kind, scope)
            return _finish(model, path, sha256, kind, mends)
        except EdgekitError as error:
            raise type(error)(f"{path}: {error}") from error
        except Exception as error:
            raise SourceError(
                f"{path}: cannot be loaded: {type(error).__name__}: {containers.one_line(error)}; "
                "save the model again as .keras"
            ) from error


def _from_object(model: Any) -> SourceModel:
    import keras

    if not isinstance(model, keras.Model):
        raise SourceError(
            f"expected a path or a keras.Model (Keras 3), got {type(model).__module__}."
            f"{type(model).__qualname__}; save a model of tf_keras as .h5 and give the file"
        )
    if not model.built:
        raise SourceError(f"model {model.name!r} is not built: call it once on a batch of data")
    check_representable(model)
    check_float32(model)
    weights.check_finite(model)
    kind = type(model)
    return SourceModel(
        model=model,
        name=folder_name(str(model.name)),
        sha256=digest_object(model),
        origin=f"{kind.__module__}.{kind.__qualname__} {model.name!r}",
        kind="object",
        mends=(),
        parameters=int(model.count_params()),
    )


def _copy(path: Path, kind: sniff.FileKind, folder: Path) -> Path:
    """Copy the source, so that what is checked is what is loaded."""
    try:
        with explained(folder):
            if kind == "savedmodel":
                return shutil.copytree(path, folder / "model")
            return Path(shutil.copyfile(path, folder / f"model.{kind}"))
    except (OSError, shutil.Error) as error:
        raise SourceError(f"{path}: cannot be copied: {containers.one_line(error)}") from error


def _read(copy: Path, kind: sniff.FileKind, scope: Scope) -> Any:
    if kind == "h5":
        return h5.load_h5(copy, scope)
    if kind == "savedmodel":
        return savedmodel.load_savedmodel(copy, scope)
    return kerasfile.load_archive(copy, copy.parent, scope)


def _finish(model: Any, path: Path, sha256: str, kind: Kind, mends: list[Mend]) -> SourceModel:
    import keras

    if not isinstance(model, keras.Model):
        raise SourceError(f"the file holds a {type(model).__name__}, expected a model")
    if not model.built:
        raise SourceError("the model has no input shape: call it once on data and save it again")
    memory.check_outputs(model)
    check_representable(model)
    weights.check_finite(model)
    return SourceModel(
        model=model,
        name=folder_name(path.resolve().stem),
        sha256=sha256,
        origin=str(path),
        kind=kind,
        mends=tuple(dict.fromkeys(mends)),
        parameters=int(model.count_params()),
    )
