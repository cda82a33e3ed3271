#!/bin/sh
# Gets what `make docs` builds the site with, below build/tools, so nothing of the system changes:
# Doxygen by its package; its theme, and Sphinx with the Markdown of MyST, by pip. Fails, and says
# why, when one of them cannot be had.
set -eu
cd "$(dirname "$0")/.."
. scripts/apt.sh

# These read and draw the pages; a newer one may warn of other things, and warnings are errors.
wanted='sphinx==8.1.3 myst-parser==4.0.1 furo==2024.8.6 doxygen-awesome-css==2.4.1rc0'
venv="$tools/docs-venv"

say() { echo "ensure-docs-tools: $*" >&2; }
runs() { "$@" >/dev/null 2>&1; }
has_sphinx() { runs "$venv/bin/python" -c 'import sphinx, myst_parser, furo, doxygen_awesome_css'; }

pip() {
    command -v python3 >/dev/null || return 1
    say "installing $wanted with pip into $venv"
    # shellcheck disable=SC2086 # words on purpose
    python3 -m venv --clear "$venv" >&2 && "$venv/bin/pip" install --quiet $wanted >&2
}

if ! runs doxygen --version; then
    { apt_unpack doxygen doxygen && runs doxygen --version; } || {
        say "doxygen is needed and could not be had; install it and call this again"
        exit 1
    }
fi
if ! has_sphinx; then
    { pip && has_sphinx; } || {
        say "python3 with venv and pip is needed, and a registry of Python's packages"
        exit 1
    }
fi
