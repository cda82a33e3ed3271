#!/usr/bin/env python3
"""Prints what the bytes of the shared library belong to, by package.

    scripts/sizes.py [LIBRARY]

Needs `make`. The code and the tables of a package are those whose symbols name it first, after
Rust's own libraries, and so a piece of one package that is compiled into a function of another
belongs to that one. Texts and constants without a name are a part of their own. Symbols are in the
debug file only, which is looked for where debuggers look for it.
"""

import collections
import pathlib
import re
import subprocess
import sys

OF_RUST = {"alloc", "core", "std", "__rustc", "panic_unwind", "std_detect", "rustc_std_workspace"}
# They read the debug information for a panic's message; std has them of its own.
OF_MESSAGES = {"addr2line", "gimli", "miniz_oxide", "rustc_demangle"}
NOT_IN_THE_FILE = (".bss", ".tbss")
UNWINDING = (".eh_frame", ".eh_frame_hdr", ".gcc_except_table")
LINKING = (".rela.dyn", ".rela.plt", ".dynsym", ".dynstr", ".gnu.hash", ".got", ".plt")


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def package(symbol):
    """Whose it is. Names of C have no path; ours begin with vp_, and all others are of aws-lc."""
    if re.match(r"\w+(\.\w+)*$", symbol):
        return "venuepool" if symbol.startswith("vp_") else "aws-lc"
    crates = re.findall(r"(?<![\w:])([a-z_][a-z0-9_]*)(?:\[[0-9a-f]+\])?::", symbol)
    named = [crate for crate in crates if crate not in OF_RUST]
    if not named:
        return "Rust's own libraries"
    return "messages of panics (gimli and others)" if named[0] in OF_MESSAGES else named[0]


def by_package(debug_file):
    bytes_of, seen = collections.Counter(), set()
    for line in run("nm", "-C", "--format=sysv", "--defined-only", debug_file).splitlines():
        name, address, _, _, size, _, section = (line.rsplit("|", 6) + [""] * 6)[:7]
        if not size.strip() or section in NOT_IN_THE_FILE or address in seen:
            continue
        seen.add(address)
        name = name.strip()
        avx512 = re.search(r"aes_gcm_(en|de)crypt_avx512$", name)
        owner = "aws-lc: AES-GCM for AVX-512" if avx512 else package(name)
        bytes_of[owner] += int(size, 16)
    return bytes_of


def sections(library):
    found = re.findall(r"\] (\.\S+) +\S+ +\S+ \S+ ([0-9a-f]+)", run("readelf", "-SW", library))
    return {name: int(size, 16) for name, size in found}


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    library = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else root / "build/lib/libvenuepool.so")
    library = library.resolve()
    debug_file = library.parent / ".debug" / f"{library.name}.debug"
    bytes_of, size_of = by_package(debug_file), sections(library)
    named = sum(bytes_of.values())
    table = [(name, size) for name, size in bytes_of.most_common() if size >= 10_000]
    table.append(("all other packages", named - sum(size for _, size in table)))
    unwinding = sum(size_of[name] for name in UNWINDING)
    linking = sum(size_of.get(name, 0) for name in LINKING)
    total = library.stat().st_size
    table.append(("unwind tables", unwinding))
    table.append(("relocations and dynamic symbols", linking))
    rest = total - named - unwinding - linking
    table.append(("texts and constants without a name, padding", rest))
    table.append(("the file", total))
    print("| part | bytes |\n|---|---|")
    for name, size in table:
        print(f"| {name} | {size} |")


if __name__ == "__main__":
    main()
