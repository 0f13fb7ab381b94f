# shellcheck shell=bash
# What the integration tests share. They run as root, for the oracles and the odd mount, and drive
# varve as an ordinary user: one with subordinate ids (mode ranges) or one without (mode single).
# tests/integration/run sets VARVE_TEST_STAGE, VARVE_TEST_MODE and VARVE_TEST_USER, a user made for
# this run alone: no process of it is anybody else's.

bats_require_minimum_version 1.5.0

stage=${VARVE_TEST_STAGE:?run these by tests/integration/run}
mode=${VARVE_TEST_MODE:?}
user=${VARVE_TEST_USER:?}
here=$stage/tests
# shellcheck source=scripts/people.sh
. "$stage/scripts/people.sh"
# shellcheck source=tests/integration/manifests.bash
. "$here/integration/manifests.bash"

# A directory of the test file's own, which belongs to the tester.
work=$stage/work/$mode/$(basename "${BATS_TEST_FILENAME:?}" .bats)
store=$work/store

as_tester() {
        as_user "$user" "$@"
}

# No test asks a registry that is not its own.
varve() {
        as_tester env VARVE_ROOT="$store" VARVE_REGISTRIES="$stage/registries" \
                "$stage/bin/varve" "$@"
}

# For setup_file: an empty work directory, and a store with the base images named.
fresh_work() {
        local base
        rm -rf "$work"
        install -d -m 700 -o "$user" -g "$user" "$work"
        install -m 644 "$stage/registries" "$work/registries"
        for base; do
                case $base in
                busybox) varve import "$stage/busybox.tar" busybox:1 ;;
                debian) varve import "$stage/debian.tar" debian:12 ;;
                esac
        done
}

# context_of NAME LINE...: makes the directory NAME below the work directory, belonging to the
# tester, with a Dockerfile of these lines, and sets `context` to it.
context_of() {
        context=$work/$1
        shift
        rm -rf "$context"
        mkdir -p "$context"
        printf '%s\n' "$@" >"$context/Dockerfile"
        chown -R "$user:$user" "$context"
}

# fail TEXT...: with what the last `run` printed.
fail() {
        printf '%s\n' "$*" "status: ${status:-}" "output: ${output:-}" >&2
        return 1
}

# says REGEX...: the last `run` printed something that fits each of these.
says() {
        local pattern
        for pattern; do
                grep -qiE -- "$pattern" <<<"${output:-}" || fail "nothing fits: $pattern"
        done
}

# Every blob and every layer has the digest that it is called by, and nothing is half-written but
# what the pattern in `put_by` names.
#
# A file that was found to be sound is not read again as long as inode, size and time of change stay.
store_is_sound() {
        local file left state
        touch "$work/sound"
        while read -r state file; do
                [[ $file =~ ([0-9a-f]{64})(\.tar)?$ ]] || fail "a strange name: $file"
                [ "$(sha256sum <"$file")" = "${BASH_REMATCH[1]}  -" ] || fail "not its digest: $file"
                printf '%s %s\n' "$state" "$file" >>"$work/sound"
        done < <(find "$store/oci/blobs/sha256" "$store/layers" -type f ! -name '*.idx' \
                ! -name .stamps -printf '%i,%s,%C@ %p\n' 2>/dev/null | grep -vxFf "$work/sound")
        left=$(find "$store/tmp" -mindepth 1 ${put_by:+! -name "$put_by"} 2>/dev/null)
        [ -z "$left" ] || fail "left in tmp/: $left"
}

# What the store says its images are; not how old.
tags() {
        varve images | awk '{ print $1, $2, $3 }'
        cat "$store/oci/index.json" 2>/dev/null || :
}

# refused ARGS...: varve fails, tags stay where they were, and the store is sound.
refused() {
        local before
        before=$(tags)
        run varve "$@"
        [ "$status" -ne 0 ] || fail "varve $* was to fail"
        [ "$status" -lt 126 ] || fail "varve $* ended by a signal, or was not found"
        [ "$(tags)" = "$before" ] || fail "a tag has moved"
        store_is_sound
        nothing_runs
}

# The tester's processes; not those that have ended, which wait for whoever inherited them.
processes() {
        ps -u "$user" -o pid=,stat=,args= | awk '$2 !~ /^Z/'
}

# No process of the tester and no mount in its directory is left, but for what the test mounted.
nothing_runs() {
        local i
        for i in 1 2 3 4 5 6 7 8 9 10; do
                [ -n "$(processes)" ] || break
                [ "$i" -lt 10 ] || fail "left after a second: $(processes)"
                sleep 0.1
        done
        ! awk -v work="$work/" -v own="$work/small" \
                'index($5, work) == 1 && $5 != own { found = 1; print } END { exit !found }' \
                /proc/self/mountinfo || fail 'a mount is left'
}

# ends PID: waits for a child of the test, ten seconds at most; sets `status` to its exit status.
ends() {
        local i
        for i in $(seq 100); do
                kill -0 "$1" 2>/dev/null || break
                [ "$i" -lt 100 ] || fail 'it runs on'
                sleep 0.1
        done
        status=0
        wait "$1" || status=$?
}

# What a test that failed has left running does not fail the next.
teardown() {
        pkill -KILL -u "$user" || :
}

# saved NAME: writes the image as an oci-archive and makes the layout saved:image of it.
# unpacked NAME: saves the image NAME and lets umoci unpack it; sets `root` to its tree.
saved() {
        rm -rf "$work/saved" "$work/saved.tar"
        varve save --format oci-archive -o "$work/saved.tar" "$1"
        skopeo copy -q "oci-archive:$work/saved.tar" "oci:$work/saved:image"
}

unpacked() {
        saved "$1"
        # shellcheck disable=SC2034 # for the caller
        root=$work/rootfs
        rm -rf "$root"
        # raw: without umoci's own list of all files and their digests.
        umoci raw unpack --image "$work/saved:image" "$root" >/dev/null
}
