#!/usr/bin/env bats
# What a hostile command or image tries, by the name of its CVE where it has one.
# shellcheck disable=SC2016 # the sandbox's shell expands these

# shellcheck source=tests/sandbox/sandbox.bash
. "$BATS_TEST_DIRNAME/sandbox.bash"

setup_file() {
        make_root
        as_user mkdir -p "$work/canary"
        as_user sh -c "echo untouched >$work/canary/file"
}

teardown() {
        [ "$(cat "$work/canary/file")" = untouched ] || fail 'the canary was touched'
        nothing_runs
}

@test "no descriptor beyond the three is open" {
        exec 9<"$work/canary" 57</etc/passwd
        run inside sh -c 'ls /proc/self/fd | tr "\n" " "'
        # ls itself has one open, the directory that it lists.
        [ "$output" = '0 1 2 3 ' ] || fail 'more descriptors'
}

@test "a directory is no standard stream" {
        run ! inside true <"$work/canary"
        [[ $output = *'descriptor 0 of the command is a directory'* ]] || fail 'it was passed on'
}

@test "PID 1 keeps nothing of the caller's open" {
        exec 9<"$work/canary" 57</etc/passwd
        inside --bind="$work/canary:/work" sh -c 'echo begun; sleep 1000' >"$work/log" &
        runner=$!
        until grep -q begun "$work/log"; do sleep 0.05; done
        run ls -l "/proc/$(pgrep -u "$user" -x varve-sandbox)/fd"
        pkill -KILL -u "$user" -x varve-sandbox
        wait "$runner" || :
        # its socket, the caller's process, and its signals
        [ "$(grep -c -- '->' <<<"$output")" = 3 ] || fail 'other descriptors'
        ! grep -v -e socket: -e anon_inode: <<<"${output#*$'\n'}" || fail 'a file'
}

@test "CVE-2019-5736: the program of PID 1 cannot be opened, let alone written" {
        answers EACCES open /proc/1/exe
        answers EACCES open /proc/1/exe w
        run inside sh -c 'cat /proc/1/exe'
        [[ $output = *denied* ]] || fail 'it could be read'
}

@test "CVE-2019-5736: a script interpreted by /proc/self/exe harms nobody" {
        as_user sh -c "printf '#!/proc/self/exe\n' >$root/work/self; chmod +x $root/work/self"
        run inside /work/self
        [ "$status" -ne 0 ]
        run inside sh -c 'exec 7</proc/self/exe; /work/self; echo went on'
        [[ $output = *'went on'* ]] || fail 'not even the shell went on'
}

@test "CVE-2024-21626: no working directory leads to a descriptor of the host" {
        exec 9<"$work/canary"
        for fd in $(seq 3 50) 9; do
                run -125 inside --workdir="/proc/self/fd/$fd" ls
                run -125 inside --workdir="/proc/self/fd/$fd/../../../../.." ls
        done
        as_user ln -sf /proc/self/fd/3 "$root/work/link"
        run -125 inside --workdir=/work/link ls
}

@test "CVE-2016-9962, CVE-2022-0492: PID 1 cannot be traced, read or killed" {
        answers EPERM trace 1
        answers EPERM read-memory 1
        answers EACCES open /proc/1/mem w
        answers EACCES open /proc/1/environ
        run -0 inside sh -c 'kill -KILL 1; kill -STOP 1; echo alive'
        [ "$output" = alive ]
        run inside ls /proc/1/fd /proc/1/root /proc/1/cwd
        [ "$status" -ne 0 ]
}

@test "CVE-2025-31133, CVE-2025-52565: masks are made with the host's devices, not the image's" {
        as_user sh -c "rm -rf $root/dev && mkdir $root/dev && ln -s '$work/canary/file' $root/dev/null &&
                ln -s '$work/canary' $root/dev/pts && ln -s '$work/canary/file' $root/dev/console"
        run -0 inside sh -c 'cat /proc/kcore | head -c 10; echo written >/dev/null; ls /dev/console || :'
        [[ $output = *'/dev/console: No such file'* ]] || fail 'a console'
        as_user sh -c "rm -rf $root/dev && mkdir $root/dev"
}

@test "CVE-2019-19921, CVE-2025-52881: a /proc of the image is never written to" {
        rm -rf "$work/changed"
        as_user cp -a "$root" "$work/changed"
        as_user sh -c "mkdir -p $work/changed/proc/self/attr $work/changed/proc/sys &&
                ln -s '$work/canary/file' $work/changed/proc/sysrq-trigger &&
                ln -s '$work/canary/file' $work/changed/proc/self/attr/exec"
        run -0 driver "$work/changed" /bin/sh -c 'cat /proc/self/comm'
        [ "$output" = cat ]
}

@test "CVE-2022-27650: no capability is inheritable or ambient, and the bound is Docker's" {
        run inside sh -c 'grep ^Cap /proc/self/status | tr "\t\n" "  "'
        [ "$output" = 'CapInh: 0000000000000000 CapPrm: 00000000a80425fb CapEff: 00000000a80425fb CapBnd: 00000000a80425fb CapAmb: 0000000000000000 ' ] ||
                fail 'other capabilities'
        answers EPERM capabilities
}

@test "CVE-2023-25173: groups of the caller are not the command's" {
        groupadd -f varve-canary
        usermod -aG varve-canary "$user"
        echo untouched >"$work/group-file"
        chgrp varve-canary "$work/group-file"
        chmod 660 "$work/group-file"
        gid=$(getent group varve-canary | cut -d: -f3)
        run inside sh -c 'grep ^Groups /proc/self/status'
        gpasswd -d "$user" varve-canary >/dev/null
        # With one uid the kernel lets nobody drop a group; it is shown as one that does not exist.
        ! grep -qw "$gid" <<<"$output" || fail "group $gid"
        [ "$mode" = single ] || [ "${output//[[:space:]]/}" = Groups: ] || fail 'groups'
}

@test "CVE-2017-5226, CVE-2019-10063: nothing is typed into a terminal" {
        answers EPERM inject
        answers EPERM inject 0x100000000
        answers EPERM inject 0x8000000000000000
        # ioctl by the gate of 32-bit programs
        answers EPERM call-32 54 0 0x5412 0
}

@test "no new namespace undoes the masks" {
        for flag in 0x10000000 0x20000 0x4000000 0x8000000 0x40000000 0x20000000 0x2000000; do
                answers EPERM clone "$flag"
                answers EPERM call 272 "$flag"
        done
        answers ENOSYS clone3
        answers EPERM mount /proc/kcore
        answers EPERM mount /tmp
        answers EPERM unmount /proc/kcore
        answers EPERM unmount /proc/sys
        answers EPERM unmount /dev
        # mount and umount2 by the gate of 32-bit programs, unshare, setns
        answers EPERM call-32 21 0 0 0
        answers EPERM call-32 52 0 0
        answers EPERM call-32 310 0x10000000
        answers EPERM call-32 346 0 0
}

@test "calls around the filter end at it" {
        # mount as an x32 call; an unknown call; io_uring_setup, bpf, userfaultfd, perf_event_open,
        # open_by_handle_at, pidfd_getfd
        answers ENOSYS call 0x400000a5
        answers ENOSYS call 999
        for number in 425 321 323 298 304 438; do
                answers EPERM call "$number"
        done
        answers EPERM socket 38
        answers EPERM socket 40
        answers EPERM socket 0x100000028
}

@test "no key of the caller can be found" {
        answers EPERM key
        # keyctl by the gate of 32-bit programs
        answers EPERM call-32 288 0 -3 0
}

@test "new privileges are gained by nobody, unless ranges allow setuid programs" {
        if [ "$mode" = single ]; then
                [ "$(inside sh -c 'grep ^NoNewPrivs /proc/self/status')" = $'NoNewPrivs:\t1' ]
        else
                [ "$(inside sh -c 'grep ^NoNewPrivs /proc/self/status')" = $'NoNewPrivs:\t0' ]
                [ "$(inside --no-new-privileges sh -c 'grep ^NoNewPrivs /proc/self/status')" = \
                        $'NoNewPrivs:\t1' ]
        fi
        [ "$(inside sh -c 'grep ^Seccomp: /proc/self/status')" = $'Seccomp:\t2' ]
}

@test "processes of the caller are out of sight and reach" {
        as_user sleep 1000 &
        sleeper=$!
        until pid=$(pgrep -u "$user" -x sleep); do sleep 0.05; done
        answers ESRCH signal "$pid" 9
        answers ESRCH trace "$pid"
        kill -0 "$pid"
        kill "$pid"
        wait "$sleeper" || :
}

@test "the memory and messages of System V are the sandbox's own" {
        id=$(as_user ipcmk -M 4096 | sed 's/.*: //')
        run inside sh -c 'tail -n +2 /proc/sysvipc/shm'
        as_user ipcrm -m "$id"
        [ -z "$output" ] || fail 'shared memory of the host'
}
