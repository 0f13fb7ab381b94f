#!/bin/sh
# run.sh TARGET FOUND SECONDS: runs what was found before, then searches on from there. What is found
# now is left in the build directory, under the name that libFuzzer prints. Its timeout goes by the
# clock: at a low priority an input may wait for long.
set -eu
target=$1 found=$2 seconds=$3

corpus=$(mktemp -d)
trap 'rm -rf "$corpus"' EXIT
[ ! -d "$found" ] || cp "$found"/* "$corpus"
"$target" -timeout=200 -rss_limit_mb=1024 -max_total_time="$seconds" -print_final_stats=1 "$corpus"
