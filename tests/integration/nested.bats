#!/usr/bin/env bats
# Builds inside of containers that are unprivileged themselves: they work, or say why they cannot.
# shellcheck disable=SC2016 # other shells expand these

# shellcheck source=tests/integration/varve.bash
. "$BATS_TEST_DIRNAME/varve.bash"
# shellcheck source=tests/integration/host-server.bash
. "$BATS_TEST_DIRNAME/host-server.bash"

setup_file() {
        fresh_work busybox
        install -d "$work/files"
        echo fetched >"$work/files/file"
        serve_files "$work/files"
        context_of context 'FROM busybox:1' \
                'RUN touch /f && chown 33:44 /f && stat -c %u:%g /f >/owner && ls /proc/self >/dev/null' \
                'USER 5' 'RUN id -u >/tmp/id' "RUN wget -qO /tmp/fetched $server/file"
        # What is done in there.
        printf '%s\n' 'cd /' "$stage/bin/varve build --no-cache -t \$1 $work/context &&" \
                "$stage/bin/varve run --rm \$1 cat /owner /tmp/id /tmp/fetched" >"$work/nested"
        chmod 755 "$work/nested"
}

teardown_file() {
        stop_serving
}

# built NAME: the last run has built the image, with the owners that were meant, and what it has
# fetched through a network of its own.
built() {
        [ "$status" -eq 0 ] || fail 'the build failed'
        # Podman may have something to say of signals after that.
        [[ $output = *$'\n33:44\n5\nfetched'* ]] || fail 'other owners, or nothing fetched'
        varve run --rm "$1" true
}

in_namespace() {
        as_tester env VARVE_ROOT="$store" unshare --user --mount --pid --fork "$@"
}

@test "in a user namespace with one id" {
        run in_namespace --map-root-user --mount-proc sh "$work/nested" one
        built one
        run in_namespace --map-current-user --mount-proc sh "$work/nested" current
        built current
}

@test "in a user namespace two deep" {
        run in_namespace --map-root-user --mount-proc unshare --user --mount --map-root-user sh "$work/nested" deep
        built deep
}

@test "in a user namespace with many ids, as its root" {
        [ "$mode" = ranges ] || skip 'there are none'
        run in_namespace --map-root-user --map-auto --mount-proc sh "$work/nested" many
        built many
}

@test "where parts of /proc are masked, so that no other can be mounted" {
        run in_namespace --map-root-user --mount-proc sh -c "
                mount --bind /dev/null /proc/kcore; mount -t tmpfs none /proc/acpi 2>/dev/null ||
                mount -t tmpfs none /proc/fs; exec sh '$work/nested' masked"
        built masked
}

@test "where no user namespaces can be made, that is told" {
        run in_namespace --map-root-user --mount-proc sh -c "
                echo 0 >/proc/sys/user/max_user_namespaces; exec sh '$work/nested' none"
        [ "$status" -ne 0 ]
        says 'user namespaces' max_user_namespaces
}

# podman_run NAME [OPTION]...: the build in a container of the tester's own, with /dev/fuse passed in.
podman_run() {
        local name=$1 root=$work/podman
        shift
        mkdir -p "$root"/{root,home,run}
        (cd "$root/root" && mkdir -p usr etc proc sys dev tmp run root var/tmp && ln -sfn usr/bin bin &&
                ln -sfn usr/lib lib && ln -sfn usr/lib64 lib64 && ln -sfn usr/sbin sbin)
        chown -R "$user:$user" "$root"
        chmod 700 "$root/run"
        # crun refuses hosts that mount cgroup v1 and v2 side by side.
        unshare --mount sh -c '
                mountpoint -q /sys/fs/cgroup/unified && umount -R /sys/fs/cgroup/unified
                user=$1 root=$2 stage=$3; shift 3
                exec setpriv --reuid "$user" --regid "$user" --init-groups --inh-caps=-all env -i \
                        PATH=/usr/bin:/bin:/usr/sbin HOME="$root/home" XDG_RUNTIME_DIR="$root/run" \
                        podman --log-level error --cgroup-manager cgroupfs run --rm --network host \
                        --cgroups disabled --ulimit nofile=1024:1024 --ulimit nproc=4096:4096 \
                        -v /usr:/usr:ro -v "$stage:$stage" "$@"' sh "$user" "$root" "$stage" \
                --env VARVE_ROOT="$store" "$@" --rootfs "$root/root" sh "$work/nested" "$name"
}

@test "in an unprivileged container of podman" {
        [ "$mode" = ranges ] || skip 'podman wants subordinate ids'
        cd /
        run podman_run fuse --device /dev/fuse
        built fuse
        run podman_run nnp --device /dev/fuse --read-only --security-opt no-new-privileges
        built nnp
        run podman_run keep --device /dev/fuse --userns keep-id
        built keep
}

@test "in a container of podman that lacks something, that is told" {
        [ "$mode" = ranges ] || skip 'podman wants subordinate ids'
        cd /
        run podman_run copied
        built copied
        says '/dev/fuse cannot be opened'
        run podman_run none --device /dev/fuse --cap-drop all
        [ "$status" -ne 0 ] || fail 'without capabilities'
        says uid_map 'cap-add SETFCAP'
}
