# make train, make demo, make test and make lint each do all their set-up in .venv.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
READY := $(VENV)/.ready
BROWSER := $(VENV)/.browser
export TF_CPP_MIN_LOG_LEVEL ?= 2

.PHONY: train demo test lint clean

train: $(READY)
	$(RUN) -m training.run --model stylegan2
	$(RUN) -m export.run latest

# For the phones of this network; what --https is for: .venv/bin/python -m mobile_demo --help
demo: $(READY)
	$(RUN) -m mobile_demo --host 0.0.0.0 --https

test: $(READY) $(BROWSER)
	$(RUN) -m pytest

lint: $(READY)
	$(RUN) -m ruff format --check .
	$(RUN) -m ruff check .
	$(RUN) -m mypy

$(READY): setup.cfg pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14) and "tfgan needs Python 3.11 to 3.13: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	touch $@

# The tests of the app drive a Chromium: the system's, or else one that playwright or Debian brings.
$(BROWSER): $(READY)
	command -v chromium || command -v chromium-browser || command -v google-chrome || \
		$(RUN) -m playwright install --with-deps chromium || apt-get install --yes chromium
	touch $@

clean:
	rm -rf $(VENV)
