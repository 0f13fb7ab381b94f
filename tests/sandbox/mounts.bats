#!/usr/bin/env bats
# What is mounted into a root, and that an image cannot lead it astray.
# shellcheck disable=SC2016 # the sandbox's shell expands these

# shellcheck source=tests/sandbox/sandbox.bash
. "$BATS_TEST_DIRNAME/sandbox.bash"

setup_file() {
        make_root
        as_user mkdir -p "$work/shared/sub" "$work/canary"
        as_user sh -c "echo content >$work/shared/file; echo untouched >$work/canary/file"
}

teardown() {
        [ "$(cat "$work/canary/file")" = untouched ] || fail 'the canary was touched'
        [ "$(ls "$work/canary")" = file ] || fail 'the canary has company'
        run ! grep "$work" /proc/self/mountinfo
}

# A copy of the root whose entry is something else: changed_root ENTRY COMMAND, in its parent.
changed_root() {
        rm -rf "$work/changed"
        as_user cp -a "$root" "$work/changed"
        as_user sh -c "cd '$work/changed' && rm -rf './$1' && $2"
}

@test "the devices of a container are there and work" {
        run -0 inside sh -c '
                set -e
                echo x >/dev/null
                [ "$(head -c 4 /dev/zero | od -An -tx1)" = " 00 00 00 00" ]
                ! echo x 2>/dev/null >/dev/full
                [ "$(head -c 8 /dev/urandom | wc -c)" = 8 ]
                [ "$(head -c 8 /dev/random | wc -c)" = 8 ]
                echo x >/dev/shm/file && rm /dev/shm/file
                echo through | cat /dev/stdin
                [ -d /dev/mqueue ] && [ -c /dev/pts/ptmx ] && [ -e /dev/fd/0 ]
                ls /dev | tr "\n" " "'
        [ "${lines[0]}" = through ]
        [ "${lines[1]}" = 'core fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero ' ]
}

@test "a terminal can be made" {
        run -0 inside sh -c 'script -qc "tty" /dev/null || tty </dev/ptmx'
}

@test "/proc is of the sandbox's processes alone" {
        [ "$(inside sh -c 'ls /proc | grep -c "^[0-9]"')" -le 5 ]
        answers ESRCH signal "$$" 0
}

@test "what of /proc tells of the host or changes it is masked or read-only" {
        for file in kcore keys timer_list interrupts; do
                [ -e "/proc/$file" ] || continue
                [ -z "$(inside sh -c "cat /proc/$file")" ] || fail "/proc/$file can be read"
        done
        for directory in acpi asound scsi; do
                [ -d "/proc/$directory" ] || continue
                [ -z "$(inside ls /proc/$directory)" ] || fail "/proc/$directory can be read"
        done
        for file in sys/kernel/hostname sys/vm/overcommit_memory sysrq-trigger irq/default_smp_affinity; do
                answers 'EROFS|EACCES|ENOENT' open "/proc/$file" w
        done
        for name in bus fs irq sys; do
                [ ! -e "/proc/$name" ] ||
                        inside grep -q " /proc/$name ro," /proc/self/mountinfo || fail "$name"
        done
}

@test "what runc masks is masked, as far as this kernel has it" {
        local path
        run -0 inside cut -d' ' -f5 /proc/self/mountinfo
        for path in /proc/{acpi,asound,interrupts,kcore,keys,latency_stats,timer_list,timer_stats,sched_debug,scsi} \
                /proc/{bus,fs,irq,sys,sysrq-trigger} /sys/firmware /sys/devices/virtual/powercap; do
                # The sandbox shows no /sys/firmware at all where it has the network of the host.
                [ ! -e "$path" ] || [ "$path" = /sys/firmware ] || grep -qx "$path" <<<"$output" || fail "$path"
        done
}

@test "/sys can be read and not written, and shows no cgroups or firmware" {
        inside sh -c '[ -d /sys/class/mem ] && [ -e /sys/devices/system/cpu/online ]'
        answers 'EROFS|EACCES' open /sys/devices/system/cpu/online w
        [ "$(inside grep -c ' /sys.* ro,' /proc/self/mountinfo)" = \
                "$(inside grep -c ' /sys' /proc/self/mountinfo)" ]
        run inside sh -c 'echo x >/sys/new'
        [ "$status" -ne 0 ]
        run inside sh -c 'ls /sys/fs/cgroup /sys/firmware/* 2>/dev/null'
        [ -z "$output" ] || fail 'something is there'
        run inside --network=none sh -c 'echo x >/sys/class/net/lo/mtu'
        [ "$status" -ne 0 ]
        run inside --network=none sh -c 'ls /sys/firmware'
        [ -z "$output" ] || fail 'firmware is shown'
}

@test "nothing of the host is mounted but what was asked for" {
        run inside sh -c 'cut -d" " -f5 /proc/self/mountinfo | grep -vE "^/($|proc|sys|dev)"'
        [ -z "$output" ] || fail 'more mounts'
        run inside sh -c 'ls /proc/1/root/ 2>&1; cat /proc/self/mountinfo'
        run ! grep "$work/canary" <<<"$output"
}

@test "a directory and a file can be bound, read-only too" {
        as_user mkdir -p "$root/bound"
        as_user touch "$root/bound-file"
        inside --bind="$work/shared:/bound" sh -c 'echo new >/bound/new'
        [ "$(cat "$work/shared/new")" = new ]
        rm "$work/shared/new"
        [ "$(inside --bind-read-only="$work/shared/file:/bound-file" cat /bound-file)" = content ]
        run -1 inside --bind-read-only="$work/shared:/bound" sh -c 'echo new >/bound/new'
        [[ $output = *'Read-only file system'* ]] || fail 'writable'
        run -1 inside --bind-read-only="$work/shared/file:/bound-file" sh -c 'echo new >/bound-file'
        [[ $output = *'Read-only file system'* ]] || fail 'writable'
        [ "$(cat "$work/shared/file")" = content ]
}

@test "what is mounted below a bound directory is read-only with it" {
        as_user mkdir -p "$root/bound" "$work/outer/inner"
        mount -t tmpfs -o mode=1777 x "$work/outer/inner"
        run inside --bind-read-only="$work/outer:/bound" sh -c 'echo new >/bound/inner/new'
        umount "$work/outer/inner"
        [[ $output = *'Read-only file system'* ]] || fail 'writable'
}

@test "a tmpfs and a file of given content are in memory alone" {
        as_user mkdir -p "$root/memory"
        as_user touch "$root/secret"
        run -0 inside --tmpfs=/memory --data='words:/secret' sh -c '
                cat /secret; echo x >/memory/file; stat -c %a /memory /secret'
        [ "$output" = $'words\n755\n644' ] || [ "$output" = $'words755\n644' ] || fail 'not these'
        [ ! -s "$root/secret" ]
        [ -z "$(ls "$root/memory")" ]
        run inside --data='words:/secret' sh -c 'echo more >/secret'
        [[ $output = *'Read-only file system'* ]] || fail 'writable'
}

@test "a mount point that is missing or of the wrong kind is told of" {
        run -125 inside --tmpfs=/no/such true
        [[ $output = *'cannot mount on /no/such'* ]] || fail 'no reason'
        run -125 inside --data='x:/etc' true
        [[ $output = *'cannot mount on /etc'* ]] || fail 'no reason'
}

@test "a mount point of the image that is a symbolic link leads nowhere" {
        for entry in dev proc sys; do
                changed_root "$entry" "ln -s '$work/canary' '$entry'"
                run -125 driver "$work/changed" /bin/true
                [[ $output = *'symbolic link of the image'* ]] || fail "/$entry"
                changed_root "$entry" "ln -s ../../../../../../../../$work/canary '$entry'"
                run -125 driver "$work/changed" /bin/true
                [[ $output = *'symbolic link of the image'* ]] || fail "/$entry"
        done
}

@test "a directory above a mount point that is a symbolic link leads nowhere" {
        changed_root etc "ln -s '$work/canary' etc"
        run -125 driver --data=x:/etc/file "$work/changed" /bin/true
        [[ $output = *'cannot mount on /etc/file'* ]] || fail 'no reason'
        changed_root tmp "ln -s /proc/self/root/$work/canary tmp"
        run -125 driver --tmpfs=/tmp "$work/changed" /bin/true
        [[ $output = *'symbolic link of the image'* ]] || fail 'no reason'
        run -125 inside --data=x:/proc/self/cwd/etc/passwd true
        [[ $output = *'cannot mount on'* ]] || fail 'no reason'
        run -125 inside --data=x:/work/../etc/passwd true
        [[ $output = *'cannot mount on'* ]] || fail 'no reason'
}

@test "a mount point of the image that is a file or a fifo is told of" {
        changed_root dev 'touch dev'
        run -125 driver "$work/changed" /bin/true
        [[ $output = *'Not a directory'* ]] || fail 'no reason'
        changed_root proc 'mkfifo proc'
        run -125 driver "$work/changed" /bin/true
        [[ $output = *'Not a directory'* ]] || fail 'no reason'
}

@test "a source whose name was given to another is what it was when it was approved" {
        as_user mkdir -p "$root/bound" "$work/approved/good" "$work/other/evil"
        run inside --bind="$work/approved:/bound" --swap="$work/other:$work/approved" ls /bound
        [ "$output" = good ] || fail 'another directory'
        as_user ln -s "$work/canary" "$work/link"
        run inside --bind="$work/approved:/bound" --swap="$work/link:$work/approved" ls /bound
        [ "$output" = evil ] || fail 'another directory'
}

@test "the root directory may be changed, and nothing above it" {
        inside sh -c 'echo x >/work/made && ls -a / >/work/listing'
        [ -e "$root/work/made" ]
        run inside sh -c 'cd /; cd ../../..; pwd; ls'
        [[ ${lines[0]} = / ]]
        run ! grep canary <<<"$output"
}
