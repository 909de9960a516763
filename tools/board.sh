#!/bin/sh
# Build the live board (api/board) into api/pages/board, when its sources have changed since.
set -eu
cd "$(dirname "$0")/.."
made=api/board/node_modules/.built
sources=$(find api/board -name node_modules -prune -o -type f -print | LC_ALL=C sort | xargs cksum)
[ ! -f api/pages/board/index.html ] || [ ! -f "$made" ] || [ "$(cat "$made")" != "$sources" ] || exit 0
if ! cmp -s api/board/package-lock.json api/board/node_modules/.installed; then
    echo "installing the node modules of the board"
    sh tools/node.sh npm ci --prefix api/board --silent --no-audit --no-fund
    cp api/board/package-lock.json api/board/node_modules/.installed # only now: what was cut short is done again
fi
echo "building the board"
sh tools/node.sh npm run build --prefix api/board --silent -- --logLevel warn
printf '%s\n' "$sources" >"$made"
