#!/bin/sh
# probes_fire.sh PROGRAM: runs it in gdb, with a breakpoint on each probe. They fire in the order of
# the steps, and their arguments are what the engine is told.
set -eu
program=$1
if ! gdb -nx -batch -ex 'print 1' >/dev/null 2>&1; then
    echo "SKIPPED: there is no gdb"
    exit 77
fi
said=$(gdb -nx -batch -ex run -ex 'print $_exitcode' --args true 2>&1) || true
case $said in *' = 0'*) ;; *)
    echo "SKIPPED: gdb may not run programs here: $said"
    exit 77
    ;;
esac

# trace NAME FORMAT ARGUMENTS: lines of a gdb script. The first argument of each probe is the pool.
trace() {
    printf 'break -probe-stap venuepool:%s\ncommands\nsilent\n' "$1"
    printf 'printf "SEEN %s %s\\n", %s\ncontinue\nend\n' "$1" "$2" "$3"
}
script=$(mktemp)
trap 'rm -f "$script"' EXIT
{
    # The library is loaded at main, and its probes are known then.
    printf 'set pagination off\nset confirm off\nset print thread-events off\nset language c\n'
    printf 'tbreak main\nrun\n'
    trace submit '%lu %lu' '$_probe_arg1, $_probe_arg2'
    trace write '%lu %lu %lu' '$_probe_arg1, $_probe_arg2, $_probe_arg3'
    trace first_byte '%lu %lu' '$_probe_arg1, $_probe_arg2'
    trace done '%lu %lu %lu %lu' '$_probe_arg1, $_probe_arg2, $_probe_arg3, $_probe_arg4'
    # The name is no C string: its length is behind it.
    printf 'break -probe-stap venuepool:lost\ncommands\nsilent\n'
    printf 'printf "SEEN lost %%lu ", $_probe_arg1\n'
    printf 'output/s *(char (*)[6])$_probe_arg4\nprintf " %%lu\\n", $_probe_arg5\ncontinue\nend\n'
    printf 'break -probe-stap venuepool:healed\ncommands\nsilent\n'
    printf 'printf "SEEN healed %%lu ", $_probe_arg1\n'
    printf 'output/s *(char (*)[6])$_probe_arg3\nprintf " %%lu\\n", $_probe_arg4\ncontinue\nend\n'
    printf 'continue\n'
} >"$script"
output=$(gdb -nx -batch -x "$script" "$program" 2>&1) || { echo "$output"; exit 1; }
# The name as the engine gave it: gdb puts it in quotes, and its length follows.
seen=$(echo "$output" | sed -n 's/^.*SEEN //p' | sed 's/ "traced" 6$/ traced/')
told=$(echo "$output" | sed -n 's/^.*TOLD //p')
[ "$(echo "$told" | wc -l)" -eq 7 ] || { echo "$output"; exit 1; }
if [ "$seen" != "$told" ]; then
    printf 'the probes say:\n%s\nthe engine is told:\n%s\n%s\n' "$seen" "$told" "$output"
    exit 1
fi
