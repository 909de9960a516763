#!/bin/sh
# What the peers of the comparison need: Node-RED and pg, as package-lock.json has them, and a Node for them.
set -eu
cd "$(dirname "$0")/../.."
if ! cmp -s benchmarks/peers/nodered/package-lock.json benchmarks/peers/nodered/node_modules/.installed; then
    echo "installing Node-RED for the comparison"
    NODE_AT_LEAST=22 sh tools/node.sh npm ci --prefix benchmarks/peers/nodered --silent --no-audit --no-fund --ignore-scripts
    cp benchmarks/peers/nodered/package-lock.json benchmarks/peers/nodered/node_modules/.installed
fi
