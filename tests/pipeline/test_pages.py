"""What a conversion keeps for pictures, and the HTML pages that it writes."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from PIL import Image

from edgekit.errors import ExportError
from edgekit.report.details import Details
from edgekit.report.documents import DETAILS, read_as, written
from edgekit.report.html import MARK
from edgekit.report.schema import json_schema

STATIC = ("tflite-int8", "openvino-int8", "onnx-int8")


def details_of(folder: Path) -> Details:
    content = (folder / "details.json").read_bytes()
    jsonschema.Draft202012Validator(json_schema("details")).validate(json.loads(content))
    found = read_as(DETAILS, content, where="details.json")
    assert written(found, compact=True) == content
    report = json.loads((folder / "report.json").read_bytes())
    assert found.artifact_sha256 == report["artifact"]["sha256"]
    return found


def test_pages_and_details_of_three_formats(bench, here: Path, edgekit, tiny_model) -> None:
    kernels = [kernel for kernel in tiny_model().get_weights() if kernel.ndim > 1]
    targets = [word for name in STATIC for word in ("-t", name)]
    words = ("convert", bench.model, *targets, "-c", bench.data, "-e", bench.data, "-m", "top1")
    done = edgekit(*words, "--no-measure", "-q", "--thumbnails")
    assert done.exit_code == 0, done.stderr
    assert f"wrote {Path('out/tiny/report.html')}" in done.stdout
    whole = Path("out/tiny/report.html").read_text(encoding="utf-8")
    for name in STATIC:
        folder = here / "out" / "tiny" / name
        found = details_of(folder)
        assert len(found.weights) == 2
        for spread in found.weights:
            assert spread.range_low <= spread.low <= spread.high <= spread.range_high
            assert spread.narrow_high is not None
        for spread in found.weights:
            (kernel,) = (k for k in kernels if k.size == sum(spread.counts))
            step = (spread.range_high - spread.range_low) / 255
            assert spread.low == pytest.approx(kernel.min(), abs=2 * step)
            assert spread.high == pytest.approx(kernel.max(), abs=2 * step)
        operators = json.loads((folder / "report.json").read_bytes())["audit"]["operators"]
        assert len(found.edges) >= 3
        assert {at for edge in found.edges for at in edge} <= {o["index"] for o in operators}
        assert all(first < second for first, second in found.edges)
        assert found.activations
        for spread in found.activations:
            assert sum(spread.counts) > 0
            assert spread.clipped is not None
            assert 0 <= spread.clipped < 0.5
        page = (folder / "report.html").read_text(encoding="utf-8")
        assert page.startswith(MARK)
        assert name in whole
        assert edgekit("verify", folder).exit_code == 0


def test_answers_are_those_of_the_evaluation(bench, here: Path, edgekit, tiny_data) -> None:
    words = ("convert", bench.model, "-t", "tflite-int8", "-c", bench.data, "--no-measure", "-q")
    assert edgekit(*words, "-e", bench.data, "-m", "top1").exit_code == 0
    folder = here / "out" / "tiny" / "tflite-int8"
    found = details_of(folder).answers
    assert found is not None
    _, labels = tiny_data()
    for count in ("before", "after"):
        sums = np.zeros(3, int)
        for tally in found.tallies:
            sums[tally.actual] += getattr(tally, count)
        assert sums.tolist() == np.bincount(labels, minlength=3).tolist()
    report = json.loads((folder / "report.json").read_bytes())["evaluation"]
    right = sum(t.after for t in found.tallies if t.actual == t.answer)
    assert right / len(labels) == pytest.approx(report["artifact_score"])
    assert found.became_wrong == report["flips"]["to_wrong"]
    assert [f.sample for f in found.to_wrong] == report["flips"]["to_wrong_samples"][:12]
    assert [f.sample for f in found.to_right] == report["flips"]["to_right_samples"][:12]


def test_no_sample_leaves_the_data_unless_asked(bench, here: Path, edgekit, monkeypatch) -> None:
    """With labels so that every other answer flips, by a model that is quantized badly."""
    from edgekit.pipeline import answered

    monkeypatch.setattr(answered, "_flipped", lambda *_: ([0, 5], [7]))
    words = ("convert", bench.model, "-t", "tflite-int8", "-c", bench.data, "-e", bench.data,
             "-m", "top1", "--no-measure", "-q")  # fmt: skip
    assert edgekit(*words).exit_code == 0
    folder = here / "out" / "tiny" / "tflite-int8"
    found = details_of(folder)
    assert found.answers is not None
    assert [flip.thumbnail for flip in found.answers.to_wrong] == [None, None]
    assert "--thumbnails" in found.missing["thumbnails"]
    assert (
        "data:image" not in (folder / "report.html").read_text(encoding="utf-8").split("<body>")[1]
    )
    assert edgekit(*words, "--thumbnails").exit_code == 0
    found = details_of(folder)
    assert found.answers is not None
    content = found.answers.to_wrong[1].thumbnail
    assert content is not None
    picture = Image.open(io.BytesIO(base64.b64decode(content)))
    assert picture.size == (8, 8)
    row = np.load(bench.data)["image"][5, ..., 0]
    stretched = (row - row.min()) * 255 / (row.max() - row.min())
    assert np.abs(np.asarray(picture, float) - stretched).max() <= 1
    assert "thumbnails" not in found.missing


def test_what_is_missing_is_said(bench, here: Path, edgekit) -> None:
    words = ("convert", bench.model, "-t", "tflite-fp32", "-t", "tflite-int8", "-c", bench.data,
             "--estimator", "min-max", "--no-measure", "-q")  # fmt: skip
    assert edgekit(*words).exit_code == 0
    plain = details_of(here / "out" / "tiny" / "tflite-fp32").missing
    assert plain["weights"] == "the target keeps its weights in float"
    assert "takes no ranges" in plain["activations"]
    assert "--evaluate" in plain["answers"]
    assert "--estimator auto" in details_of(here / "out/tiny/tflite-int8").missing["activations"]


def test_no_html_writes_none_and_replaces_none(bench, here: Path, edgekit) -> None:
    words = ("convert", bench.model, "-t", "tflite-fp32", "--no-measure", "-q")
    assert edgekit(*words, "--no-html").exit_code == 0
    assert sorted(p.name for p in (here / "out").rglob("*.html")) == []
    mine = here / "out" / "tiny" / "report.html"
    mine.write_text("<html>mine</html>")
    refused = edgekit(*words)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "is not a report of edgekit" in refused.stderr
    assert mine.read_text() == "<html>mine</html>"
    mine.unlink()
    assert edgekit(*words).exit_code == 0
    assert mine.read_text(encoding="utf-8").startswith(MARK)
    assert edgekit(*words).exit_code == 0


def test_thumbnails_want_samples(bench, here: Path, edgekit) -> None:
    done = edgekit("convert", bench.model, "-t", "tflite-fp32", "--thumbnails", "-q")
    assert done.exit_code == 1
    assert "--thumbnails" in done.stderr


def test_classes_are_named_where_names_are_known(bench, here: Path, edgekit) -> None:
    words = ("convert", bench.model, "-t", "tflite-int8", "-c", bench.data, "-e", bench.data,
             "-m", "top1", "--no-measure", "-q")  # fmt: skip
    folder = here / "out" / "tiny" / "tflite-int8"
    assert edgekit(*words).exit_code == 0
    assert "--class-names" in details_of(folder).missing["class_names"]
    names = here / "names.txt"
    names.write_text("cat\ndog & <b>\n\u202ebird\n\n", encoding="utf-8")
    for given in ("cat,dog & <b>,\u202ebird", names):
        assert edgekit(*words, "--class-names", given).exit_code == 0
        found = details_of(folder)
        assert found.answers is not None
        assert found.answers.class_names == ("cat", "dog & <b>", "\u202ebird")
        assert "class_names" not in found.missing
        page = (folder / "report.html").read_text(encoding="utf-8")
        assert "<bdi>0 cat</bdi>" in page
        assert "1 dog &amp; &lt;b&gt;" in page
    assert edgekit("convert", "--from", folder / "manifest.json", "-q").exit_code == 0
    assert details_of(folder).answers.class_names[0] == "cat"  # type: ignore[union-attr]
    command = json.loads((folder / "report.json").read_bytes())["command"]
    assert "--class-names" in command
    refused = edgekit(*words, "--class-names", "a,b")
    assert refused.exit_code == 1
    assert "class names: expected 3, one for each class of the model, got 2" in refused.stderr


def test_a_page_goes_where_no_target_can_be_made_any_more(
    bench, here: Path, edgekit, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("convert", bench.model, "-t", "tflite-fp32", "--no-measure", "-q", "--no-cache")
    assert edgekit(*words).exit_code == 0
    page = here / "out" / "tiny" / "report.html"
    assert page.is_file()

    def broken(*_: object, **__: object) -> None:
        raise ExportError("cannot be exported now")

    monkeypatch.setattr("edgekit.pipeline.convert._one", broken)
    failed = edgekit(*words)
    assert failed.exit_code == 1
    assert "cannot be exported now" in failed.stderr
    assert not page.exists()
    assert (here / "out" / "tiny" / "tflite-fp32" / "report.html").is_file()


def test_names_want_samples_and_a_file_that_is_there(bench, here: Path, edgekit) -> None:
    done = edgekit("convert", bench.model, "-t", "tflite-fp32", "--class-names", "a,b,c", "-q")
    assert done.exit_code == 1
    assert "--class-names" in done.stderr
    lost = edgekit("convert", bench.model, "-t", "tflite-fp32", "--class-names", "nowhere.txt")
    assert lost.exit_code == 2
    assert "one name a line" in lost.stderr


def test_folders_of_pictures_name_their_classes(bench, here: Path, edgekit, tiny_data) -> None:
    data, labels = tiny_data()
    for at, (row, label) in enumerate(zip(data[:60], labels[:60], strict=True)):
        place = here / "pictures" / ("ant", "bee", "cow")[label] / f"{at}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        scaled = np.clip(255 * (row - data.min()) / np.ptp(data), 0, 255).astype(np.uint8)
        Image.fromarray(scaled[..., 0] if scaled.shape[-1] == 1 else scaled).save(place)
    words = ("convert", bench.model, "-t", "tflite-fp32", "-e", here / "pictures", "-m", "top1",
             "--no-measure", "-q")  # fmt: skip
    assert edgekit(*words).exit_code == 0
    found = details_of(here / "out" / "tiny" / "tflite-fp32").answers
    assert found is not None
    assert found.class_names == ("ant", "bee", "cow")


def test_a_target_that_failed_is_kept_until_it_is_made(
    bench, here: Path, edgekit, monkeypatch
) -> None:
    from edgekit.errors import ExportError
    from edgekit.pipeline import convert

    whole = convert.learn_all

    def learn_all(prepared, target, *rest):
        if target.name == "onnx-fp32":
            raise ExportError("no ONNX today: <script>alert(1)</script>")
        return whole(prepared, target, *rest)

    monkeypatch.setattr(convert, "learn_all", learn_all)
    words = ("convert", bench.model, "--no-measure", "-q", "--no-cache")
    done = edgekit(*words, "-t", "tflite-fp32", "-t", "onnx-fp32", "--json")
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert [one["target"]["name"] for one in told["reports"]] == ["tflite-fp32"]
    assert told["failures"] == {"onnx-fp32": "no ONNX today: <script>alert(1)</script>"}
    folder = here / "out" / "tiny"
    assert "no ONNX today" in (folder / "report.html").read_text(encoding="utf-8")
    assert edgekit(*words, "-t", "tflite-fp32").exit_code == 0  # another target: still not made
    kept = json.loads((folder / "failures.json").read_bytes())
    jsonschema.Draft202012Validator(json_schema("failures")).validate(kept)
    assert kept["failures"] == told["failures"]
    page = here / "all.html"
    assert edgekit("report", *folder.iterdir(), "-o", page).exit_code == 0
    html = page.read_text(encoding="utf-8")
    assert "Could not be made or measured" in html
    assert "onnx-fp32" in html
    assert "no ONNX today: &lt;script&gt;" in html
    (folder / "failures.json").write_text("{}")
    assert edgekit("report", *folder.iterdir(), "-o", page).exit_code == 1
    monkeypatch.undo()
    monkeypatch.chdir(here)
    assert edgekit(*words, "-t", "onnx-fp32").exit_code == 0
    assert not (folder / "failures.json").exists()
