#!/usr/bin/env bats
# The command `varve doctor`, and what a person who only types reads first.

# shellcheck source=tests/integration/varve.bash
. "$BATS_TEST_DIRNAME/varve.bash"

setup_file() {
        fresh_work
}

@test "doctor tells what this host offers" {
        run -0 varve doctor
        says 'user namespaces' '/dev/fuse' 'seccomp' '/dev/net/tun' 'store' 'sub(uid|ordinate)'
}

@test "doctor names the mode that builds will use, and how to get the other one" {
        run -0 varve doctor
        if [ "$mode" = ranges ]; then
                says 'ranges'
        else
                says 'usermod --add-subuids'
        fi
}

# shellcheck disable=SC2016 # for the inner shell
@test "doctor gives the command that opens /dev/fuse" {
        run unshare --mount sh -c 'mount -t tmpfs -o mode=755,dev tmpfs /mnt && mknod /mnt/fuse c 10 229 &&
                chmod 600 /mnt/fuse && mount --bind /mnt/fuse /dev/fuse
                . "$0/scripts/people.sh"
                as_user "$@"' "$stage" "$user" env VARVE_ROOT="$store" "$stage/bin/varve" doctor
        says '/dev/fuse' 'chmod'
}

@test "--help and --version answer on standard output" {
        for command in '' build images inspect history tag rmi load import save run doctor; do
                # shellcheck disable=SC2086 # words, or none
                varve $command --help 2>/dev/null | grep -i usage
        done
        varve --version 2>/dev/null | grep -E '[0-9]+\.[0-9]+'
}

@test "an unknown command is refused, with the nearest one" {
        run varve biuld .
        [ "$status" -ne 0 ]
        says biuld '\bbuild\b'
}
