"""A policy to start from."""

TEMPLATE = """\
# What a model must be to be merged. Hold a report against it:
#   edgekit gate out --policy edgekit-gate.toml --baseline main/
# Exit codes: 0 passed, 3 failed, 4 undecided. Every metric and key: docs/gate.md
schema = 1

[defaults]
missing = "fail"        # no figure where a rule wants one: fail, undecided, warn or ignore
cannot_tell = "warn"    # noise could explain what was found
no_baseline = "warn"    # a regression has nothing to be measured against
prove = "worse"         # "worse": fails where it is shown to be beyond; "kept": passes where it
                        # is shown to be within
# run_to_run = 0.01     # how far latencies of one file lie apart between runs on your runners (a
                        # standard deviation); left out, that of a shared virtual machine

[[rules]]
name = "accuracy"
metric = "accuracy_drop_pp"   # points lost against the source model, on your labelled data
limit = 1.0
missing = "warn"              # not every report was made with --evaluate

[[rules]]
name = "no worse than main"
metric = "score"              # the same samples before and after: a paired test decides
max_regression = 0.005
missing = "ignore"

[[rules]]
name = "latency"
metric = "latency_ms"         # median; a bootstrap of the raw samples decides
device = "*"
max_regression_share = 0.05   # 5 % slower than main
missing = "warn"

[[rules]]
name = "size"
metric = "size_kib"
max_regression_share = 0.02

[[rules]]
name = "promises"
metric = "broken_promises"    # of the target, read from the file's own bytes
limit = 0
missing = "ignore"            # documents of `edgekit bench` do not tell
"""
