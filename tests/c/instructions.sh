#!/bin/sh
# Counts the instructions of one request, from building it to its released answer, over all threads
# of the process: instructions.sh PLACE_ORDERS WAY NAME. They do not depend on how busy the machine
# is. When NAME is another way, instructions.sh PLACE_ORDERS WAY -OTHER, the two are compared: fails
# when WAY takes more than a twentieth more.
#
# A NAME with _10 is of an answer with ten fields. Of that the engine's own work is taken off: what
# is counted when the library is not called, for NO_LIBRARY stands in front of it. With _template
# what the orders share is built once.
#
# Fails when they are more than a tenth away from the figure of NAME in instructions.txt: more is a
# loss, and less is a gain to be written down. UPDATE_COUNTS=1 writes it. A figure belongs to one
# compiler and one processor's string functions; the tenth is room for others.
set -eu
program=$1 way=$2 name=$3
figures=$(dirname "$0")/instructions.txt
if ! valgrind --tool=none true >/dev/null 2>&1; then
    echo "SKIPPED: there is no valgrind"
    exit 77
fi
path=/api/v3/time template=
case $name in
    *_10*) path=/api/v3/time/short ;;
esac
case $name in
    *_template*) template=template ;;
esac

# What the program does once is in both runs, so it is not in their difference.
instructions() {
    said=$(LD_PRELOAD="${3:-}" valgrind --tool=callgrind --callgrind-out-file=/dev/null \
        "$program" "$1" "$path" "$2" $template 2>&1) || { echo "$said" >&2; exit 1; }
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
    few=$(instructions "$1" 200 "${2:-}")
    many=$(instructions "$1" $((200 + requests)) "${2:-}")
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
*_10*) each=$((each - $(each_of "$way" "$NO_LIBRARY"))) ;;
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
