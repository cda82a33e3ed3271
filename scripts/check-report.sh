#!/bin/sh
# Looks at the pages of the probe in headless Chromium: both themes, a wide screen and a phone. What
# it has seen is in build/report-check, as pictures. `make check-report` builds what it needs.
#
# BUILD_DIR is the CMake build folder (build), CHROMIUM the browser, if it is no usual one. With
# UPDATE_SCREENSHOTS=1 the pictures of docs/probe are made anew.
set -eu
cd "$(dirname "$0")/.."
. scripts/apt.sh

build=${BUILD_DIR:-build}
venue=${MOCK_VENUE:-$build/cargo/release/mock-venue}
probe=${PROBE:-$build/cargo/release/venuepool-probe}

browser=${CHROMIUM:-}
for name in chromium chromium-browser google-chrome; do
    [ -n "$browser" ] || browser=$(command -v $name || :)
done
if [ -z "$browser" ] && apt_install chromium; then browser=$(command -v chromium); fi
if [ -z "$browser" ]; then
    echo "check-report: there is no Chromium; install it, or say where it is by CHROMIUM" >&2
    exit 1
fi
export PYTHONPATH="$tools/python"
for package in playwright pillow; do
    module=$package
    [ $package != pillow ] || module=PIL
    python3 -c "import $module" 2>/dev/null ||
        python3 -m pip install --quiet --disable-pip-version-check --target "$tools/python" $package
done
exec python3 tools/probe/tests/browser.py --browser "$browser" --venue "$venue" --probe "$probe" \
    --out "$build/report-check" ${UPDATE_SCREENSHOTS:+--screenshots docs/probe}
