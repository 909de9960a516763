#!/bin/sh
# The servers that only the tests need: from apt mosquitto as the other broker, Chromium as the browser, curl and jq as
# a client and gpsd as a source of NMEA, libfaketime to set clocks, docker-compose and systemd-analyze to read what is in deploy/; from npm PGlite
# with TimescaleDB (tests/timescale) and Grafana's types (tests/grafana), by the Node of tools/node.sh.
set -eu
missing=""
command -v mosquitto >/dev/null || [ -x /usr/sbin/mosquitto ] || missing="$missing mosquitto mosquitto-clients"
command -v mosquitto_pub >/dev/null || missing="$missing mosquitto-clients"
command -v chromium >/dev/null || missing="$missing chromium"
command -v curl >/dev/null || missing="$missing curl"
command -v openssl >/dev/null || missing="$missing openssl"
command -v jq >/dev/null || missing="$missing jq"
command -v docker-compose >/dev/null || docker compose version >/dev/null 2>&1 || missing="$missing docker-compose"
command -v systemd-analyze >/dev/null || missing="$missing systemd"
command -v gpsd >/dev/null || [ -x /usr/sbin/gpsd ] || missing="$missing gpsd"
command -v gpsfake >/dev/null || missing="$missing gpsd-clients"
ls /usr/lib/*/faketime/libfaketimeMT.so.1 >/dev/null 2>&1 || missing="$missing libfaketime"
if [ -n "$missing" ]; then
    if [ "$(id -u)" = 0 ]; then sudo=""; elif sudo -n true 2>/dev/null; then sudo="sudo -n"; else
        echo "The tests need:$missing. Install them first (Debian, Ubuntu: apt-get install$missing)." >&2
        exit 1
    fi
    echo "installing$missing"
    $sudo apt-get update -qq
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi

# Grafana's types always; PGlite unless the tests use the server that this names.
folders="tests/grafana"
[ -n "${SANIHUB_TEST_TIMESCALE_DSN:-}" ] || folders="$folders tests/timescale"
for folder in $folders; do
    cmp -s "$folder/package-lock.json" "$folder/node_modules/.installed" && continue
    echo "installing the node modules of $folder"
    sh tools/node.sh npm ci --prefix "$folder" --silent
    cp "$folder/package-lock.json" "$folder/node_modules/.installed" # only now: what was cut short is done again
done
