#!/bin/sh
# Every public function of the headers that are given stands in a scenario of this folder: in one of
# the macros of scarce.h. Usage: covered_test.sh header... -- scenario...
set -eu

headers=
while [ "$1" != -- ]; do
    headers="$headers $1"
    shift
done
shift

statements=$(cat "$@" | tr '\n' ' ' | tr ';{}' '[\n*]' |
    grep -oE '\b(NEVER|ASKED|MAKE|COPES)\(.*' || true)
missing=0
count=0
for header in $headers; do
    functions=$(tr '\n' ' ' <"$header" | tr ';' '\n' | grep -E '(^| )WEFT_API ' |
        sed -E 's/.*WEFT_API //' | grep -oE '\bweft_[a-z0-9_]+\(' | sed 's/($//' || true)
    for function in $functions; do
        count=$((count + 1))
        if ! printf '%s\n' "$statements" | grep -qE "\b$function\("; then
            echo "$header: $function() stands in no scenario"
            missing=$((missing + 1))
        fi
    done
done
echo "$count functions, $missing missing"
[ "$count" -gt 200 ] && [ "$missing" -eq 0 ]
