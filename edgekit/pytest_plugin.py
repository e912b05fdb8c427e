"""A pytest plugin: ``assert_edge_ready`` in tests of models, and the ``edgekit`` fixture.

pytest loads it in every run where edgekit is installed, so it imports nothing until it is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from edgekit.errors import EdgekitError, Missed

if TYPE_CHECKING:
    from edgekit.gating import GateResult
    from edgekit.pipeline.convert import Conversion


@dataclass(frozen=True)
class Edgekit:
    """What the ``edgekit`` fixture gives: conversions and gates in a folder of the test's own."""

    folder: Path

    def convert(self, model: Any, target: str, **options: Any) -> Conversion:
        """Convert as ``edgekit.convert`` does, into the test's folder.

        A promise or a budget that is missed is for the assertion to find: it is not raised.
        """
        import edgekit

        try:
            return edgekit.convert(model, target, out=self.folder, **options)
        except Missed as error:
            if error.conversion is None:
                raise
            conversion: Conversion = error.conversion
            return conversion

    def gate(self, report: Any, policy: Any, *, baseline: Any = None) -> GateResult:
        """Hold a report against a policy, and fail the test with its sentence if it does not pass.

        A gate that its policy leaves undecided fails the test, too.
        """
        import edgekit

        found: GateResult = edgekit.gate(report, policy, baseline=baseline)
        if found.exit_code:
            texts = [check.text for check in found.ranked if check.verdict in ("fail", "undecided")]
            pytest.fail("\n".join([found.sentence, *texts[:20]]), pytrace=False)
        return found

    def assert_edge_ready(
        self, model: Any, *, target: str = "tflite-int8", calibration: Any = None,
        evaluate: Any = None, metric: str | None = None,
        max_accuracy_drop_pp: float | None = None, limits: Mapping[str, float] | None = None,
        baseline: Any = None, policy: Any = None, **options: Any,
    ) -> Conversion:  # fmt: skip
        """Fail the test unless the model can be shipped for the target; return the conversion.

        The model is converted, its promises and budgets are checked, and so are the limits; in
        the assertion's text is by how much they are missed.

        Args:
            model: A path or a ``keras.Model``.
            target: As for ``edgekit.convert``.
            calibration: As for ``edgekit.convert``.
            evaluate: Labelled samples; needed for ``max_accuracy_drop_pp``.
            metric: What to score; ``top1`` if samples are given and nothing else is said.
            max_accuracy_drop_pp: Most points that may be lost. It fails where the samples show that
                more are lost; where they cannot tell, pytest warns.
            limits: Most, or least, of other figures by name, as in ``{"size_kib": 100}``.
            baseline: An earlier report, for a policy with regressions.
            policy: Further rules: a TOML file or a ``Policy``.
            options: Fields of ``edgekit.Options``, such as ``seed``; latency is measured only with
                ``measure=True`` or a limit on it.
        """
        from edgekit.gating import Policy, Rule
        from edgekit.pipeline.options import Options

        wanted = dict(limits or {})
        if max_accuracy_drop_pp is not None:
            if evaluate is None:
                raise pytest.UsageError("max_accuracy_drop_pp needs evaluate=labelled samples")
            wanted["accuracy_drop_pp"] = max_accuracy_drop_pp
        timed = any(name.startswith(("latency", "speedup", "peak_mem")) for name in wanted)
        chosen = replace(Options(), **{"measure": timed or policy is not None, **options})
        found = _converted(
            self, model, target, calibration=calibration, evaluate=evaluate,
            metric=metric or (None if evaluate is None else "top1"), options=chosen,
        )  # fmt: skip
        rules = [Rule(metric=name, limit=value) for name, value in wanted.items()]
        for name in ("broken_promises", "missed_budgets"):
            rules.append(Rule(metric=name, limit=0))
        self._told(found, Policy(rules=tuple(rules)), None)
        if policy is not None:
            self._told(found, policy, baseline)
        return found

    def _told(self, found: Conversion, policy: Any, baseline: Any) -> None:
        reports = [line for r in found.reports for line in (*r.broken_promises, *r.missed_budgets)]
        try:
            result = self.gate(found, policy, baseline=baseline)
        except pytest.fail.Exception as failed:
            pytest.fail("\n".join([str(failed), *reports[:20]]), pytrace=False)
        for check in result.checks:
            if check.verdict == "warn":
                import warnings

                warnings.warn(f"edgekit: {check.text}", stacklevel=3)


def _converted(kit: Edgekit, model: Any, target: str, **given: Any) -> Conversion:
    try:
        return kit.convert(model, target, **given)
    except EdgekitError as error:
        pytest.fail(f"{target}: {error}", pytrace=False)


@pytest.fixture
def edgekit(tmp_path: Path) -> Edgekit:
    """Convert and gate models in a folder of the test's own."""
    return Edgekit(tmp_path / "edgekit")


@pytest.fixture
def assert_edge_ready(edgekit: Edgekit) -> Any:
    """Fail the test unless a model can be shipped; see ``Edgekit.assert_edge_ready``."""
    return edgekit.assert_edge_ready
