#!/bin/sh
# Draws the passwords of compose.yaml into secrets/, once. Those that are there stay; `name:password` lines for devices
# are added to secrets/mqtt_users by hand.
set -eu
cd "${1:-$(dirname "$0")}"
umask 077
mkdir -p secrets
# Only the owner enters the folder; within, the containers' own users must be able to read.
keep() { [ -s "secrets/$1" ] || { printf '%s\n' "$2" >"secrets/$1" && chmod 644 "secrets/$1" && echo "secrets/$1"; }; }
draw() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
keep postgres_password "$(draw)"
keep boards_password "$(draw)"
keep grafana_password "$(draw)"
keep mqtt_users "sanihub:$(draw)"
keep store_dsn "postgresql://sanihub:$(cat secrets/postgres_password)@database:5432/sanihub"
password=$(sed -n 's/^sanihub://p' secrets/mqtt_users)
keep mqtt "[{\"name\": \"broker\", \"host\": \"broker\", \"username\": \"sanihub\", \"password\": \"$password\", \"version\": \"5\", \"in_flight\": 10000}]"
