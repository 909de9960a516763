#!/bin/sh
# The users of the broker, lines of name:password, hashed into the password file of mosquitto: whole or not at all.
# Lines of `sanihub broker users mosquitto` (a file beside, mqtt_keys) are hashed already, and go in as they are.
set -eu
users=${1:-/run/secrets/mqtt_users} folder=${2:-/mosquitto/data} keys=${3:-/run/keys/mqtt_keys}
umask 077
grep -v '^[[:space:]]*\(#\|$\)' "$users" >"$folder/passwords.new"
mosquitto_passwd -U "$folder/passwords.new"
[ ! -f "$keys" ] || cat "$keys" >>"$folder/passwords.new"
mv "$folder/passwords.new" "$folder/passwords"
echo "$(wc -l <"$folder/passwords") users"
