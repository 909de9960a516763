#!/bin/sh
# Build the wheel, install it in a clean environment outside of this folder, import every package, and run the demo.
set -eu
python=$1
rm -rf dist
sh tools/board.sh
.venv/bin/python -m build --wheel --no-isolation -o dist . >/dev/null
wheel=$(realpath dist/*.whl)
place=$(mktemp -d)
chmod 755 "$place"
trap 'rm -rf "$place"' EXIT
"$python" -m venv "$place/env"
sed -n "s/^\([a-z0-9.-]*==[^ ;]*\).*/\1/p" requirements.lock >"$place/constraints"  # the locked versions
"$place/env/bin/python" -m pip install -q --disable-pip-version-check "$wheel" -c "$place/constraints"
cd "$place"
for package in devices ingest fleet alerts store api simulators dashboards hub; do
    env/bin/python -I -c "import $package"
done
env/bin/python -I -c "from api.board_files import board_files; assert 'index.html' in board_files()"
env/bin/sanihub --version
env/bin/sanihub demo --minutes "${MINUTES:-1}" --port 0 --data "$place/data"
echo "the wheel works: $(basename "$wheel")"
