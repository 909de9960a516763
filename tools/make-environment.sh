#!/bin/sh
# Make .venv from the lock file. Debian's Python comes without the venv module: it is installed where that is allowed.
set -eu
python=$1
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "sanihub needs Python 3.11 or newer; $python is $("$python" -V). Try: make PYTHON=python3.12 ..." >&2
    exit 1
}
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq && apt-get install -y -qq python3-venv >/dev/null
    else
        echo "$python has no venv module; install it first (Debian, Ubuntu: apt-get install python3-venv)" >&2
        exit 1
    fi
fi
echo "making .venv from requirements.lock (a minute or two the first time)"
[ -x .venv/bin/python ] || "$python" -m venv .venv
.venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
.venv/bin/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
