#!/bin/sh
# Builds the site, build/docs/index.html: the pages of the repository by Sphinx, and the reference of
# the headers by Doxygen. Warnings of either are errors, links within the site included.
set -eu
cd "$(dirname "$0")/.."
PATH="$PWD/build/tools/bin:$PATH"

rm -rf build/docs
mkdir -p build/docs
build/tools/docs-venv/bin/sphinx-build -q -W --keep-going -c docs/site -d build/docs-doctrees -b html \
    . build/docs
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
VENUEPOOL_VERSION=$version doxygen docs/site/Doxyfile
echo "build/docs/index.html"
