#!/usr/bin/env bash
# Installs the peers of the goals bench that cargo does not bring: DuckDB from PyPI into a virtual environment below the
# target folder, VictoriaMetrics and restic from Debian when this is Debian and we may. What fails is said; the bench leaves its
# column empty. `cargo bench ... -- --install` calls this.
#
#   tests/benches/goals/peers/install.sh [FOLDER]     FOLDER: where the environment goes, <target>/peers by default
set -uo pipefail
root=$(cd "$(dirname "$0")/../../../.." && pwd)
folder=${1:-${CARGO_TARGET_DIR:-$root/target}/peers}
failed=0

duckdb=2.0.0
pyarrow=26.0.1
venv=$folder/venv
if "$venv/bin/python" -c "import duckdb, pyarrow; assert duckdb.__version__ == '$duckdb'" 2>/dev/null; then
    echo "DuckDB $duckdb is here"
else
    mkdir -p "$folder"
    python3 -m venv "$venv" &&
        timeout 300 "$venv/bin/pip" install --quiet --disable-pip-version-check "duckdb==$duckdb" "pyarrow==$pyarrow" ||
        { echo "!! DuckDB could not be installed" >&2; failed=1; }
fi

# The package of VictoriaMetrics brings a service, which would measure along: the bench starts a server of its own.
for peer in victoria-metrics restic; do
    if command -v "$peer" >/dev/null; then
        echo "$peer is here"
    elif [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
        install="timeout 300 apt-get -o DPkg::Lock::Timeout=120 install -y --no-install-recommends $peer"
        $install >/dev/null 2>&1 || { timeout 120 apt-get update >/dev/null && $install >/dev/null; } ||
            { echo "!! $peer could not be installed" >&2; failed=1; }
        [ ! -d /run/systemd/system ] || systemctl disable --now "$peer" 2>/dev/null
    else
        echo "!! $peer: install the Debian package as root" >&2
        failed=1
    fi
done
exit "$failed"
