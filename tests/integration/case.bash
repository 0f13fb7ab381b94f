# shellcheck shell=bash
# One case of tests/data/dockerfile: varve builds it, other tools unpack and run it, and the result
# is compared with the oracle's. The files of a case:
#   Dockerfile, context/     what is built; `prepare` adds to the context what git cannot keep
#   flags                    further arguments of the build, one a line
#   output                   what the image's command prints
#   ignore                   as tests/data/dockerfile/ignore, for this case alone
#   expect, expect-not       manifest lines, by their beginning, that must or must not be there
#   config.expect            members of the config where the language wants another than buildah
#   no-oracle                why buildah cannot build it; then `expect` says what comes out
#   direct                   why umoci cannot unpack it; then tree-manifest reads the layers itself
#   skip-single              why it cannot be built with one uid
#   refused                  it is refused: what the message says, a pattern a line; no oracle
# In flags @CONTEXT@ stands for the context's path.

# shellcheck source=tests/integration/varve.bash
. "${BASH_SOURCE[0]%/*}/varve.bash"

# take_case NAME: makes a copy of the case that belongs to the tester; sets `arguments` to those of
# the build.
take_case() {
        local name=$1 flags=()
        [ ! -e "$stage/cases/$name/flags" ] || mapfile -t flags <"$stage/cases/$name/flags"
        mkdir -p "$work/cases"
        cp -a "$stage/cases/$name" "$work/cases/"
        chown -Rh "$user:$user" "$work/cases"
        arguments=("${flags[@]//@CONTEXT@/$work/cases/$name/context}" -t "case-$name"
                -f "$work/cases/$name/Dockerfile" "$work/cases/$name/context")
}

check_refused() {
        local patterns
        mapfile -t patterns <"$stage/cases/$1/refused"
        refused build "${arguments[@]}"
        says "${patterns[@]}"
}

check_expected() {
        local line
        whole_manifest "$2" >"$work/whole"
        [ ! -e "$stage/cases/$1/expect" ] || while read -r line; do
                grep -qF -- "$line" "$work/whole" || fail "not in the tree: $line"
        done <"$stage/cases/$1/expect"
        [ ! -e "$stage/cases/$1/expect-not" ] || while read -r line; do
                ! grep -qF -- "$line " "$work/whole" || fail "in the tree: $line"
        done <"$stage/cases/$1/expect-not"
}

check_output() {
        [ -e "$stage/cases/$1/output" ] || return 0
        diff -u "$stage/cases/$1/output" <("$here/integration/podman-run" "$work/saved:image")
        diff -u "$stage/cases/$1/output" <(varve run --rm "case-$1")
}

check_case() {
        local name=$1 source
        if [ "$mode" = single ] && [ -e "$stage/cases/$name/skip-single" ]; then
                skip "$(cat "$stage/cases/$name/skip-single")"
        fi
        take_case "$name"
        if [ -e "$stage/cases/$name/refused" ]; then
                check_refused "$name"
                return
        fi
        varve build "${arguments[@]}"
        if [ -e "$stage/cases/$name/direct" ]; then
                saved "case-$name"
                source=oci:$work/saved:image
        else
                unpacked "case-$name"
                source=$root
                # Two readers that share no code see the same in the layers.
                diff -u <(tree_manifest "$name" "$root") \
                        <(tree_manifest "$name" "oci:$work/saved:image")
        fi
        if [ ! -e "$stage/cases/$name/no-oracle" ]; then
                flock "$stage/oracle.lock" "$here/integration/oracle" "$stage" "$name"
                tree_manifest "$name" "$source" >"$work/tree"
                diff -u "$stage/oracle/$name/tree" "$work/tree"
                # What config.expect wants is put into the oracle's alone.
                diff -u "$stage/oracle/$name/config" \
                        <("$here/tools/image-config" "$work/saved:image")
        fi
        check_expected "$name" "$source"
        check_output "$name"
}
