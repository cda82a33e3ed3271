#!/bin/sh
# Runs a program under valgrind: suppressions.sh FILE PROGRAM [ARGUMENT...]. Without FILE memcheck has
# something to say, and with it nothing: so what FILE suppresses is there, and there is no more.
set -eu
file=$1
shift
if ! valgrind true >/dev/null 2>&1; then
    echo "SKIPPED: there is no valgrind, or not what memcheck needs"
    exit 77
fi

# memcheck OPTION...: its status is 9 if there is an error, and a leak is one.
memcheck() {
    valgrind --quiet --leak-check=full --error-exitcode=9 "$@" 2>&1
}

status=0
said=$(memcheck "$@") || status=$?
if [ $status -ne 9 ]; then
    echo "$said"
    echo "status $status: there is nothing to suppress any more, so $file can go"
    exit 1
fi
# The same program once more, and all is quiet.
memcheck --suppressions="$file" "$@"
