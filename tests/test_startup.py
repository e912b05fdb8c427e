"""Keras is imported quickly, and the process is none the worse for it."""

from __future__ import annotations

import subprocess
import sys

_CODE = """
import gc, sys
from edgekit import startup
{before}
startup.import_keras()
assert "keras" in sys.modules and gc.isenabled()
print("sklearn" in sys.modules, "scipy" in sys.modules, gc.get_freeze_count() > 0)
import scipy.sparse, sklearn.base
assert sklearn.base.BaseEstimator and scipy.sparse.csr_matrix
"""


def _said(before: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", _CODE.format(before=before)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.strip()


def test_a_process_of_edgekits_own_leaves_out_what_no_conversion_uses() -> None:
    assert _said("startup.this_process_is_ours()") == "False False True"


def test_another_process_gets_the_whole_of_keras() -> None:
    assert _said("") == "True True False"
