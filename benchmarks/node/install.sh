#!/bin/sh
# Node, and libwebrtc for it. As root on Debian Node is installed; elsewhere this says that it is missing.
set -eu

cd "$(dirname "$0")"
if ! command -v node >/dev/null 2>&1 || ! command -v npm >/dev/null 2>&1; then
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
        echo "The benchmarks need Node and npm. Install them (as root: apt-get install nodejs npm) and run make bench again." >&2
        exit 1
    fi
    echo "installing nodejs npm"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nodejs npm >/dev/null
fi
npm install --no-audit --no-fund --no-package-lock --loglevel=error
