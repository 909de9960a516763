#!/bin/sh
# Resolve the dependencies for every platform, with hashes and without naming any index: all of them, and of the same
# versions those that an image of the hub is made of, and those that build its wheel.
set -eu
.venv/bin/python -m pip install -q --disable-pip-version-check uv
compile() {
    .venv/bin/uv pip compile --no-config --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
        --no-emit-index-url --no-emit-find-links "$@" >/dev/null
}
[ "${1:-}" = deploy ] || compile --upgrade pyproject.toml --group dev -o requirements.lock
compile -c requirements.lock pyproject.toml -o deploy/requirements.lock
echo hatchling | compile -c requirements.lock - -o deploy/build-requirements.lock
