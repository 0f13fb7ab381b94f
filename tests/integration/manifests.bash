# shellcheck shell=bash
# How trees and configs are printed, the same on both sides of a comparison. Sourced; takes `stage`
# and `here` (the directory tests/) from its user.

# tree_manifest NAME SOURCE: the tree of a case, without what its ignore files name.
tree_manifest() {
        local options=(--ignore "${here:?}/data/dockerfile/ignore")
        [ ! -e "${stage:?}/cases/$1/ignore" ] || options+=(--ignore "$stage/cases/$1/ignore")
        whole_manifest "${options[@]}" "$2"
}

# whole_manifest [OPTION...] SOURCE: a tree with the times of builds made equal.
whole_manifest() {
        "$here/tools/tree-manifest" --seconds --built-after "$(cat "$stage/began")" "$@"
}

# image_config NAME LAYOUT:TAG
image_config() {
        local options=()
        [ ! -e "$stage/cases/$1/config.expect" ] ||
                options+=(--expect "$stage/cases/$1/config.expect")
        "$here/tools/image-config" "${options[@]}" "$2"
}
