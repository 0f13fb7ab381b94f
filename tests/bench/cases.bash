# shellcheck shell=bash disable=SC2154
# What is measured on: for each case of tests/bench/rows (of the builders' most are of `build`) its image,
# its layers and its mounts. Sourced by tests/bench/measure, with `stage` and `disk` set.

# The case's image, as a tar: a Debian base, in its /bench what is run, and what the case adds.
case_image() {
        local kind
        kind=$(case_kind "$1")
        cat "$stage/$kind.tar"
        tar --blocking-factor=1 --owner=0 --group=0 -cf - -C "$stage" bench/{phases,timed,clients} |
                head -c -1024
        case $1 in
        big) "$stage/bench/files" big 1000000000 ;;
        listing) "$stage/bench/files" one-directory 100000 ;;
        files-*)
                "$stage/bench/files" many $((${1#files-} - $(tar -tf "$stage/$kind.tar" | wc -l))) 100
                ;;
        lookup-1) case_layers lookup-100 "$disk/one" && one_layer "$disk/one" ;;
        esac
        # The end of the tar.
        head -c 1024 /dev/zero
}

# Which of the images of tests/bench/image it begins with.
case_kind() {
        case $1 in
        lower | upper | file | dpkg | build | python) echo base ;;
        npm | compile | node) echo tools ;;
        *) echo small ;;
        esac
}

# Makes the case's layers above the image as directories, in DIRECTORY/1, 2 and so on. Those of
# lookup-100 have a part each of 50 directories: 4,950 files in all, and a list of them and of 1,000
# names that none has.
case_layers() {
        local directory=$2 i j
        [ "$1" = lookup-100 ] || return 0
        for i in {1..99}; do
                mkdir -p "$directory/$i"/shared/directory-{1..50}
                for j in {1..50}; do
                        echo "$i" >"$directory/$i/shared/directory-$j/file-$i"
                done
        done
        printf '%s\n' /shared/directory-{1..50}/file-{1..99} /shared/directory-{1..50}/absent-{1..20} \
                >"$directory/99/shared/paths"
}

# All of the directories in one, as a tar without its end.
one_layer() {
        mkdir "$1/all"
        cp -r "$1"/[0-9]*/shared "$1/all/"
        tar --blocking-factor=1 --sort=name --owner=0 --group=0 -cf - -C "$1/all" shared |
                head -c -1024
}

# The arguments of tests/bench/phases, a line for each mount.
case_mounts() {
        case $1 in
        big) printf 'big_%s\n' chmod chown append delete ;;
        lookup-* | clients-*) echo "${1%-*} ${1#*-}" ;;
        files-*) ;;
        *) echo "$1" ;;
        esac
}
