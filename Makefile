# Needs make and Python 3.11 to 3.13; everything else goes into .venv.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/bash

PYTHON ?= python3
BIN := .venv/bin
# Files are read as UTF-8 whatever the locale.
export PYTHONUTF8 := 1
# Two tests or notebooks run side by side, so each gets one thread. The later chapters take longer:
# they start first.
PAIR := OMP_NUM_THREADS=1 $(BIN)/pytest -q -n 2
NBVAL := --nbval-lax --nbval-current-env --nbval-sanitize-with tests/nbval_sanitize.cfg \
	--nbval-cell-timeout 900 --dist loadfile --no-loadscope-reorder

# One chapter, such as 7. Its number has two digits in the names of files and tests.
CHAPTER ?=
NN := $(if $(CHAPTER),$(shell printf %02d $(patsubst 0%,%,$(CHAPTER))))
OF_CHAPTER := $(NN)- or $(NN): or ex$(NN) or chapter_$(patsubst 0%,%,$(CHAPTER))_

# The site is built from a copy, $(1) being the folder of the notebooks, so that nothing stale is
# left in it and the checked-in notebooks stay as they are.
define build-site
	rm -rf _build/source _build/html _build/.doctrees
	mkdir -p _build/source
	cp -R _config.yml _toc.yml README.md book exercises _build/source/
	$(if $(1),cp $(1)/*.ipynb _build/source/book/)
	$(BIN)/jupyter-book build _build/source --path-output . -W --keep-going -n --quiet
endef

.PHONY: help book site notebooks figures assignment autograde grades slides test test-fast lint \
	bench clean

help: ## say what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' Makefile

book: .venv/ready ## set up, fetch the data, execute every chapter, check the figures, build the book
	$(BIN)/embgan-edu data
	$(BIN)/embgan-edu figures recompute
	$(call build-site,_build/executed)
	@echo "The book is at $(CURDIR)/_build/html/index.html"

site: .venv/ready ## build the book from the stored outputs, executing nothing
	$(call build-site)
	@echo "The book is at $(CURDIR)/_build/html/index.html"

notebooks: .venv/ready ## execute the chapters and store their outputs (for authors)
	$(BIN)/embgan-edu data
	$(BIN)/embgan-edu figures recompute --store
	$(BIN)/python benchmarks/readme_picture.py

# The ladder's finished cells are kept, so the hours are spent once for each version of the code.
figures: .venv/ready ## recompute every figure and the stored tables (hours), and compare
	$(BIN)/embgan-edu data
	$(BIN)/python benchmarks/ladder_tables.py _build
	$(BIN)/python benchmarks/beyond_table.py _build/beyond.csv
	$(BIN)/python benchmarks/compare_ladders.py \
		$(addprefix _build/,ladder.csv factorial.csv own_mix.csv lockbox.csv beyond.csv)
	$(BIN)/embgan-edu figures recompute
	$(PAIR) -m control

assignment: .venv/ready ## make exercises/, which students get, from solutions/
	$(BIN)/embgan-edu course assignment

SUBMISSIONS ?=
autograde: .venv/ready ## grade SUBMISSIONS=folder, with a folder per student in it
	@test -n "$(SUBMISSIONS)" || { echo "Name the folder: make autograde SUBMISSIONS=..." >&2; exit 1; }
	$(BIN)/embgan-edu course autograde "$(SUBMISSIONS)"

grades: .venv/ready ## write all marks to grading/grades.csv and grading/totals.csv
	$(BIN)/embgan-edu course grades

slides: .venv/ready ## make lecture slides of every chapter, in _build/slides
	$(BIN)/embgan-edu course slides

test: lint ## everything: tests, notebooks, book; or CHAPTER=7 and what belongs to it
ifeq ($(CHAPTER),)
	$(PAIR) -m "not data and not notebook and not grading and not site"
	$(BIN)/pytest -q -m data
	$(PAIR) --dist loadfile -m grading
	$(PAIR) $(NBVAL) $$(ls -r book/*.ipynb)
	$(PAIR) -m "notebook and not control"
	$(MAKE) --no-print-directory site
	$(BIN)/pytest -q -m site
else
	$(PAIR) -k "$(OF_CHAPTER)" $(if $(wildcard _build/html/index.html),,-m "not site")
	$(PAIR) $(NBVAL) book/$(NN)-*.ipynb
endif

test-fast: .venv/ready ## the tests that need no data, no notebook, no grading, and no built page
	$(PAIR) -m "not data and not notebook and not grading and not site"

lint: .venv/ready ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/ready ## speed of training beside other packages; time and memory of tests and chapters
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[peers]"
	$(BIN)/python benchmarks/engine.py
	$(BIN)/python benchmarks/bench.py

clean: ## remove what was built; the environment and the fetched data stay
	rm -rf _build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find book embgan_edu tests benchmarks -name __pycache__ -prune -exec rm -rf {} +

# The stamp is as new as the last install, so a second run installs nothing.
.venv/ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { \
		echo "This book needs Python 3.11, 3.12, or 3.13, but $(PYTHON) is" \
			"$$($(PYTHON) --version 2>&1). Name one: make PYTHON=python3.12 ..." >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[book,grading,test]"
	touch $@
