#!/bin/sh
# Counts the instructions of one request, from building it to its released answer, over all threads
# of the process: instructions.sh COUNTS WAY NAME. They do not depend on how busy the machine is.
# When NAME is another way, instructions.sh COUNTS WAY -OTHER, the two are compared: fails when WAY
# takes more than a twentieth more.
#
# Fails when they are more than a tenth away from the figure of NAME in instructions.txt: more is a
# loss, and less is a gain to be written down. UPDATE_COUNTS=1 writes it. A figure belongs to one
# compiler and one processor's string functions; the tenth is room for others.
set -eu
counts=$1 way=$2 name=$3
figures=$(dirname "$0")/instructions.txt
if ! valgrind --tool=none true >/dev/null 2>&1; then
    echo "SKIPPED: there is no valgrind"
    exit 77
fi

# What the program does once is in both runs, so it is not in their difference.
instructions() {
    said=$(valgrind --tool=callgrind --callgrind-out-file=/dev/null \
        "$counts" "$1" 1 /api/v3/time "$2" 2>&1) || { echo "$said" >&2; exit 1; }
    echo "$said" | sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
}
# TLS gathers entropy by timing the processor when it begins, more or less of it: spread over more.
# Messages of a stream are cheap, and come many at once: so are the sleeps between them.
case $name in
    ws_stream*) requests=40000 ;;
    *_tls) requests=4000 ;;
    *) requests=1000 ;;
esac
each_of() {
    few=$(instructions "$1" 200)
    many=$(instructions "$1" $((200 + requests)))
    echo $(((many - few) / requests))
}
each=$(each_of "$way")
case $name in
-*)
    other=$(each_of "${name#-}")
    echo "$way: $each instructions for each request; ${name#-}: $other"
    if [ $((each * 20)) -gt $((other * 21)) ]; then echo "more than a twentieth more"; exit 1; fi
    exit 0
    ;;
esac
if [ "${UPDATE_COUNTS:-}" = 1 ]; then
    touch "$figures"
    { grep -v "^$name " "$figures" || true; echo "$name $each"; } | sort >"$figures.new"
    mv "$figures.new" "$figures"
fi
figure=$(sed -n "s/^$name //p" "$figures")
echo "$name: $each instructions for each request; written down: $figure"
if [ $((each * 10)) -gt $((figure * 11)) ]; then echo "more than a tenth more"; exit 1; fi
if [ $((each * 10)) -lt $((figure * 9)) ]; then
    echo "more than a tenth less: write it down with UPDATE_COUNTS=1"
    exit 1
fi
