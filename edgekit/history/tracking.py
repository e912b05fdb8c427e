"""Logs runs to MLflow, with their files (extra ``mlflow``)."""

from __future__ import annotations

import contextlib
import logging
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from edgekit.errors import DestinationError, OptionError, one_line
from edgekit.extras import load, require
from edgekit.files import scratch
from edgekit.history.rows import rows_of
from edgekit.history.run import METRICS, Origin, Row
from edgekit.report.documents import Document, written
from edgekit.report.model import Report

_EXPERIMENT = "edgekit"
_USER = re.compile(r"//[^/@\s]*@")
_LONGEST = 500  # characters of a parameter that every MLflow server takes
# Unless the user says otherwise: no telemetry, and an absent server is told within a minute.
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
}


class Tracking:
    """An experiment of an MLflow tracking server or store: ``MLFLOW_EXPERIMENT_NAME``, or edgekit.

    Its methods raise ``DestinationError``, one line, where MLflow does not do its part.
    """

    def __init__(self, client: Any, uri: str, experiment: str) -> None:
        self._client, self._uri, self._experiment = client, uri, experiment

    @classmethod
    def open(cls, uri: str) -> Self:
        """Find the experiment, or begin it.

        Args:
            uri: As MLflow takes it, such as ``http://127.0.0.1:5000`` or ``sqlite:///mlflow.db``.

        Raises:
            MissingExtra: MLflow is not installed.
            DestinationError: the store cannot be reached, or is none.
            OptionError: the address is empty.
        """
        require("mlflow", "mlflow")
        if not uri.strip():
            raise OptionError("MLflow: expected the address of a tracking server or store, got ''")
        for name, value in _ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or _EXPERIMENT
        with _explained(uri):
            client = load("mlflow.tracking").MlflowClient(tracking_uri=uri)
            found = client.get_experiment_by_name(name)
            experiment = found.experiment_id if found else client.create_experiment(name)
        return cls(client, uri, experiment)

    def log(self, document: Document, origin: Origin, folder: Path | None = None) -> list[str]:
        """Log a run for each row of a document; return their MLflow ids.

        Parameters are what was made for what, metrics the figures, tags the verdict and where it
        took place.

        Args:
            document: A report, or a benchmark.
            origin: Where it was made.
            folder: With the files that ship with it; without, the document alone is attached.
        """
        with _explained(self._uri), scratch() as place:
            attached = folder or _written(document, place)
            return [self._logged(document, row, origin, attached) for row in rows_of(document)]

    def _logged(self, document: Document, row: Row, origin: Origin, attached: Path) -> str:
        name = f"{row.model}/{row.target}/{row.device}"
        run = self._client.create_run(self._experiment, run_name=name, tags=_tags(row, origin))
        number = str(run.info.run_id)
        try:
            for key, value in _parameters(document, row).items():
                self._client.log_param(number, key, value[:_LONGEST])
            for key in METRICS:
                if (figure := getattr(row, key)) is not None:
                    self._client.log_metric(number, key, float(figure))
            self._client.log_artifacts(number, str(attached))
        except BaseException:
            self._client.set_terminated(number, status="FAILED")
            raise
        self._client.set_terminated(number)
        return number


def _parameters(document: Document, row: Row) -> dict[str, str]:
    told: dict[str, Any] = {"model": row.model, "target": row.target, "device": row.device}
    if isinstance(document, Report):
        told |= {f"option.{key}": value for key, value in document.options.items()}
    return {key: str(value) for key, value in told.items() if value is not None}


def _tags(row: Row, origin: Origin) -> dict[str, str]:
    told: Mapping[str, str | None] = {
        "edgekit.version": row.edgekit,
        "edgekit.kind": row.kind,
        "edgekit.verdict": row.verdict,
        "edgekit.source_sha256": row.source_sha256,
        "edgekit.artifact_sha256": row.artifact_sha256,
        "edgekit.latency_basis": row.latency_basis,
        "edgekit.metric": row.metric,
        "edgekit.host": origin.host,
        "mlflow.source.git.commit": origin.commit,
        "mlflow.source.git.branch": origin.branch,
    }
    return {key: value for key, value in told.items() if value is not None}


def _written(document: Document, place: Path) -> Path:
    """Write a document into a folder of its own."""
    folder = place / "attached"
    folder.mkdir()
    name = "report.json" if isinstance(document, Report) else "benchmark.json"
    (folder / name).write_bytes(written(document))
    return folder


@contextlib.contextmanager
def _explained(uri: str) -> Iterator[None]:
    """Let MLflow say only what is grave, and turn its refusals into one line."""
    logger = logging.getLogger("mlflow")
    before = logger.level
    logger.setLevel(logging.WARNING)
    refusals = (load("mlflow.exceptions").MlflowException, load("sqlalchemy.exc").SQLAlchemyError)
    try:
        yield
    except (*refusals, OSError) as error:
        raise DestinationError(
            f"MLflow {_shown(uri)}: {_shown(one_line(error))}; expected a server or store, "
            "such as sqlite:///mlflow.db"
        ) from error
    finally:
        logger.setLevel(before)


def _shown(said: str) -> str:
    """Return a text in which addresses have no names of users and no passwords."""
    return _USER.sub("//", said)
