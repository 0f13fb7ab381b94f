#!/usr/bin/env bats
# RUN steps in copies of their files: what is built without /dev/fuse is what is built with it.
# shellcheck disable=SC2016 # the steps' shells expand these

# shellcheck source=tests/integration/case.bash
. "$BATS_TEST_DIRNAME/case.bash"

# Every build and every container of this file is without a FUSE.
varve() {
        local options=()
        case $1 in
        build | run) options=("$1" --fs=copy) && shift ;;
        esac
        as_tester env VARVE_ROOT="$store" VARVE_REGISTRIES="$stage/registries" \
                "$stage/bin/varve" "${options[@]}" "$@"
}

setup_file() {
        fresh_work busybox
        [ "$mode" = ranges ] || varve import "$stage/debian.tar" debian:12
}

# A copy has one id, whoever the user is.
setup() {
        [ "$mode" = single ] || [[ $BATS_TEST_DESCRIPTION = 'where /dev/fuse is closed'* ]] ||
                skip 'as with one id'
}

# varve_without_fuse ARGS...: as a host without the device has it.
varve_without_fuse() {
        unshare --mount sh -c 'mount -t tmpfs -o mode=755,dev tmpfs /mnt && mknod /mnt/fuse c 10 229 &&
                chmod 600 /mnt/fuse && mount --bind /mnt/fuse /dev/fuse && exec "$@"' sh \
                setpriv --reuid "$user" --regid "$user" --init-groups --inh-caps=-all \
                env -i HOME=/ PATH="$PATH" VARVE_ROOT="$store" "$stage/bin/varve" "$@"
}

# check_cases NAME...
check_cases() {
        local name
        for name; do
                check_case "$name"
        done
}

@test "modes, names and holes are taken back as they are" {
        check_cases modes names sparse
}

@test "kinds of files, and several names of one" {
        check_cases special-files hard-links hard-links-below
}

@test "what is removed, renamed and replaced is" {
        check_cases opaque-directories renames whiteouts
}

@test "owners that are set, and the step's user" {
        check_cases ownership user-run
}

@test "mounts and writes" {
        check_cases run-mount writes
}

@test "what is mounted is root's, and stays it" {
        context_of mounted \
                'FROM busybox:1 AS from' \
                'RUN touch /f && chown 7:8 /f' \
                'FROM busybox:1' \
                'RUN --mount=from=from,target=/m,rw chown 9 /m/f && cp -a /m/f /copied && stat -c %u:%g /m/f /copied > /owners'
        varve build -t mounted "$context"
        [ "$(varve run --rm mounted cat /owners)" = $'0:0\n0:0' ]
}

@test "a package with a user of its own" {
        check_case local-deb
}

# built_by HOW: the tree of what the last context builds in this way with one id.
built_by() {
        as_tester env VARVE_ROOT="$store" prlimit --nofile=128 "$stage/bin/varve" build --no-cache \
                --userns=single --fs="$1" -t "$1" "$context" >&2
        saved "$1"
        whole_manifest "oci:$work/saved:image"
}

@test "what a step leaves behind to mislead the walk is taken back as it is" {
        local deep
        deep=$(printf 'd/%.0s' {1..150})
        install -d -o "$user" -g "$user" "$work/canary"
        echo untouched >"$work/canary/file"
        chown "$user" "$work/canary/file"
        chmod 0 "$work/canary/file"
        context_of hostile 'FROM busybox:1' "RUN mkdir -p '$deep' && echo x >$deep/first && ln $deep/first /last && chmod 0 $deep" \
                "RUN echo y >/last && mkdir /shut /shut/in && touch /shut/in/file && chmod 0 /shut/in/file /shut/in /shut" \
                "RUN mv /shut /moved && chmod 700 /moved && mkfifo /fifo && chmod 0 /fifo && touch \"\$(printf '/a\\nb')\" '/ ' '/*' && ln -s . /self && ln -s loop /loop && ln -s $work/canary/file /file && ln -s $work/canary /canary" \
                "RUN rm /file && mkdir /file && chmod 0 /file && rm /canary && ln -s /proc/self/root /canary && rm /fifo && ln -s $work/canary/file /fifo" \
                "RUN mkdir /swap /swap/d && touch /swap/f && (trap '' HUP TERM; while :; do mv /swap/d /swap/e; ln -s $work/canary /swap/d; rm /swap/d; mv /swap/e /swap/d; done) & sleep 0.2"
        built_by copy >"$work/by-copy"
        context_of reference
        cp "$work/hostile/Dockerfile" "$context/"
        # Where the endless loop was when it was ended, nobody knows.
        sed -i '$d' "$context/Dockerfile"
        built_by fuse >"$work/by-fuse"
        diff -u <(grep -v swap "$work/by-fuse") <(grep -v swap "$work/by-copy")
        [ "$(stat -c %a "$work/canary" "$work/canary/file")" = $'755\n0' ] || fail 'the canary was touched'
        [ "$(cat "$work/canary/file")" = untouched ] && [ "$(ls "$work/canary")" = file ]
        store_is_sound
        nothing_runs
}

@test "names that no layer can hold are refused, and the build fails" {
        context_of whiteout 'FROM busybox:1' 'RUN touch /.wh.x'
        refused build -t whiteout "$context"
        says '\.wh\.x'
}

@test "where /dev/fuse is closed, it is told in one line, and --fs=fuse insists" {
        context_of closed 'FROM busybox:1' 'RUN echo x >/x && chown 7:8 /x && chmod 4755 /x'
        run varve_without_fuse build -t closed "$context"
        [ "$status" -eq 0 ] || fail 'not built'
        [ "$(grep -c '/dev/fuse cannot be opened (Permission denied): commands run in copies' <<<"$output")" -eq 1 ] ||
                fail 'not told once'
        [ "$(varve_without_fuse run --rm closed stat -c '%u:%g %a' /x 2>/dev/null)" = '7:8 4755' ]
        run varve_without_fuse build --no-cache --fs=fuse -t closed "$context"
        [ "$status" -ne 0 ] || fail '--fs=fuse does without'
        says 'cannot open /dev/fuse'
        run varve_without_fuse build --no-cache --userns=ranges -t closed "$context"
        [ "$status" -ne 0 ] || fail 'ranges in a copy'
        says 'no subordinate ids'
        store_is_sound
        nothing_runs
}

@test "who makes a file owns it, whatever becomes of its name" {
        context_of makers 'FROM busybox:1' \
                'RUN echo u:x:7:8::/:/bin/sh >>/etc/passwd && mkdir -m 777 /d && mkdir -m 3777 /s && chgrp 9 /s && mknod /s/null c 1 3 && cp /bin/true /mine && chmod 4755 /mine' \
                "RUN su u -c 'cd /d && echo >tmp && mv tmp file && ln -s x link && mkdir -p dir/in && mkfifo fifo && cp /bin/true suid && chmod 4755 suid && echo >one && ln one two && rm one && echo >/s/file && mkdir /s/dir && echo >gone && rm gone && stat -c %u:%g file >stat' && echo >/d/gone; cp /bin/true /root-suid && chmod 4755 /root-suid; echo >/s/root"
        built_by copy >"$work/by-copy"
        [ "$(varve inspect --format '{{json .RootFS.Owners}}' copy | tr -d '[]" ' | tr , '\n' | tail -n 2 | sort -u)" = T2 ] ||
                fail "$(varve inspect --format '{{json .RootFS.Owners}}' copy)"
        built_by fuse >"$work/by-fuse"
        diff -u "$work/by-fuse" "$work/by-copy"
        grep -q 'd/suid.*4755' "$work/by-copy"
        # What either has made the other takes.
        as_tester env VARVE_ROOT="$store" "$stage/bin/varve" build --userns=single --fs=copy "$context" >"$work/log" 2>&1
        [ "$(grep -c 'CACHED (same chain)' "$work/log")" -eq 2 ] || fail "$(cat "$work/log")"
}

@test "nothing is left of the copies when varve is killed" {
        context_of killed 'FROM busybox:1' 'RUN mkdir -p /a/b && chmod 0 /a && touch /began && sleep 1000'
        varve build -t killed "$context" >/dev/null 2>&1 &
        builder=$!
        until [ -n "$(find "$store/tmp" -name began 2>/dev/null)" ]; do sleep 0.1; done
        pkill -KILL -u "$user" -x varve || :
        wait "$builder" || :
        varve images >/dev/null
        store_is_sound
        nothing_runs
}
