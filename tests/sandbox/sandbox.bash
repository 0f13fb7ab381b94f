# shellcheck shell=bash
# What the tests of the sandbox share: they run as root, and the sandbox as an ordinary user.
# tests/sandbox/run sets SANDBOX_TEST_STAGE, SANDBOX_TEST_MODE, SANDBOX_TEST_USER, a user of this mode
# alone, and SANDBOX_TEST_REAL_USER, one with subordinate ids to compare the emulation with.

bats_require_minimum_version 1.5.0

stage=${SANDBOX_TEST_STAGE:?run these by tests/sandbox/run}
mode=${SANDBOX_TEST_MODE:?}
user=${SANDBOX_TEST_USER:?}
# shellcheck disable=SC2034 # for the tests of the emulation
real_user=${SANDBOX_TEST_REAL_USER:?}
work=$stage/$mode/$(basename "${BATS_TEST_FILENAME:?}" .bats)
root=$work/root

# as_user COMMAND...: with none of the caller's environment.
as_user() {
        env --ignore-environment --default-signal --chdir=/ HOME=/ PATH=/usr/bin:/bin LC_ALL=C.UTF-8 \
                setpriv --reuid "$user" --regid "$user" --init-groups --inh-caps=-all -- "$@"
}

driver() {
        as_user "$stage/bin/sandbox-driver" --users "$mode" "$@"
}

# inside [OPTION]... [--] COMMAND...: in a sandbox over the root directory. Options are --name=value.
inside() {
        local options=()
        while [[ ${1:-} = --* ]]; do
                [ "$1" != -- ] || { shift; break; }
                options+=("$1")
                shift
        done
        driver "${options[@]}" "$root" "$@"
}

# A small system that belongs to the user: busybox, and what tries to get out.
make_root() {
        rm -rf "$work"
        install -d -o "$user" -g "$user" "$work"
        as_user mkdir -p "$root"/{bin,dev,proc,sys,etc,tmp,root,work}
        as_user cp /bin/busybox "$root/bin/busybox"
        as_user sh -c "cd '$root/bin' && ./busybox --list | xargs -n 1 ln -s busybox 2>/dev/null" || :
        as_user cp "$stage/bin/sandbox-attack" "$root/bin/attack"
        as_user sh -c "echo root:x:0:0::/root:/bin/sh >'$root/etc/passwd'"
        as_user touch "$root/etc/resolv.conf" "$root/etc/hosts"
}

fail() {
        printf '%s\n' "$*" "status: ${status:-}" "output: ${output:-}" >&2
        return 1
}

# answers ANSWER[|ANSWER...] ATTACK...: the attack, made in the sandbox, gets one of these answers.
answers() {
        local expected=$1
        shift
        run inside attack "$@"
        [[ "|$expected|" = *"|$output|"* ]] || fail "attack $*: expected $expected"
}

# ends STATUS PID: the background process ends so.
ends() {
        local got=0
        wait "$2" || got=$?
        [ "$got" -eq "$1" ] || fail "ended with $got, not with $1"
}

# No process of the user is left, within a second, as the machine may be busy; the dead that nobody
# has waited for do not count. What is left does not stay for the next test.
nothing_runs() {
        local _
        for _ in {1..100}; do
                pgrep -r D,R,S,T -u "$user" >/dev/null || return 0
                sleep 0.01
        done
        pgrep -a -r D,R,S,T -u "$user" >&2
        pkill -KILL -u "$user"
        fail 'processes are left'
}
