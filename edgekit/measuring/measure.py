"""What is asked of each device, declared once for `edgekit bench` and for plans of farms."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Generic, TypeVar

from edgekit.artifact import Artifact
from edgekit.devices.backend import Manner, Request
from edgekit.errors import OptionError
from edgekit.measuring.scoring import Scoring, compared_on

Data = TypeVar("Data")
_LEAST = {"threads": 1, "warmup": 0, "min_runs": 1, "min_seconds": 0, "evaluate_samples": 1}


@dataclass(frozen=True, kw_only=True)
class Measure(Manner, Generic[Data]):
    """How to measure a file, and what to run it over besides.

    Args:
        data: Samples, of which 8 are taken for comparing outputs with this host's; in the forms of
            ``edgekit.evaluate``, of which a plan can say only text. Random if None.
        evaluate: Samples that each file is run over on each device that can, and here; with labels
            for a metric. On a cluster they are read on the nodes: they have to be at the same
            place there.
        metric: What to score there; if None only samples are counted that differ.
        output: Which of several outputs the metric scores.
        evaluate_samples: How many of them; if None 200 on devices that are slow, all on others.
            Stratified where labels are classes.

    Raises:
        OptionError: a number that no measurement can follow, or a metric without data.
    """

    data: Data | None = None
    evaluate: Data | None = None
    metric: str | None = None
    output: str | None = None
    evaluate_samples: int | None = None

    def __post_init__(self) -> None:
        """Refuse what no measurement can follow."""
        for name, least in _LEAST.items():
            given = getattr(self, name)
            if given is not None and not given >= least:
                raise OptionError(f"{name}: expected at least {least}, got {given:g}")
        if self.evaluate is None:
            for name in ("metric", "output", "evaluate_samples"):
                if getattr(self, name) is not None:
                    raise OptionError(f"{name} needs evaluate, the data")

    def request(self, artifact: Artifact) -> Request:
        """Return what a device is asked for.

        Raises:
            DataError: the data do not fit the file's inputs.
        """
        manner = {field.name: getattr(self, field.name) for field in fields(Manner)}
        return Request(**manner, samples=compared_on(self.data, artifact))

    def scoring(self) -> Scoring | None:
        """Return what files are scored with on devices; None where they are not."""
        if self.evaluate is None:
            return None
        return Scoring(
            data=self.evaluate, metric=self.metric, output=self.output,
            samples=self.evaluate_samples,
        )  # fmt: skip
