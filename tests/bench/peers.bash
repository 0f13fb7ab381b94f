# shellcheck shell=bash disable=SC2016,SC2154
# Who is measured, and how each is set up: fs_PEER for the filesystems, build_PEER_* for the
# builders. Sourced by tests/bench/measure, which runs as an ordinary user with subordinate ids in
# the directory `disk`, a filesystem made for this peer, this case and this run alone, and sets
# `stage`, `varve` and `timed` too.

# Filesystems: fs_PEER CASE runs the case's phases (tests/bench/cases.bash) as root of its image,
# over that peer, each on a mount of its own.

fs_varve() {
        local case=$1 mount
        case_image "$case" | varve import - bench:1 >/dev/null
        mkdir -p "$disk/layers"
        case_layers "$case" "$disk/layers"
        {
                echo 'FROM bench:1'
                find "$disk/layers" -mindepth 1 -maxdepth 1 -printf 'COPY %P /\n' | sort -k 2n
        } >"$disk/Dockerfile"
        varve build -t measured -f "$disk/Dockerfile" "$disk/layers" >/dev/null
        while read -r mount; do
                # shellcheck disable=SC2086 # a name and its arguments
                varve run --rm measured /bench/phases $mount </dev/null
        done < <(case_mounts "$case")
        [[ $case = files-* ]] || return 0
        timed_as "open-${case#files-}" run_true
        memory_of varve "$case" varve run --rm measured /bench/phases stat_all
}

run_true() {
        "${timed[@]}" env VARVE_ROOT="$disk/store" "$varve" run --rm measured /bin/true
}

# memory_of PROCESS NAME COMMAND...: what a server of this name holds in memory once the command says
# that it is ready: in MB, all of it, and what belongs to no file.
memory_of() {
        local process=$1 name=$2 line
        shift 2
        "$@" | while read -r line; do
                [ "$line" = ready ] || continue
                awk -v name="$name" '
                        /^VmRSS|^RssAnon/ { mb[$1] = $2 * 1024 / 1e6 }
                        END { printf "sized %s %.1f %.1f\n", name, mb["VmRSS:"], mb["RssAnon:"] }' \
                        "/proc/$(pgrep -o -u "$(id -u)" -x "$process")/status"
        done
}

# As root of a user namespace with all the ids that this user has.
as_namespace_root() {
        unshare --user --map-root-user --map-auto --mount --pid --fork "$@"
}

# The case's layers: the image in `lower`, then `layers`. Devices stay out: a user namespace cannot
# make them.
lay_out() {
        mkdir "$disk/lower" "$disk/layers" "$disk/merged"
        case_image "$1" | as_namespace_root sh -c \
                'tar -xf - -C "$1" --exclude "./dev/*" && mkdir -p "$1/dev"' sh "$disk/lower"
        case_layers "$1" "$disk/layers"
}

# phases_over PHASES OPTIONS COMMAND...: mounts at merged/ by this command, with an upper that is new,
# and runs these phases there. All names are relative, as those of 100 layers have to fit in a page.
phases_over() {
        local phases=$1 options lowers
        lowers=$(find "$disk/layers" -mindepth 1 -maxdepth 1 -printf 'layers/%P:' | tr : '\n' |
                sort -t / -k 2rn | tr '\n' :)
        options=lowerdir=${lowers}lower,upperdir=upper,workdir=work$2
        shift 2
        # shellcheck disable=SC2016 # sh expands these
        as_namespace_root sh -ec '
                phases=$1 options=$2
                shift 2
                cd "$HOME"
                rm -rf upper work
                mkdir upper work
                "$@" -o "$options" merged
                mount --rbind /dev merged/dev
                mount -t proc proc merged/proc
                exec chroot merged /bench/phases $phases' sh "$phases" "$options" "$@"
}

# over_mounts CASE OPTIONS COMMAND...: the case's phases, each over a mount by this command.
over_mounts() {
        local case=$1 mount
        shift
        lay_out "$case"
        while read -r mount; do
                phases_over "$mount" "$@" </dev/null
        done < <(case_mounts "$case")
}

fs_kernel() {
        over_mounts "$1" ,userxattr mount -t overlay overlay
}

fs_kernel-volatile() {
        over_mounts "$1" ,userxattr,volatile mount -t overlay overlay
}

fs_fuse-overlayfs() {
        over_mounts "$1" '' fuse-overlayfs
        [[ $1 != files-* ]] ||
                memory_of fuse-overlayfs "$1" phases_over stat_all '' fuse-overlayfs
}

# Builders: build_PEER_import takes $disk/image.tar in as bench:1, untimed; build_PEER DOCKERFILE CONTEXT
# builds; build_PEER_archive FILE, where there is one, writes what was built last as an OCI archive,
# whose layers are compressed.

build_varve_import() {
        varve import "$disk/image.tar" bench:1 >/dev/null
}

build_varve() {
        "${timed[@]}" env VARVE_ROOT="$disk/store" "$varve" build -t measured -f "$1" "$2"
}

build_varve_archive() {
        "${timed[@]}" env VARVE_ROOT="$disk/store" "$varve" save -o "$1" measured
}

varve() {
        VARVE_ROOT=$disk/store "$varve" "$@"
}

# Native overlay, and the only isolation that needs neither cgroups nor a runtime. A short run
# directory, as podman refuses long ones.
containers=(--root "$disk/storage" --runroot "$disk/r" --storage-driver overlay)

build_buildah_import() {
        export XDG_RUNTIME_DIR=$disk TMPDIR=$disk BUILDAH_ISOLATION=chroot
        podman "${containers[@]}" --cgroup-manager cgroupfs --tmpdir "$disk/t" import -q \
                "$disk/image.tar" docker.io/library/bench:1 >/dev/null
}

build_buildah() {
        "${timed[@]}" buildah "${containers[@]}" bud --layers --pull-never --network host \
                -t measured -f "$1" "$2"
}

build_buildah_archive() {
        "${timed[@]}" buildah "${containers[@]}" push -q measured "oci-archive:$1"
}

build_ch-image_import() {
        export CH_IMAGE_STORAGE=$disk/charliecloud
        git config --global user.email a@example.org
        git config --global user.name A
        ch-image import "$disk/image.tar" bench:1 >/dev/null 2>&1
}

build_ch-image() {
        "${timed[@]}" ch-image build -t measured -f "$1" "$2"
}
