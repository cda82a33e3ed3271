# Reads what abidiff --leaf-changes-only says, and fails with the first line that is more than
# docs/abi.md allows: structs that begin with struct_size grow at their end.
/^$/ || /^Leaf changes summary: / || /^Changed leaf types summary: / { next }
/^Removed\/Changed\/Added (functions|variables) summary: 0 Removed, 0 Changed, / { next }
/^'struct vp_(error|completion|health|slot_health|stats|event|summary)' changed:$/ { size = 0; next }
/^  type size changed from [0-9]+ to [0-9]+ \(in bits\)$/ { size = $5; next }
/^  [0-9]+ data member insertions?:$/ && size { next }
/^    '[^']*', at offset [0-9]+ \(in bits\)$/ {
    at = $(NF - 2)
    if (size && at + 0 >= size + 0) next
}
{ print "not allowed: " $0; failed = 1; exit }
END { exit failed }
