#!/bin/sh
# The lists of parts (SBOM) have the packages that the notices have, in the same versions, and no
# path of this machine.
. "$(dirname "$0")/common.sh"
for product in venuepool mock-venue venuepool-probe venuepool-top; do
    sbom=$out/$product-$version.cdx.json
    notices=$checkout/packaging/notices/THIRD-PARTY-NOTICES-$product.txt
    [ -e "$notices" ] || notices=$checkout/packaging/notices/THIRD-PARTY-NOTICES-lib$product.txt
    python3 - "$sbom" "$notices" <<'END'
import json, re, sys
sbom = json.load(open(sys.argv[1]))
assert sbom["bomFormat"] == "CycloneDX" and sbom["specVersion"] == "1.5"
listed = {(part["name"], part["version"]) for part in sbom["components"]}
head = open(sys.argv[2]).read().split("=" * 80)[0]
noticed = set(re.findall(r"^(\S+) (\d\S*)\n    ", head, re.MULTILINE))
missing = noticed - listed
assert len(noticed) > 20 and not missing, f"{sys.argv[1]} has not {missing}"
print(f"{sys.argv[1]}: {len(listed)} packages, {len(noticed)} of them linked")
END
    ! grep -nF -e "$checkout" -e "$HOME/" "$sbom" || fail "$sbom names a path of this machine"
done
