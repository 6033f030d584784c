# Each does its own set-up, in .venv: make demo, make ros, make gazebo, make car, make test, make lint,
# make bench.
# Another Python than python3: make clean, then make demo PYTHON=python3.12
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --no-compile --constraint constraints.txt

.PHONY: demo ros gazebo car test lint bench clean

demo: $(VENV)/installed
	$(BIN)/deepracer train --minutes 1 --name demo --overwrite
	$(BIN)/deepracer evaluate demo --laps 5

ros: $(VENV)/installed-ros

# The real Gazebo 11, below the user's cache folder where it is not installed.
gazebo: $(VENV)/installed
	$(BIN)/deepracer gazebo install

# On the car itself: what drives, without what learns. No torch, half a gigabyte.
car:
	$(PYTHON) -m venv $(VENV)
	$(PIP) setuptools numpy onnxruntime opencv-python-headless protobuf PyYAML rich rosbags typer
	$(PIP) --no-deps --no-build-isolation --editable .
	$(PIP) $$($(BIN)/python -c 'from importlib.metadata import requires; print(*(r.split(";")[0] for r in requires("deepracer_ros") if "\"ros\"" in r))')
	$(BIN)/deepracer interfaces

test: lint
	$(BIN)/python -m pytest

lint: $(VENV)/installed-test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

bench: $(VENV)/installed-bench
	$(BIN)/python -m bench.world
	$(BIN)/python -m bench.learning
	$(BIN)/python -m bench.ros
	$(BIN)/python -m bench.inference
	$(BIN)/python -m bench.stops 20

clean:
	rm -rf $(VENV)

# The set-up runs once, and again when what to install has changed.
# torch goes first: nothing that comes after brings another build of it.
$(VENV)/installed: setup.py package.xml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
	    echo "Error: Python 3.10 or newer is needed, and '$(PYTHON)' is not one. Name it: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	    echo "Error: '$(PYTHON)' cannot make virtual environments. On Debian and Ubuntu: sudo apt install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) setuptools torch
	$(PIP) --no-build-isolation --editable .
	@# Compile what is used, now; pip would compile all that torch has, for a minute.
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -c 'import cv2, matplotlib.pyplot, numba, onnxruntime, stable_baselines3'
	@touch $@

# With ROS 2 from PyPI, and the messages that it lacks there.
$(VENV)/installed-%: $(VENV)/installed
	$(PIP) --no-build-isolation --editable '.[ros,$*]'
	$(BIN)/deepracer interfaces
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -c 'import deepracer_agent.trainer_node, deepracer_sim.world_node'
	@touch $@
