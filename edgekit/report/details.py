"""What the pictures of a report are drawn from: ``details.json``, beside ``report.json``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from edgekit.version import VERSION

SCHEMA = 1
FILE = "details.json"


@dataclass(frozen=True, kw_only=True)
class Spread:
    """How the numbers of one tensor are spread, and the range that integers were given for it.

    ``counts`` are over bins of equal width from ``low`` to ``high``, the least and the largest
    number. ``range_low`` and ``range_high`` are what the integers can hold: of a tensor with a
    scale a channel, those of its widest channel, while ``narrow_low`` and ``narrow_high`` are those
    of its narrowest. ``clipped`` is the share of the numbers beyond the range, in [0, 1]; None
    where a channel's own range would have to be known.
    """

    name: str
    low: float
    high: float
    counts: tuple[int, ...]
    range_low: float
    range_high: float
    narrow_low: float | None = None
    narrow_high: float | None = None
    clipped: float | None = None
    dtype: str = "int8"


@dataclass(frozen=True, kw_only=True)
class Tally:
    """How many samples of class ``actual`` were taken for ``answer``, before and after."""

    actual: int
    answer: int
    before: int
    after: int


@dataclass(frozen=True, kw_only=True)
class Flip:
    """One sample whose answer became wrong or right.

    ``sample`` is its place among the evaluated ones. ``before`` and ``after`` are the classes that
    the source model and the artifact gave, the scores those of these answers. ``thumbnail`` is a
    PNG in base64, if thumbnails were asked for and the input is a picture.
    """

    sample: int
    actual: int
    before: int
    after: int
    before_score: float
    after_score: float
    thumbnail: str | None = None


@dataclass(frozen=True, kw_only=True)
class Answers:
    """Confusions of the source model and of the artifact on the same samples.

    ``tallies`` leaves out pairs that never occurred; ``rest`` counts those that were left out to
    keep the document small. ``became_wrong`` and ``became_right`` count the samples whose answer
    flipped, ``to_wrong`` and ``to_right`` are the first of them. ``class_names`` are those of
    classes 0, 1, …, as far as they are known; the first ones where there are very many.
    """

    classes: int
    samples: int
    tallies: tuple[Tally, ...]
    rest: int = 0
    became_wrong: int = 0
    became_right: int = 0
    to_wrong: tuple[Flip, ...] = ()
    to_right: tuple[Flip, ...] = ()
    class_names: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Details:
    """Distributions and answers behind a report; bounded in size whatever the model.

    ``edges`` are pairs of operators, by their ``index`` in the audit: the second reads what the
    first one gives.

    ``missing`` says of each part that is not there why, and which option collects it: the keys are
    ``graph``, ``weights``, ``activations``, ``answers``, ``class_names`` and ``thumbnails``.
    """

    schema: int = SCHEMA
    edgekit: str = VERSION
    artifact_sha256: str
    edges: tuple[tuple[int, int], ...] = ()
    weights: tuple[Spread, ...] = ()
    more_weights: int = 0
    activations: tuple[Spread, ...] = ()
    more_activations: int = 0
    answers: Answers | None = None
    missing: Mapping[str, str] = field(default_factory=dict)
