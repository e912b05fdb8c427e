"""Names of what passes channels on one by one, as Keras spells them."""

# fmt: off
LAYERS = (
    "ReLU", "LeakyReLU", "ELU", "Identity", "Dropout", "SpatialDropout1D", "SpatialDropout2D",
    "SpatialDropout3D", "GaussianNoise", "GaussianDropout", "AlphaDropout",
    "ActivityRegularization", "RepeatVector", "ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D",
    "Cropping1D", "Cropping2D", "Cropping3D", "UpSampling1D", "UpSampling2D", "UpSampling3D",
    "Resizing", "CenterCrop", "MaxPooling1D", "MaxPooling2D", "MaxPooling3D",
    "AveragePooling1D", "AveragePooling2D", "AveragePooling3D", "GlobalAveragePooling1D",
    "GlobalAveragePooling2D", "GlobalAveragePooling3D", "GlobalMaxPooling1D",
    "GlobalMaxPooling2D", "GlobalMaxPooling3D", "Activation", "AdaptiveAveragePooling1D",
    "AdaptiveAveragePooling2D", "AdaptiveAveragePooling3D", "AdaptiveMaxPooling1D",
    "AdaptiveMaxPooling2D", "AdaptiveMaxPooling3D",
)
# fmt: on
"""Layers that pass every channel on by itself."""

# fmt: off
OPERATIONS = (
    "Relu", "Relu6", "Sigmoid", "SparseSigmoid", "Softplus", "Softsign", "SoftShrink",
    "SparsePlus", "Silu", "Squareplus", "LogSigmoid", "LeakyRelu", "HardSigmoid", "HardSilu",
    "Elu", "Selu", "Gelu", "Celu", "TanhShrink", "HardTanh", "HardShrink", "Threshold", "Tanh",
    "Exp", "Expm1", "Log", "Log1p", "Log2", "Log10", "Sqrt", "Rsqrt", "Square", "Absolute",
    "Abs", "Negative", "Reciprocal", "Sign", "Floor", "Ceil", "Round", "Sin", "Cos", "Clip",
    "Cast", "StopGradient", "Copy", "MaxPool", "AveragePool", "Erf",
)
# fmt: on
"""Operations of ``keras.ops`` that do the same."""

# fmt: off
ACTIVATIONS = (
    "linear", "relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "swish",
    "mish", "sigmoid", "tanh", "exponential", "softplus", "softsign", "hard_sigmoid",
    "hard_silu", "hard_swish", "hard_tanh", "hard_shrink", "soft_shrink", "tanh_shrink",
    "log_sigmoid", "sparse_plus", "sparse_sigmoid", "squareplus", "threshold",
)
# fmt: on
"""Functions of ``keras.activations`` that take channels one by one."""

REDUCTIONS = ("Mean", "Sum", "Max", "Min", "Amax", "Amin", "Var", "Std", "Prod")
"""Operations that mix channels only if they run along the last axis."""

MERGES = ("Add", "Subtract", "Multiply", "Maximum", "Minimum", "Average")
"""Layers and operations that take one channel of each input."""

BINARY = ("Divide", "TrueDivide", "DivideNoNan", "Power")
"""Further operations that do."""
