"""Distillation: the loss by its properties, and training against a teacher."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edgekit.errors import OptionError, TrainingError
from edgekit.training import Distillation
from edgekit.training.divergence import divergence, logits_of, soft_divergence, yes_no_divergence

ROWS = arrays(np.float32, (3, 4), elements=st.floats(-20, 20, width=32))
TEMPERATURES = st.floats(0.5, 20)


def _softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


@given(teacher=ROWS, student=ROWS, temperature=TEMPERATURES)
@settings(max_examples=40, deadline=None)
def test_the_divergence_is_the_papers(teacher, student, temperature):
    p, q = (_softmax(z.astype(np.float64) / temperature) for z in (teacher, student))
    expected = temperature**2 * (p * (np.log(p) - np.log(q))).sum(axis=-1)
    found = np.asarray(soft_divergence(teacher, student, temperature))
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-3 * temperature)
    assert (found >= -1e-3 * temperature**2).all()


@given(teacher=ROWS, temperature=TEMPERATURES)
@settings(max_examples=20, deadline=None)
def test_a_student_like_its_teacher_is_at_zero(teacher, temperature):
    kinds = ("logits", "logits")
    assert np.abs(np.asarray(divergence(teacher, teacher, kinds, temperature))).max() < 1e-3


@given(logits=ROWS)
@settings(max_examples=20, deadline=None)
def test_probabilities_give_back_the_logits_but_for_a_constant(logits):
    p = _softmax(logits).astype(np.float32)
    back = np.asarray(logits_of(p, "probabilities"))
    found, wanted = (z - z.max(axis=-1, keepdims=True) for z in (back, logits))
    np.testing.assert_allclose(found, wanted, atol=1e-3)


@given(logits=ROWS, temperature=TEMPERATURES)
@settings(max_examples=20, deadline=None)
def test_yes_or_no_is_a_distribution_over_two(logits, temperature):
    other = logits[::-1].copy()
    pairs = [np.stack([z, np.zeros_like(z)], axis=-1) for z in (logits, other)]
    found = np.asarray(yes_no_divergence(logits, other, temperature))
    wanted = np.asarray(soft_divergence(*pairs, temperature))
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-3 * temperature)


@pytest.mark.backend
@pytest.mark.parametrize("activation", ["softmax", None])
def test_a_student_comes_nearer_to_its_teacher(trainer, classifier, pictures, activation):
    teacher, student = classifier(activation), classifier(activation)
    before = teacher.get_weights()
    student.get_layer("scores").kernel.assign(np.zeros((64, 3)))

    def apart():
        outputs = [m.predict(pictures[0], verbose=0) for m in (teacher, student)]
        logits = [logits_of(o, "probabilities" if activation else "logits") for o in outputs]
        return float(np.mean(np.asarray(soft_divergence(*logits, 4.0))))

    first = apart()
    made = trainer(teacher, pictures, epochs=6)
    lesson = Distillation(teacher=teacher, weight=1.0)
    made.fit(student, label="run", distillation=lesson)
    assert apart() < 0.3 * first
    assert all(np.array_equal(a, b) for a, b in zip(before, teacher.get_weights(), strict=True))
    assert teacher.trainable
    assert teacher.get_layer("conv").trainable


def test_no_labels_are_needed_with_weight_1(trainer, classifier, pictures):
    teacher, student = classifier(), classifier()
    student.get_layer("scores").kernel.assign(np.zeros((64, 3)))
    made = trainer(teacher, pictures[0], epochs=3)
    lesson = Distillation(teacher=teacher, weight=1.0)
    fitted = made.fit(student, label="run", distillation=lesson)
    assert fitted.history["loss"][-1] < fitted.history["loss"][0]
    with pytest.raises(TrainingError, match="weight"):
        made.fit(student, label="b", distillation=Distillation(teacher=teacher, weight=0.9))


def test_weight_0_is_plain_training(trainer, classifier, pictures, same):
    models = [classifier(), classifier()]
    made = trainer(classifier(), pictures)
    made.fit(models[0], label="plain")
    made.fit(models[1], label="none", distillation=Distillation(teacher=classifier(), weight=0.0))
    for one, other in zip(models[0].variables, models[1].variables, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.backend
def test_features_are_learnt(trainer, classifier, pictures):
    teacher, student = classifier(), classifier()
    student.get_layer("conv").kernel.assign(np.zeros((3, 3, 1, 4)))
    lesson = Distillation(teacher=teacher, weight=1.0, features={"conv": "conv"})
    fitted = trainer(teacher, pictures[0], epochs=6, learning_rate=3e-2).fit(
        student, label="run", distillation=lesson
    )
    assert fitted.history["loss"][-1] < 0.5 * fitted.history["loss"][0]


@pytest.mark.parametrize("features", [{"conv": "nowhere"}, {"conv": "flat"}])
def test_features_that_cannot_be_compared_are_refused(trainer, classifier, pictures, features):
    lesson = Distillation(teacher=classifier(), features=features)
    with pytest.raises(TrainingError, match="features"):
        trainer(classifier(), pictures).fit(classifier(), label="run", distillation=lesson)


def test_several_outputs_each_by_its_kind(trainer, forked, forked_data):
    teacher, student = forked(), forked()
    student.get_layer("mixed").kernel.assign(np.zeros((7, 6)))
    data = {name: forked_data[name] for name in ("a", "b")}
    made = trainer(teacher, data, epochs=5, learning_rate=3e-2)
    fitted = made.fit(student, label="run", distillation=Distillation(teacher=teacher, weight=1.0))
    assert fitted.history["loss"][-1] < 0.7 * fitted.history["loss"][0]


@pytest.mark.parametrize("numbers", [{"temperature": 0}, {"weight": 1.1}, {"weight": -0.1}])
def test_numbers_out_of_range_are_refused(numbers):
    with pytest.raises(OptionError, match=next(iter(numbers))):
        Distillation(teacher=None, **numbers)
