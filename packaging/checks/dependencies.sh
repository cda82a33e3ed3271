#!/bin/sh
# The packages that venuepool is built from keep to deny.toml: licences, no second version, no other
# source. Needs no network. Advisories do: docs/releasing.md.
. "$(dirname "$0")/common.sh"
cd "$checkout"
cargo deny --offline --locked --workspace check licenses bans sources
