# Needs Python 3.11 to 3.13, make and a package index; everything else goes into .venv here.
#
#   make demo    train on handwritten digits, convert to int8 in three formats, show what it cost
#   make test    the whole gate: lint, types, layers, tests, also on JAX and torch, and the wheel
#                outside the checkout
#   make devices    fetch what the tests of devices run on (qemu, compilers, runtimes, Chromium;
#                about 400 MB, 1.7 GB on the disk, a minute)
#   make fuzz    the properties that hypothesis tries, on other examples than those of `make test`
#   make backends   the tests of passes and training with Keras on JAX and torch
#   make bench   speed, memory and accuracy against other tools
#   make lint    only the checks that take seconds
#   make lock    choose new versions for requirements*.lock (needs uv)
#   make clean   remove what the other targets made
#
# PYTHON=python3.12 chooses the interpreter, TESTS="tests/cli -k targets" what pytest runs.

PYTHON ?= python3
TESTS ?=
BENCH ?=
BACKENDS ?= jax torch
DEVICES ?= raspberry-pi-4 x86-haswell armv7 cortex-m4 ethos-u55-128 chromium-wasm firmware-m4
VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/ready
UNFINISHED := $(VENV)/unfinished
PIP := $(PY) -m pip --disable-pip-version-check
DEMO := out/demo

.DEFAULT_GOAL := help
.PHONY: help demo test fuzz devices backends bench lint wheel lock clean

help:
	@sed -n 's/^#   //p' Makefile

# An environment that an interruption left half made is made anew: pip may take it for whole.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v <= (3, 13) else "edgekit needs Python 3.11 to 3.13, %s is %d.%d: make PYTHON=python3.11 ..." % (("$(PYTHON)",) + v))'
	@if [ -e $(UNFINISHED) ] || ! $(PY) -c 'import pip' 2>/dev/null; then \
	    echo "making $(VENV)"; \
	    rm -rf $(VENV); \
	    $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "cannot make an environment; on Debian: apt-get install python3-venv" >&2; exit 1; }; \
	fi
	@rm -f $(READY)
	@touch $(UNFINISHED)
	@echo "installing requirements.lock (about 3 GB, minutes the first time)"
	@$(PIP) install --quiet -r requirements.lock
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@rm $(UNFINISHED)
	@touch $(READY)

demo: $(READY)
	$(PY) docs/examples/digits.py $(DEMO)
	$(PY) -m edgekit convert $(DEMO)/digits.keras \
	    --target tflite-int8 --target openvino-int8 --target onnx-int8 \
	    --calibration $(DEMO)/calibration.npz --evaluate $(DEMO)/test.npz --metric top1 -o $(DEMO)

lint: $(READY)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(PY) -c 'from importlinter.cli import lint_imports_command as run; run()'

test: lint devices
	$(PY) -m pytest -n 2 $(TESTS)
	@$(MAKE) --no-print-directory backends wheel

fuzz: $(READY)
	@seed=$$(date +%s); echo "hypothesis seed $$seed"; \
	$(PY) -m pytest -n 2 -m hypothesis --hypothesis-seed=$$seed $(TESTS)

# Into the user's cache; tests of devices that cannot be fetched here say so and are skipped. In CI
# that is an error, but for what needs npm where there is none.
devices: $(READY)
	@lacking=; for name in $(DEVICES); do \
	    if [ $$name = chromium-wasm ] && ! command -v npm >/dev/null; then \
	        echo "devices: $$name needs npm, which is not here: its tests are SKIPPED"; continue; \
	    fi; \
	    $(PY) -m edgekit devices install --yes --quiet --runtime all $$name || \
	        lacking="$$lacking $$name"; \
	done; \
	[ -z "$$lacking" ] || \
	    { echo "devices:$$lacking could not be fetched (see above): their tests are SKIPPED"; \
	      [ "$${CI:-}" != true ]; }

# No TESTS: these are the ones that are marked for it.
backends: $(READY)
	@for name in $(BACKENDS); do bash .ci/backend $$name $(PY) || exit 1; done

wheel: $(READY)
	bash .ci/wheel $(PY)

bench: $(READY)
	$(PY) -m benchmarks $(BENCH)

lock:
	@{ echo '# The versions that the Makefile installs, for Python 3.11 to 3.13. Made by `make lock`.'; \
	   uv pip compile --quiet --upgrade --universal --python-version 3.11 --all-extras \
	     --no-annotate --no-emit-index-url --no-header pyproject.toml; } > requirements.lock.new
	@mv requirements.lock.new requirements.lock
	@for name in $(BACKENDS); do bash .ci/lock $$name; done

clean:
	rm -rf $(VENV) $(DEMO) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
