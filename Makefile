# Two commands do everything: `make demo` and `make test`. Both make .venv themselves.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: bench-student help demo test test-torch check format bench-automate bench-demo bench-engine bench-google bench-review bench-truth train-street evaluate-street clean

help: ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-16s %s\n", $$1, $$2}'

demo: $(VENV)/.demo ## draw a town, classify its photos, show the result
	$(BIN)/vistoria demo

test: check $(VENV)/.browser ## every check: lint, types, import contracts, tests
	$(BIN)/python -m pytest -n 2

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev ## format and mend what ruff can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench-automate: $(VENV)/.dev ## measure what "new images by themselves" promises; ten minutes, and the first time 2 GB of programs that load the files (`python -m benchmarks.automate --quick`: five)
	$(BIN)/python -m benchmarks.automate

bench-demo: $(VENV)/.dev ## measure what issue "main job" promises; minutes
	$(BIN)/python -m benchmarks.demo

bench-engine: $(VENV)/.dev ## measure what issue "the engine" promises; an hour (`python -m benchmarks.engine --quick`: minutes)
	$(BIN)/python -m benchmarks.engine

bench-google: $(VENV)/.dev ## measure what issue "Google Cloud" promises, against local servers; half an hour (`python -m benchmarks.google --quick`: minutes)
	$(BIN)/python -m benchmarks.google

bench-review: $(VENV)/.dev ## corrected figures on 200 made-up towns, by the way that the commands go; ten minutes (`python -m benchmarks.review --quick`: one)
	$(BIN)/python -m benchmarks.review

bench-truth: $(VENV)/.dev ## simulate every statistical method in worlds whose truth is known; minutes
	$(BIN)/python -m benchmarks.truth

bench-student: $(VENV)/.dev ## measure what "keep the model" promises; half an hour (`python -m benchmarks.student --quick`: minutes)
	$(BIN)/python -m benchmarks.student

test-torch: ## tests of what needs torch, in a venv of its own (a gigabyte; more where pip takes torch for CUDA)
	$(PYTHON) -m venv $(VENV)-torch
	$(VENV)-torch/bin/pip install -q -c constraints.txt -e '.[demo,dev,torch]'
	$(VENV)-torch/bin/pip install -q --no-deps -c constraints.txt timm torchvision
	$(VENV)-torch/bin/python -m pytest tests/student/torch

train-street: ## draw the scenes and train onnx:street again (torch; < 40 minutes on 2 cores)
	$(PYTHON) -m venv $(VENV)-train
	$(VENV)-train/bin/pip install -q -c constraints.txt -e '.[demo,torch]'
	$(VENV)-train/bin/python -m training.street train

evaluate-street: $(VENV)/.dev ## accuracy of the shipped onnx:street on scenes it never saw
	$(BIN)/python -m training.street evaluate

clean: ## remove what was made
	rm -rf $(VENV) $(VENV)-torch $(VENV)-train demo .mypy_cache .ruff_cache .pytest_cache

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Vistoria needs Python 3.11 or newer; name one: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/pip install -q -c constraints.txt -e '.[demo,truth]'
	@touch $@

# The report's tests open it in a browser, and a PDF is printed by one.
$(VENV)/.browser: $(VENV)/.dev
	@$(BIN)/python -c 'from vistoria.report import find_browser; find_browser()' 2>/dev/null \
	|| { [ "$$(id -u)" = 0 ] && apt-get install -y -q --no-install-recommends chromium; } \
	|| { echo "The tests need Chromium or Chrome; on Debian: sudo apt-get install chromium"; exit 1; }
	@touch $@

$(VENV)/.dev: $(VENV)/.demo
	$(BIN)/pip install -q -c constraints.txt -e '.[demo,dev,functions,geo,google,heic,hub,notebook,otel,student,truth]'
	@touch $@
