import pytest

from edgekit.auditing.names import layer


@pytest.mark.parametrize(
    ("name", "weights", "expected"),
    [
        ("model/dense/MatMul;model/dense/BiasAdd", "", "model/dense"),
        ("m/re_lu/Relu;m/bn/FusedBatchNormV3;m/c9/Conv2D;m/c1/Conv2D", "m/c1/Conv2D", "m/c1"),
        ("m/block_1/depthwise_conv/depthwise1", "", "m/block_1/depthwise_conv"),
        ("m/up/conv_transpose1", "", "m/up"),
        ("m/bn_1/batchnorm/mul_1", "", "m/bn_1"),
        ("/layer1/conv1/Conv", "", "layer1/conv1"),
        ("StatefulPartitionedCall/m/dense/MatMul:0", "", "m/dense"),
        ("conv1/Conv_quant", "", "conv1"),
        ("Identity", "", "Identity"),
        ("", "", ""),
    ],
)
def test_layers_are_named_as_the_user_knows_them(name, weights, expected):
    assert layer(name, weights) == expected


@pytest.mark.parametrize("name", ["Conv" * 10**6, "/" * 10**6, "a/" * 10**6, ";einsum_1" * 10**6])
def test_a_name_of_megabytes_is_cut(name):
    assert len(layer(name, name)) <= 2048
