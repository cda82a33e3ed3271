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
theme=$(build/tools/docs-venv/bin/python -c \
    'import doxygen_awesome_css as theme; print(*theme.__path__)')
VENUEPOOL_VERSION=$version DOXYGEN_THEME=$theme doxygen docs/site/Doxyfile
# Doxygen says nothing of a header that it takes for undocumented, and leaves its functions out.
sed 's/@.*//' tests/c/abi/symbols.txt | while read -r function; do
    grep -q ">$function<" build/docs/reference/venuepool_8h.html || {
        echo "docs.sh: $function is not in the reference" >&2
        exit 1
    }
done
echo "build/docs/index.html"
