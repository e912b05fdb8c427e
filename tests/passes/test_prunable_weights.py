import keras  # noqa: TID253
import numpy as np
import pytest

from edgekit.errors import PassError
from edgekit.passes.custom_layers import LAYERS
from edgekit.passes.graph import flat
from edgekit.passes.selection import selected
from edgekit.passes.weights import kernels, weights_of, without_kernel

L = keras.layers


def built(layer, *shapes):
    inputs = [keras.Input(shape) for shape in shapes]
    layer(*inputs)
    return layer


@pytest.mark.parametrize(
    ("layer", "shapes", "expected"),
    [
        (L.Dense(3), [(4,)], {"kernel": ((0,), (1,))}),
        (L.Conv1D(3, 2), [(9, 4)], {"kernel": ((1,), (2,))}),
        (L.Conv2D(4, 3, groups=2), [(9, 9, 4)], {"kernel": ((2,), (3,))}),
        (L.Conv3D(3, 2), [(5, 5, 5, 4)], {"kernel": ((3,), (4,))}),
        (L.Conv2DTranspose(3, 2), [(5, 5, 4)], {"kernel": ((3,), (2,))}),
        (L.SeparableConv2D(3, 2), [(5, 5, 4)],
         {"depthwise_kernel": ((), (2, 3)), "pointwise_kernel": ((2,), (3,))}),
        (L.DepthwiseConv1D(3), [(9, 4)], {"kernel": ((), (1, 2))}),
        (L.EinsumDense("abc,cde->abde", (None, 2, 5)), [(7, 4)], {"kernel": ((0,), (1, 2))}),
        (L.Embedding(7, 3), [(5,)], {"embeddings": ((), (1,))}),
        (L.LSTM(3), [(5, 4)],
         {"lstm_cell/kernel": ((0,), (1,)), "lstm_cell/recurrent_kernel": ((0,), (1,))}),
        (L.TimeDistributed(L.Dense(3, name="inner")), [(5, 4)], {"inner/kernel": ((0,), (1,))}),
    ],
)  # fmt: skip
def test_kernels_and_their_axes(layer, shapes, expected):
    found = weights_of(built(layer, *shapes))

    assert {w.name: (w.inputs, w.outputs) for w in found} == expected


def test_layers_inside_others_are_reached():
    attention = built(L.MultiHeadAttention(2, 4), (5, 8), (5, 8))
    both = built(L.Bidirectional(L.GRU(3)), (5, 4))

    assert {w.name: w.inputs for w in weights_of(attention)} == {
        "query/kernel": (0,), "key/kernel": (0,), "value/kernel": (0,),
        "attention_output/kernel": (0, 1),
    }  # fmt: skip
    assert len(weights_of(both)) == 4


@pytest.mark.parametrize(
    ("layer", "pointwise"),
    [
        (L.Conv2D(4, 1), True), (L.Conv2D(4, 1, strides=2), False), (L.Conv2D(4, (1, 2)), False),
        (L.Conv2D(4, 1, groups=2), False), (L.Conv2DTranspose(4, 1), False),
    ],
)  # fmt: skip
def test_only_plain_1x1_convolutions_are_pointwise(layer, pointwise):
    (weight,) = weights_of(built(layer, (5, 5, 4)))

    assert weight.pointwise is pointwise


class Gate(L.Layer):
    def build(self, shape):
        self.weigher = self.add_weight(shape=(shape[-1], 4), name="weigher")
        self.offset = self.add_weight(shape=(4,), name="offset")

    def call(self, x):
        return x @ self.weigher + self.offset


class DescribedGate(Gate):
    def edgekit_prunable(self):
        return ["weigher"]


class WrongGate(Gate):
    def edgekit_prunable(self):
        return ["kernel"]


class Subdense(L.Dense):
    pass


def test_custom_layers_are_left_alone_and_it_is_said():
    for layer in (built(Gate(), (6,)), built(Subdense(3), (6,))):
        assert weights_of(layer) == ()
        assert "edgekit_prunable" in without_kernel(layer)


def test_a_custom_layer_says_what_may_be_pruned():
    (weight,) = weights_of(built(DescribedGate(name="gate"), (6,)))

    assert (weight.key, weight.kind, weight.inputs) == ("gate/weigher", "custom", (0,))


def test_a_custom_layer_that_names_what_it_has_not_is_told():
    with pytest.raises(PassError, match=r"names 'kernel'.*weigher"):
        weights_of(built(WrongGate(), (6,)))


def test_an_entry_point_speaks_for_a_layer_that_cannot(monkeypatch):
    class Answers:
        @staticmethod
        def edgekit_prunable(layer):
            return [layer.weigher.name]

    layer = built(Gate(name="gate"), (6,))
    monkeypatch.setitem(LAYERS.shipped, "Gate", f"{__name__}:Here")
    monkeypatch.setitem(globals(), "Here", Answers)

    assert [w.key for w in weights_of(layer)] == ["gate/weigher"]


def model_of_many():
    x = inputs = keras.Input((16, 16, 3))
    x = L.Rescaling(0.1)(x)
    x = L.Conv2D(4, 3, name="first")(x)
    x = L.DepthwiseConv2D(3, name="depth")(x)
    x = L.Conv2D(16, 1, name="middle")(x)
    shared = L.Conv2D(16, 3, padding="same", name="shared")
    x = shared(shared(x)) + x
    x = L.GlobalAveragePooling2D(name="pool")(x)
    return flat(keras.Model(inputs, L.Dense(10, name="last")(x)))


def reasons(choice):
    return {t.layer: t.skipped for t in choice.skipped}


def test_first_and_depthwise_are_left_dense_and_the_last_is_treated():
    choice = selected(model_of_many(), skip=(), only=())

    assert choice.layers() == ["middle", "shared", "last"]
    assert "first convolution" in reasons(choice)["first"]
    assert "depthwise" in reasons(choice)["depth"]
    assert reasons(choice)["pool"] == "no kernel"


def test_names_decide_what_is_treated():
    assert selected(model_of_many(), skip=("mid*", "last"), only=()).layers() == ["shared"]
    choice = selected(model_of_many(), skip=("middle",), only=("first", "depth", "middle"))
    assert choice.layers() == ["first", "depth"]
    assert reasons(choice)["last"] == "not in only"
    assert reasons(choice)["middle"] == "skip: 'middle'"


def test_a_first_convolution_that_is_all_there_is_is_treated():
    inputs = keras.Input((8, 8, 3))
    model = flat(keras.Model(inputs, L.Conv2D(4, 3, name="only")(inputs)))

    assert selected(model, skip=(), only=()).layers() == ["only"]


def test_variables_that_layers_share_count_once():
    inputs = keras.Input((5,))
    table = L.ReversibleEmbedding(7, 4, name="table")
    outputs = table(table(inputs), reverse=True)
    model = keras.Model(inputs, outputs)

    assert [w.key for w in kernels(model)] == ["table/embeddings"]


def test_numbers_are_read_and_written():
    (weight,) = weights_of(built(L.Dense(3), (4,)))
    weight.write(np.ones((4, 3), "float32"))

    assert (weight.read() == 1).all()
