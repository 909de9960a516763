#!/bin/sh
# Resolve the dependencies for every platform, with hashes and without naming any index.
set -eu
.venv/bin/python -m pip install -q --disable-pip-version-check uv
.venv/bin/uv pip compile --no-config --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
    --no-emit-index-url --no-emit-find-links --upgrade pyproject.toml --group dev -o requirements.lock >/dev/null
