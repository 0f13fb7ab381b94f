#!/usr/bin/env bats
# What the host lacks is told with the command that mends it, or worked around.
# shellcheck disable=SC2016 # other shells expand these

# shellcheck source=tests/sandbox/sandbox.bash
. "$BATS_TEST_DIRNAME/sandbox.bash"

setup_file() {
        make_root
}

teardown() {
        nothing_runs
}

export -f as_user
export stage mode user root

# changed HOW COMMAND...: runs the command as the user in a mount namespace that was changed so.
changed() {
        local how=$1
        shift
        unshare --mount --fork bash -c "$how"$'\nas_user "$@"' changed "$@"
}

no_fuse='mount -t tmpfs x /mnt && mknod -m 600 /mnt/fuse c 10 229 && mount --bind /mnt/fuse /dev/fuse'
no_programs='mount --bind /dev/null /usr/bin/newuidmap'
no_getsubids='mount --bind /dev/null /usr/bin/getsubids'

@test "everything is good here, but what the machine itself lacks" {
        run -0 as_user "$stage/bin/sandbox-driver" --probe
        [[ $output = *'user namespaces: good'* && $output = *'/dev/fuse: good'* ]] || fail 'not good'
        if [ "$mode" = ranges ]; then
                [[ $output = *'subordinate ids: good'* ]] || fail 'not good'
        else
                [[ $output = *'subordinate ids: limited'*--add-subuids* ]] || fail 'good'
        fi
}

@test "user namespaces that are switched off are told of with the setting" {
        run -125 as_user unshare -Ur sh -c 'echo 0 >/proc/sys/user/max_user_namespaces &&
                exec "$@"' x "$stage/bin/sandbox-driver" --users single "$root" true
        [[ $output = *'refuses a user namespace'*'sysctl -w user.max_user_namespaces='* ]] ||
                fail 'no reason'
}

@test "a sandbox runs inside of another user namespace" {
        run -0 as_user unshare -Ur "$stage/bin/sandbox-driver" --users single "$root" sh -c 'id -u'
        [ "$output" = 0 ]
}

@test "inside of a container that hides parts of /proc, that /proc is shown and told of" {
        # Every /proc of the host, as one that is whole would do.
        container='findmnt -rno TARGET -t proc | while read -r at; do
                mount --bind /dev/null "$at/keys" 2>/dev/null; done; exec "$@"'
        nested() {
                as_user unshare -Urmpf --mount-proc sh -c "$container" x "$@"
        }
        run -0 nested "$stage/bin/sandbox-driver" --users single "$root" sh -c '
                cat /proc/self/comm; echo x 2>/dev/null >/proc/sys/kernel/hostname || echo read-only
                for file in environ root mem fd/0; do ls -lL "/proc/1/$file" 2>&1; cat "/proc/1/$file" 2>&1; done |
                        grep -vc denied'
        [ "${lines[0]}" = cat ] && [ "${lines[1]}" = read-only ] || fail 'not these'
        run -0 nested "$stage/bin/sandbox-driver" --probe
        [[ $output = *'user namespaces: limited'*'hides parts of /proc'*systempaths=unconfined* ]] ||
                fail 'not told'
}

@test "a sandbox runs for root too" {
        run -0 "$stage/bin/sandbox-driver" --users single "$root" id -u
        [ "$output" = 0 ]
}

@test "/dev/fuse that is closed is told of with the command that opens it" {
        run -0 changed "$no_fuse" "$stage/bin/sandbox-driver" --probe
        [[ $output = *'/dev/fuse: missing: '*'Permission denied'*'sudo chmod 0666 /dev/fuse'* ]] ||
                fail 'no reason'
}

@test "memory that may not be executed is replaced by a file without a name" {
        [ -e /proc/sys/vm/memfd_noexec ] || skip 'no such setting'
        run -0 unshare --pid --fork --mount-proc bash -c \
                'echo 2 >/proc/sys/vm/memfd_noexec && as_user "$@"' x \
                "$stage/bin/sandbox-driver" --users "$mode" "$root" echo went on
        [ "$output" = 'went on' ]
}

@test "ranges that were asked for and are not there are an error" {
        if [ "$mode" = single ]; then
                run -125 as_user "$stage/bin/sandbox-driver" --users ranges "$root" true
                [[ $output = *'no subordinate ids of this user'*usermod* ]] || fail 'no reason'
        fi
        run -125 changed "$no_programs" "$stage/bin/sandbox-driver" --users ranges "$root" true
        [[ $output = *'no newuidmap and newgidmap'*'--userns=single'* ]] || fail 'no reason'
}

@test "without asking for either, ranges are used where they are there, else one uid" {
        run -0 as_user "$stage/bin/sandbox-driver" "$root" sh -c 'wc -l </proc/self/uid_map'
        [ "$output" = "$([ "$mode" = ranges ] && echo 2 || echo 1)" ]
        run -0 changed "$no_programs" "$stage/bin/sandbox-driver" "$root" \
                sh -c 'wc -l </proc/self/uid_map'
        [ "$output" = 1 ]
}

@test "ranges are found by the program or the files" {
        [ "$mode" = ranges ] || skip 'there are none'
        start=$(awk -F: -v "user=$user" '$1 == user { print $2 }' /etc/subuid)
        for how in : "$no_getsubids"; do
                run -0 changed "$how" "$stage/bin/sandbox-driver" --users ranges "$root" \
                        awk 'NR == 2 { print $2 }' /proc/self/uid_map
                [ "$output" = "$start" ] || fail "$how"
        done
}

@test "a range that newuidmap refuses is told of in its words" {
        [ "$mode" = ranges ] || skip 'there are none'
        mkdir -p "$work/bin"
        printf '#!/bin/sh\necho "range [0-1) not allowed" >&2\nexit 1\n' >"$work/bin/newuidmap"
        chmod 4755 "$work/bin/newuidmap"
        run -125 changed 'mount --bind "'"$work"'/bin/newuidmap" /usr/bin/newuidmap' \
                "$stage/bin/sandbox-driver" --users ranges "$root" true
        [[ $output = *'range [0-1) not allowed'*'/etc/subuid'* ]] || fail 'no reason'
}

@test "a caller that ignores its children's end is served like others" {
        run -3 as_user sh -c 'trap "" CHLD; exec "$@"' x "$stage/bin/sandbox-driver" \
                --users "$mode" "$root" sh -c 'exit 3'
}

# old COMMAND...: in a sandbox on a kernel like 4.18.
old() {
        env --ignore-environment --chdir=/ PATH=/usr/bin:/bin "$stage/bin/sandbox-old-kernel" \
                setpriv --reuid "$user" --regid "$user" --init-groups --inh-caps=-all -- "$@"
}

@test "on Linux 4.18 a command runs as ever" {
        exec 9</etc/passwd
        run -3 old "$stage/bin/sandbox-driver" --users "$mode" --hostname=inner "$root" \
                sh -c 'id -u; hostname; ls /proc/self/fd; exit 3'
        [ "$output" = $'0\ninner\n0\n1\n2\n3' ] || fail 'not these'
        run -143 old "$stage/bin/sandbox-driver" --users "$mode" "$root" sh -c 'kill -TERM $$'
        old "$stage/bin/sandbox-driver" --users "$mode" "$root" sleep 1000 &
        runner=$!
        until pgrep -u "$user" -x sleep >/dev/null; do sleep 0.05; done
        pkill -KILL -u "$user" -x sandbox-driver
        wait "$runner" || :
        nothing_runs
}

@test "on Linux 4.18 mounts are made read-only one by one, or refused" {
        as_user mkdir -p "$root/bound" "$work/outer/inner"
        run -1 old "$stage/bin/sandbox-driver" --users "$mode" --bind-read-only="$work/outer:/bound" \
                "$root" sh -c 'echo x >/bound/new'
        [[ $output = *'Read-only'* ]] || fail 'writable'
        mount -t tmpfs -o mode=1777 x "$work/outer/inner"
        run old "$stage/bin/sandbox-driver" --users "$mode" --bind-read-only="$work/outer:/bound" \
                "$root" sh -c 'echo x >/bound/inner/new'
        umount "$work/outer/inner"
        [[ $output = *'needs Linux 5.12'* ]] || fail 'no reason'
}

@test "on Linux 4.18 owners are faked, and doctor says so" {
        run -0 old "$stage/bin/sandbox-driver" --users "$mode" --probe
        [[ $output = *'user namespaces: good'*'seccomp user notification: limited'*'Linux 5.6'* ]] ||
                fail 'not told'
        [ "$mode" = single ] || return 0
        run -0 old "$stage/bin/sandbox-driver" --users single --fake "$root" \
                sh -c 'touch /work/f && chown 33:44 /work/f && attack owner /work/f'
        [ "$output" = '0:0 644' ]
}
