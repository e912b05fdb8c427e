"""Everything of a report that is read and not looked at."""

from __future__ import annotations

from collections.abc import Iterator

from edgekit.devices.figures import DeviceMeasurement
from edgekit.report import text
from edgekit.report.device_words import agreement, memory
from edgekit.report.html.entry import Entry
from edgekit.report.html.table import Cell, Table, table
from edgekit.report.model import Report


def operators(report: Report) -> Table | None:
    """Return every operator of the file."""
    rows = (
        (o.index, o.kind, o.layer, o.precision, o.weights or "-", o.macs, o.why)
        for o in report.audit.operators
    )
    return table("Operators, as the file's own bytes have them",
                 ("place", "operator", "layer", "computes in", "weights", "MACs", "why"),
                 rows, fold=12)  # fmt: skip


def audit_facts(report: Report) -> Table | None:
    """Return what the audit counts."""
    found = report.audit
    packed = "" if found.gzip_bytes is None else f" ({found.gzip_bytes:,} with gzip)"
    return table("Audit", ("what", "count", "share in integers"), (
        ("bytes of the file", f"{found.file_bytes:,}{packed}", None),
        ("multiply-accumulates", f"{found.macs:,}", text.share(found.integer_mac_share)),
        ("operators", f"{len(found.operators):,}", text.share(found.integer_op_share)),
        ("bytes of weights", f"{found.weight_bytes:,}", text.share(found.integer_weight_share)),
        ("weight tensors with a scale a channel", str(found.per_channel), None),
        ("weight tensors with one scale", str(found.per_tensor), None),
        ("bytes of activations, all", f"{found.activation_bytes:,}", None),
        ("bytes of activations, at once", f"{found.peak_activation_bytes:,}", None),
        ("Flex operators", ", ".join(found.flex) or "none", None),
        ("custom operators", ", ".join(found.custom) or "none", None),
    ))  # fmt: skip


def islands(report: Report) -> Table | None:
    """Return the float islands and why they are there."""
    rows = (
        (at, text.brief(island.operators), text.brief(island.layers), island.why)
        for at, island in enumerate(report.audit.float_islands, 1)
    )
    return table("Float islands", ("island", "operators", "layers", "why"), rows)


def layer_errors(report: Report) -> Table | None:
    """Return the tensors, the worst first."""
    if report.layers is None:
        return None
    ranked = sorted(report.layers.layers, key=lambda layer: layer.rank)
    rows = (
        (one.rank, one.name, Cell(shown=text.decibels(one.sqnr_db), number=one.sqnr_db),
         one.added_noise, one.max_abs_error, one.position)
        for one in ranked
    )  # fmt: skip
    heading = ("rank", "tensor", "SQNR", "added noise", "largest error", "place")
    return table("Error by tensor, the worst first", heading, rows, fold=12)


def skipped_layers(report: Report) -> Table | None:
    """Return the tensors that could not be compared."""
    rows = report.layers.skipped if report.layers else ()
    return table("Not compared", ("tensor", "why"), rows, most=100, fold=8)


def passes(report: Report) -> Iterator[tuple[str, str, list[Table]]]:
    """Yield each pass's name, what it was told and how long it took, and its tables."""
    for one in report.passes:
        said = ", ".join(f"{name} = {value}" for name, value in one.options.items())
        figures = table(f"{one.name}: figures", ("figure", "value"), sorted(one.figures.items()))
        done = table(f"{one.name}: layers", ("layer", "done", "left alone because"),
                     ((t.layer, t.done or "-", t.skipped or "-") for t in one.treatments),
                     fold=12)  # fmt: skip
        trained = table(
            f"{one.name}: training", ("training", "epochs", "best epoch", "last figures"),
            ((t.label, t.epochs, t.best_epoch,
              ", ".join(f"{k} {v[-1]:.4g}" for k, v in t.history.items() if v))
             for t in one.trainings),
        )  # fmt: skip
        tables = [found for found in (figures, done, trained) if found is not None]
        yield text.visible(one.name), f"{text.visible(said, most=400) or 'no options'}; " \
            f"{text.seconds(one.seconds)}", tables  # fmt: skip


def compression(report: Report) -> Table | None:
    """Return what a recipe made of the model."""
    facts = report.compression
    if facts is None:
        return None
    then, now = facts.before, facts.after
    return table(f"Recipe {text.visible(facts.recipe)}", ("", "was", "is"), (
        ("parameters", then.parameters, now.parameters),
        ("multiply-accumulates", then.macs, now.macs),
        ("share of zeros", text.share(then.sparsity), text.share(now.sparsity)),
        ("bytes of weights", then.weight_bytes, now.weight_bytes),
        ("bytes of weights with gzip", then.compressed_bytes, now.compressed_bytes),
    ))  # fmt: skip


def treatments(report: Report) -> Table | None:
    """Return what was done to each layer, or why it was left alone."""
    rows = ((one.layer, one.done or "-", one.skipped or "-") for one in report.treatments)
    return table("Layers", ("layer", "done", "left alone because"), rows, fold=12)


def candidates(report: Report) -> Table | None:
    """Return every file that was tried."""
    rows = (
        ("kept" if one.chosen else "", one.name, one.estimator or "-",
         "yes" if one.bias_correction else "no",
         _decibels(one.sqnr_db), _decibels(one.scores_db), one.agreement, one.problem or "")
        for one in report.candidates
    )  # fmt: skip
    heading = ("", "candidate", "ranges", "bias corrected", "SQNR", "before softmax",
               "agreement", "problem")  # fmt: skip
    return table("Candidates, on held-back samples", heading, rows)


def _decibels(value: float | None) -> Cell | None:
    return None if value is None else Cell(shown=text.decibels(value), number=value)


def findings(report: Report) -> Table | None:
    """Return what the lint says of the calibration data."""
    found = report.calibration.findings if report.calibration else ()
    return table("Lint of the calibration data", ("severity", "finding", "what"),
                 ((one.severity, one.code, one.text) for one in found))  # fmt: skip


def ends(report: Report) -> Table | None:
    """Return inputs and outputs of the file."""
    rows = (
        (what, one.name, one.dtype, text.shape(one.shape), one.scale,
         None if one.zero_point is None else one.zero_point)
        for what, specs in (("input", report.artifact.inputs), ("output", report.artifact.outputs))
        for one in specs
    )  # fmt: skip
    heading = ("", "name", "numbers", "shape", "scale", "zero point")
    return table("Inputs and outputs of the file", heading, rows)


def mends(report: Report) -> Table | None:
    """Return what had to be mended to load the model."""
    rows = ((one.what, one.where, one.how) for one in report.source.mends)
    return table("Mended to load the model", ("what", "where", "how"), rows)


def environment(report: Report) -> list[Table]:
    """Return the host and the versions."""
    versions = {"edgekit": report.edgekit} | dict(sorted(report.tools.items()))
    tools = table("Versions", ("tool", "version"), versions.items())
    host = None
    if report.latency is not None:
        taken = report.latency.artifact
        facts = taken.host
        host = table("Host", ("what", "is"), (
            ("processor", facts.cpu),
            ("machine", f"{facts.machine}, {facts.cores} cores, {facts.os}"),
            ("features", ", ".join(facts.features) or "none known"),
            ("governor", facts.governor or "not known"),
            ("load before, after", f"{facts.load_before}, {facts.load_after}"),
            ("runs", f"{len(taken.samples_ms):,} after {len(taken.warmup_ms):,} to warm up"),
            ("threads", str(taken.threads)),
            ("loading the file", text.milliseconds(taken.load_ms)),
            *(("note", note) for note in taken.notes),
        ))  # fmt: skip
    return [found for found in (host, tools) if found is not None]


def files(entry: Entry) -> Table | None:
    """Return the files that the manifest describes, or what the report says of the artifact."""
    if entry.files:
        rows = [(name, f.size_bytes, f.sha256) for name, f in sorted(entry.files.items())]
        return table("Files", ("file", "bytes", "SHA-256"), rows)
    held = entry.report.artifact
    return table("Files", ("file", "bytes"), sorted(held.files.items()))


def stages(report: Report) -> Table | None:
    """Return how long each stage took."""
    rows = (
        (one.name, Cell(shown=text.seconds(one.seconds), number=one.seconds),
         "yes" if one.cached else "")
        for one in report.stages
    )  # fmt: skip
    return table("Stages", ("stage", "time", "from the cache"), rows, fold=8)


def devices(found: tuple[DeviceMeasurement, ...]) -> Table | None:
    """Return what a file costs on each device."""
    rows = (
        (
            one.device,
            None if one.latency is None
            else Cell(shown=text.milliseconds(one.latency.ms), number=one.latency.ms),
            "-" if one.latency is None or one.latency.low_ms is None
            or one.latency.high_ms is None or one.latency.low_ms == one.latency.high_ms
            else f"{one.latency.low_ms:.3g} to {one.latency.high_ms:.3g} ms",
            one.latency.basis if one.latency else one.bases.get("cycles", "-"),
            one.counts.instructions if one.counts else None,
            one.cycles,
            ", ".join(memory(one)) or "-",
            agreement(one),
            "; ".join((*one.misfits, *one.warnings)),
        )
        for one in found
    )  # fmt: skip
    heading = ("device", "latency", "expected within", "basis", "instructions", "cycles",
               "memory", "outputs", "to look out for")  # fmt: skip
    return table("On devices", heading, rows)
