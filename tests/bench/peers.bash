# shellcheck shell=bash disable=SC2016,SC2154
# Who is measured, and how each is set up: fs_PEER for the filesystems, build_PEER_* for the
# builders. Sourced by tests/bench/measure, which runs as an ordinary user with subordinate ids in
# the directory `disk`, a filesystem made for this peer and this run alone, and sets `image`,
# `varve` and `timed` too.

# Filesystems: fs_PEER runs /bench/phases as root of the bench image, over that peer.

fs_varve() {
        varve import "$image" bench:1 >/dev/null
        varve run --rm bench:1 /bench/phases
}

# As root of a user namespace with all the ids that this user has.
as_namespace_root() {
        unshare --user --map-root-user --map-auto --mount --pid --fork "$@"
}

# The image's tree in `lower`, and the overlay's other directories. Devices stay out: a user
# namespace cannot make them.
lay_out() {
        mkdir "$disk/lower" "$disk/upper" "$disk/work" "$disk/merged"
        as_namespace_root sh -c 'tar -xf "$1" -C "$2" --exclude "./dev/*" && mkdir -p "$2/dev"' \
                sh "$image" "$disk/lower"
}

# phases_over COMMAND...: mounts at $disk/merged by this command and runs the phases there.
phases_over() {
        as_namespace_root sh -c '
                disk=$1
                shift
                "$@"
                mount --rbind /dev "$disk/merged/dev"
                mount -t proc proc "$disk/merged/proc"
                exec chroot "$disk/merged" /bench/phases' sh "$disk" "$@"
}

overlay_options() {
        printf 'lowerdir=%s,upperdir=%s,workdir=%s' "$disk/lower" "$disk/upper" "$disk/work"
}

fs_kernel() {
        lay_out
        phases_over mount -t overlay overlay -o "$(overlay_options),userxattr" "$disk/merged"
}

fs_kernel-volatile() {
        lay_out
        phases_over mount -t overlay overlay -o "$(overlay_options),userxattr,volatile" \
                "$disk/merged"
}

fs_fuse-overlayfs() {
        lay_out
        phases_over fuse-overlayfs -o "$(overlay_options)" "$disk/merged"
}

# Builders: build_PEER_import takes the image in as bench:1, untimed; build_PEER DOCKERFILE CONTEXT
# builds; build_PEER_archive FILE, where there is one, writes what was built last as an OCI archive,
# whose layers are compressed.

build_varve_import() {
        varve import "$image" bench:1 >/dev/null
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
        podman "${containers[@]}" --cgroup-manager cgroupfs --tmpdir "$disk/t" import -q "$image" \
                docker.io/library/bench:1 >/dev/null
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
        ch-image import "$image" bench:1 >/dev/null 2>&1
}

build_ch-image() {
        "${timed[@]}" ch-image build -t measured -f "$1" "$2"
}
