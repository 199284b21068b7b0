# Every target sets up what it needs on a machine with Python 3.11+ and make.
# Paths are relative, so that the checkout may lie anywhere.

PYTHON ?= python3
SEED ?= 1
JOBS ?= -1

BIN := .venv/bin
INSTALLED := .venv/.installed
SITE := _build/html/.built

LIB := $(shell find lib -type f ! -name '*.pyc')
PAGES := _config.yml _toc.yml $(shell find book _ext _static -type f ! -name '*.pyc')

PDF := _build/html/.printed
STUDENT := _build/student/.built
INSTRUCTOR := _build/instructor/.built

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help book pdf test student instructor lab links notebooks lint check bench scaling verify reproduce clean

help:  ## list the targets
	@sed -n 's/^\([a-z]*\):.*## */\1	/p' $(MAKEFILE_LIST) | while IFS='	' read -r name text; do \
	  printf '  make %-10s %s\n' "$$name" "$$text"; done

book: $(SITE) $(PDF)  ## build the website, and a PDF of it where there is a browser
	@echo "The website: $(CURDIR)/_build/html/index.html"

test: check $(SITE) $(PDF) $(STUDENT)  ## check the code, then test library, notebooks and website
	$(BIN)/python -m pytest -q -ra -n 2 --dist loadfile --nbval --nbval-current-env \
	  --nbval-cell-timeout 300 --nbval-kernel-startup-timeout 300 \
	  --nbval-sanitize-with tests/sanitize.cfg

pdf: $(PDF)  ## print the website into one PDF, and offer it there: needs Chromium

lab: $(INSTALLED)  ## open the chapters as notebooks, to do the exercises
	$(BIN)/python -m pip install -q --disable-pip-version-check jupyterlab==4.6.6
	$(BIN)/jupyter lab

links: $(SITE)  ## check the links to other sites: needs a network
	rm -rf _build/linkcheck
	$(BIN)/jupyter-book build . -n -q --builder custom --custom-builder linkcheck

student: $(STUDENT)  ## build the edition without solutions, and assignments without them
	@echo "The student edition: $(CURDIR)/_build/student/html/index.html"
	@echo "The assignments: $(CURDIR)/_build/student/assignments"

instructor: $(INSTRUCTOR)  ## build the edition with open solutions, a teacher's guide and graders
	@echo "The instructor's edition: $(CURDIR)/_build/instructor/html/index.html"
	@echo "Solutions and graders: $(CURDIR)/_build/instructor/assignments"

notebooks: $(INSTALLED)  ## run the chapters again and store their outputs in tests/notebooks
	@# jupytext takes the newer file of a pair for the source: make sure that it is the chapter
	find tests/notebooks -name '*.ipynb' -exec touch -t 200001010000 {} +
	grep -rl --null --include='*.md' '{code-cell}' book | xargs -0 $(BIN)/jupytext -q --sync
	find tests/notebooks -name '*.ipynb' -print0 | BOOK_CHARTS=off xargs -0 -n 1 -P 2 \
	  $(BIN)/jupyter nbconvert --log-level=ERROR --to notebook --execute --inplace \
	  --ExecutePreprocessor.record_timing=False --ExecutePreprocessor.startup_timeout=300

lint: $(INSTALLED)  ## style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

check: lint  ## style and types
	$(BIN)/mypy

bench: $(INSTALLED)  ## measure the speed against the stated baselines
	$(BIN)/python benchmarks/run.py

scaling: $(INSTALLED)  ## measure how the cost grows, for the page At scale
	$(BIN)/python benchmarks/scaling.py

verify: $(INSTALLED)  ## re-execute every claim with a seed of your own: make verify SEED=7
	$(BIN)/python -m lib verify --seed $(SEED)

reproduce: $(INSTALLED)  ## run the paper's Figures 7 to 10 at their own scale, or go on with it
	$(BIN)/python -m lib reproduce --seed $(SEED) --jobs $(JOBS)

clean:  ## remove everything that was built, except the virtual environment
	rm -rf _build .mypy_cache .ruff_cache .pytest_cache

$(INSTALLED): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Python 3.11 or newer is needed, '$(PYTHON)' is not: use make PYTHON=/path/to/python" >&2; \
	  exit 1; }
	@echo "Setting up .venv; this takes a minute the first time."
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --disable-pip-version-check -r requirements.txt -e .
	@touch $@

# The cache of executed chapters looks at their cells only, not at what these import.
_build/.fresh: $(INSTALLED) $(LIB)
	@mkdir -p _build
	rm -rf _build/.jupyter_cache
	@touch $@

# Always from the start: Sphinx reports a page's warnings only when it reads the page, so a second
# build would pass.
$(SITE): $(PAGES) $(LIB) $(INSTALLED) _build/.fresh
	rm -rf _build/html _build/.doctrees _build/jupyter_execute
	$(BIN)/jupyter-book build . -W --keep-going -n -q
	@touch $@

# Without a browser there is no PDF, and the next try looks for one again.
$(PDF): $(SITE) scripts/pdf.py scripts/pdf.css scripts/browser.py
	$(BIN)/python -m scripts.pdf
	@test ! -e _build/html/golden-ratio-weighting.pdf || touch $@

# The other editions: aside first, so that a stop leaves the old one or the new one. They share the
# cache of executed chapters with the book, and are built after it, so that each chapter runs once.
TOC := _toc.yml
_build/%/.built: $(PAGES) $(LIB) $(INSTALLED) scripts/assignments.py | $(SITE)
	rm -rf _build/$*.new
	mkdir -p _build/$*.new/_build
	ln -s ../../.jupyter_cache _build/$*.new/_build/.jupyter_cache
	BOOK_EDITION=$* $(BIN)/jupyter-book build . -W --keep-going -n -q \
	  --path-output _build/$*.new --toc $(TOC)
	mv _build/$*.new/_build/html _build/$*.new/html
	rm -rf _build/$*.new/_build
	BOOK_EDITION=$* $(BIN)/python -m scripts.assignments $* --into _build/$*.new/assignments
	touch _build/$*.new/.built
	rm -rf _build/$*
	mv _build/$*.new _build/$*

$(INSTRUCTOR): TOC := _build/instructor-toc.yml
$(INSTRUCTOR): _build/instructor-toc.yml
_build/instructor-toc.yml: _toc.yml
	@mkdir -p _build
	{ cat _toc.yml; printf '%s\n' '  - caption: Teaching' '    chapters:' \
	  '      - file: book/teaching/guide'; } > $@
