#!/bin/sh
# The users of the broker, lines of name:password, hashed into the password file of mosquitto: whole or not at all.
set -eu
users=${1:-/run/secrets/mqtt_users} folder=${2:-/mosquitto/data}
umask 077
grep -v '^[[:space:]]*\(#\|$\)' "$users" >"$folder/passwords.new"
mosquitto_passwd -U "$folder/passwords.new"
mv "$folder/passwords.new" "$folder/passwords"
echo "$(wc -l <"$folder/passwords") users"
