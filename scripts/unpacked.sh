#!/bin/sh
# Runs a program that apt.sh has unpacked, with the libraries that were unpacked with it. The links
# to this file in build/tools/bin have the names of the programs.
set -eu
name=${0##*/}
root=${0%/*}/../debian

for folder in "$root"/lib/*-linux-gnu* "$root"/usr/lib/*-linux-gnu*; do
    [ ! -d "$folder" ] || LD_LIBRARY_PATH=$folder${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
done
export LD_LIBRARY_PATH
# Valgrind knows where its tools are installed, not where they were unpacked.
for folder in "$root"/usr/libexec/valgrind "$root"/usr/lib/*/valgrind; do
    if [ "$name" = valgrind ] && [ -d "$folder" ]; then
        export VALGRIND_LIB="$folder"
        debug=$(realpath "$root")/usr/lib/debug
        export VALGRIND_OPTS="--extra-debuginfo-path=$debug ${VALGRIND_OPTS:-}"
        break
    fi
done

case $name in rpm*) export RPM_CONFIGDIR="$root/usr/lib/rpm" ;; esac

# A .bin is the program itself, behind a script that looks for it in the system.
for program in "$name.bin" "$name"; do
    for folder in usr/bin usr/sbin bin sbin; do
        [ ! -x "$root/$folder/$program" ] || exec "$root/$folder/$program" "$@"
    done
done
echo "unpacked.sh: there is no $name in $root" >&2
exit 127
