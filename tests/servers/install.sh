#!/usr/bin/env bash
# Installs the servers that the tests of object stores run against, into a cache folder (first argument, or
# $CHRONICLE_TEST_SERVERS, or ~/.cache/chronicle-test-servers). Needs python3 with venv, and npm. What can't be installed is
# left out with a line; the tests that need it then skip with a line of their own. Safe to run again.
set -u
cache=${1:-${CHRONICLE_TEST_SERVERS:-$HOME/.cache/chronicle-test-servers}}
mkdir -p "$cache" && cd "$cache" || exit 1

missing() { echo "NOT INSTALLED: $1" >&2; }

# Fast S3, for the contract and races. It takes any key and any checksum.
if [ ! -x moto/bin/moto_server ]; then
    { python3 -m venv moto && moto/bin/pip install -q 'moto[server]==5.*'; } || missing "moto (S3)"
fi
# Azure; and s3rver, the S3 server that must be refused.
for package in azurite s3rver; do
    [ -d "node_modules/$package" ] || npm install --no-audit --no-fund --silent "$package" || missing "$package"
done
# WebDAV.
if ! command -v rclone >/dev/null; then
    { [ "$(id -u)" -eq 0 ] && apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends rclone >/dev/null; } ||
        missing "rclone (WebDAV): install it with the system's package manager"
fi
echo "test servers in $cache: $(ls -d moto node_modules/azurite node_modules/s3rver 2>/dev/null | tr '\n' ' ')$(command -v rclone)"
