# napari-qsa: `make demo` shows it at work, `make test` checks it, `make help` lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
EXTRAS := gui,fast,pretrained,volumes,test
INSTALLED := $(VENV)/.installed

# Idle OpenMP threads sleep instead of spinning: on few cores that is the faster way.
export OMP_WAIT_POLICY ?= PASSIVE

SCREEN := $(DISPLAY)$(WAYLAND_DISPLAY)
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

# What Qt and OpenGL load while they run: library=package that brings it on Debian and Ubuntu
WINDOW_LIBRARIES := \
	libEGL.so.1=libegl1 libGL.so.1=libgl1 libOpenGL.so.0=libopengl0 \
	libdbus-1.so.3=libdbus-1-3 libfontconfig.so.1=libfontconfig1 libglib-2.0.so.0=libglib2.0-0 \
	libxcb-cursor.so.0=libxcb-cursor0 libxcb-icccm.so.4=libxcb-icccm4 \
	libxcb-image.so.0=libxcb-image0 libxcb-keysyms.so.1=libxcb-keysyms1 \
	libxcb-randr.so.0=libxcb-randr0 libxcb-render-util.so.0=libxcb-render-util0 \
	libxcb-shape.so.0=libxcb-shape0 libxcb-xinerama.so.0=libxcb-xinerama0 \
	libxkbcommon-x11.so.0=libxkbcommon-x11-0
PACKAGES := $(sort python3-venv xvfb libgl1-mesa-dri \
	$(foreach pair,$(WINDOW_LIBRARIES),$(lastword $(subst =, ,$(pair)))))

.PHONY: help venv demo test lint format docs screenshots system-deps clean check-python check-window check-xvfb

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

venv: $(INSTALLED) ## make .venv with everything that the other targets need

demo: $(if $(SCREEN),check-window) $(INSTALLED) ## segment the embedded image: in napari, or as pictures where there is no screen
	$(BIN)/napari-qsa demo

test: check-window $(if $(SCREEN),,check-xvfb) lint ## check style and types, then run the tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile

lint: $(INSTALLED) ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(INSTALLED) ## rewrite the sources in the project's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(INSTALLED) ## build the documentation into site/
	$(BIN)/pip install --quiet -e '.[docs]'
	$(BIN)/mkdocs build --strict

screenshots: check-window check-xvfb $(INSTALLED) ## take the pictures of README and guide anew
	xvfb-run -a -s '-screen 0 1600x1000x24' $(BIN)/python docs/screenshots.py docs/images

system-deps: ## install the system packages that the window and its tests need
	@dpkg -s $(PACKAGES) > /dev/null 2>&1 || { \
		$(SUDO) apt-get update; \
		$(SUDO) env DEBIAN_FRONTEND=noninteractive \
			apt-get install -y --no-install-recommends $(PACKAGES); }

clean: ## remove what the other targets made, .venv included
	rm -rf $(VENV) build dist site .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find src tests benchmarks sample_data -name __pycache__ -prune -exec rm -rf {} + 2> /dev/null || true

# Where pip is told of a folder with wheels (`find-links`), torch comes from there: that is how a
# machine without a GPU gets the CPU build. Elsewhere this probe fails at once, without a network,
# and torch comes with the other dependencies.
$(INSTALLED): pyproject.toml | check-python
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --no-index --no-deps 'torch>=2.6' 2> /dev/null \
		|| echo 'No torch wheel on this machine: the ordinary build is taken.'
	$(BIN)/pip install --quiet -e '.[$(EXTRAS)]'
	touch $@

check-python:
	@if [ ! -x $(BIN)/python ]; then \
		$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
			echo 'Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 ...' >&2; exit 1; }; \
		$(PYTHON) -c 'import ensurepip, venv' 2> /dev/null || { \
			echo 'Python cannot make virtual environments: $(strip $(SUDO) apt-get install -y python3-venv)' >&2; exit 1; }; \
	fi

check-window:
	@export PATH="$$PATH:/sbin:/usr/sbin"; \
	command -v ldconfig > /dev/null || exit 0; \
	present=$$(ldconfig -p); missing=''; \
	for pair in $(WINDOW_LIBRARIES); do \
		grep -qF "$${pair%%=*} " <<< "$$present" || missing+=" $${pair#*=}"; \
	done; \
	if [ -n "$$missing" ]; then \
		echo "The window needs system libraries: $(strip $(SUDO) apt-get install -y)$$missing" >&2; exit 1; \
	fi

check-xvfb:
	@if [ "$$(uname)" = Linux ] && ! command -v Xvfb > /dev/null; then \
		echo 'There is no screen, and the tests open windows: $(strip $(SUDO) apt-get install -y xvfb)' >&2; exit 1; \
	fi
