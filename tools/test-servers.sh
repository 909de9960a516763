#!/bin/sh
# The servers that only the tests need, from apt: mosquitto as the other broker, Chromium as the browser,
# gpsd as a source of NMEA.
set -eu
missing=""
command -v mosquitto >/dev/null || [ -x /usr/sbin/mosquitto ] || missing="$missing mosquitto mosquitto-clients"
command -v mosquitto_pub >/dev/null || missing="$missing mosquitto-clients"
command -v chromium >/dev/null || missing="$missing chromium"
command -v openssl >/dev/null || missing="$missing openssl"
command -v gpsd >/dev/null || [ -x /usr/sbin/gpsd ] || missing="$missing gpsd"
command -v gpsfake >/dev/null || missing="$missing gpsd-clients"
[ -z "$missing" ] && exit 0
if [ "$(id -u)" = 0 ]; then sudo=""; elif sudo -n true 2>/dev/null; then sudo="sudo -n"; else
    echo "The tests need:$missing. Install them first (Debian, Ubuntu: apt-get install$missing)." >&2
    exit 1
fi
echo "installing$missing"
$sudo apt-get update -qq
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends $missing >/dev/null
