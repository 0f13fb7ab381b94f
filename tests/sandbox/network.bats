#!/usr/bin/env bats
# The private network: what it reaches, what it must not, and what is left of it. Each test runs
# twice, with a tap and with a pair of interfaces in its place.
# shellcheck disable=SC2016 # other shells expand these

# shellcheck source=tests/sandbox/sandbox.bash
. "$BATS_TEST_DIRNAME/sandbox.bash"

# Of each mode, as both run at once, and of each run; its process is the end of the user's name.
number=$((${user##*-} % 120 * 2 + 2))
[ "$mode" = ranges ] || number=$((number + 1))
address=198.51.100.$number
address6=2001:db8:7e57::$number
loopback=127.77.0.$number
log=$work/log

setup_file() {
        make_root
        ip address replace "$address/32" dev lo
        ip address replace "$address6/128" dev lo nodad
        touch "$log"
        "$stage/bin/network-server" "$address" "$address6" "$loopback" "varve-test-$user" "$log" \
                >&2 2>"$work/server.log" 3>&- &
        echo $! >"$work/server.pid"
        for _ in {1..100}; do
                ! grep -q ready "$log" || return 0
                sleep 0.1
        done
        cat "$work/server.log" >&2
        return 1
}

teardown_file() {
        kill "$(cat "$work/server.pid")"
        ip address del "$address/32" dev lo
        ip address del "$address6/128" dev lo
}

teardown() {
        nothing_runs
}

export -f as_user driver inside
export stage mode user root

# with_device KIND COMMAND...: where /dev/net/tun is open to every user (tap), or to nobody (pair).
with_device() {
        local device='mknod -m 666 /mnt/tun c 10 200'
        [ "$1" = tap ] || device='mknod -m 000 /mnt/tun c 10 200'
        shift
        unshare --mount --fork bash -c "mount -t tmpfs -o dev,mode=755 x /mnt && $device &&
                mount --bind /mnt/tun /dev/net/tun && "'"$@"' with_device "$@"
}

# networked KIND [OPTION]... [--] COMMAND...: in a sandbox with a private network.
networked() {
        local kind=$1
        shift
        with_device "$kind" inside --network=private "$@"
}

reached() {
        grep -c "$1" "$log" || :
}

@test "a server on the host's own address is reached, by IPv4 and IPv6" {
        for kind in tap pair; do
                [ "$(networked "$kind" nc "$address" 7101)" = "reached from $address" ]
                [ "$(networked "$kind" nc "$address6" 7101)" = "reached from $address6" ]
        done
}

@test "UDP comes back" {
        for kind in tap pair; do
                for server in "$address" "$address6"; do
                        run -0 networked "$kind" nslookup any.example "$server"
                        [[ $output = *192.0.2.77* ]] || fail "no answer from $server"
                done
        done
}

@test "the interface has its addresses and routes, and the loopback interface is up" {
        for kind in tap pair; do
                run -0 networked "$kind" sh -c 'ls /sys/class/net; ip address; ip route; ip -6 route
                        ping -c 1 127.0.0.1; ping -c 1 10.118.97.2'
                [[ $output = eth0$'\n'lo$'\n'* ]] || fail 'other interfaces'
                [[ $output = *'inet 10.118.97.100/24'* ]]
                [[ $output = *'inet6 fd76:6172:7665::64/64'* ]]
                [[ $output = *'default via 10.118.97.2 dev eth0'* ]]
                [[ $output = *'default via fd76:6172:7665::2 dev eth0'* ]]
                [[ $output != *tentative* ]]
        done
}

@test "the host's loopback is not reached, by whatever name" {
        local before
        before=$(reached hello)
        for kind in tap pair; do
                for target in 127.0.0.1 "$loopback" 10.118.97.2 10.118.97.3 0.0.0.0 ::1 \
                        fd76:6172:7665::2 fd76:6172:7665::3 "::ffff:$loopback"; do
                        run networked "$kind" nc -w 2 "$target" 7101
                        [ "$status" -ne 0 ] || fail "$target answers"
                        [[ $output != *reached* ]] || fail "$target answers"
                done
        done
        [ "$(reached hello)" -eq "$before" ] || fail 'somebody was reached'
}

@test "the host's loopback is not reached by packets that a command makes itself" {
        for kind in tap pair; do
                for target in "$loopback" 127.0.0.1; do
                        run -0 networked "$kind" attack packet "$target" 7104
                        [ "$output" = ok ]
                done
                # The same packet does arrive where it may.
                run -0 networked "$kind" attack packet "$address" 7104
        done
        sleep 0.5
        [ "$(reached "echo $address")" -ge 2 ] || fail 'no packet arrives at all'
        [ "$(reached "echo $loopback")" -eq 0 ] || fail 'a packet has reached the loopback'
}

@test "the host's abstract sockets are not reached" {
        for kind in tap pair; do
                run networked "$kind" attack abstract "varve-test-$user"
                [ "$output" = ECONNREFUSED ] || fail 'not refused'
        done
        run inside --network=host attack abstract "varve-test-$user"
        [ "$output" = ok ] || fail 'nobody is there'
}

@test "a resolver on the host's loopback answers through the forwarder, and nothing else does" {
        for kind in tap pair; do
                run -0 networked "$kind" --resolvers="nameserver $loopback" \
                        nslookup any.example 10.118.97.3
                [[ $output = *192.0.2.77* ]] || fail 'no answer'
                run networked "$kind" --resolvers="nameserver $loopback" nc -w 2 10.118.97.3 7101
                [[ $output != *reached* ]] || fail 'another port of the resolver answers'
        done
}

@test "what is large arrives as it was sent, in both directions" {
        local down up
        down=$(seq 3000000 | sha256sum)
        up=$(head -c 50000000 /dev/zero | sha256sum)
        for kind in tap pair; do
                [ "$(networked "$kind" sh -c "nc $address 7102 | sha256sum")" = "$down" ]
                [ "$(networked "$kind" sh -c "nc $address6 7102 | sha256sum")" = "$down" ]
                run -0 networked "$kind" attack upload "$address" 7103 50000000
                [ "$output" = "${up%% *}" ] || fail 'another sum'
        done
}

@test "many connections at once all get their answer" {
        for kind in tap pair; do
                run -0 networked "$kind" sh -c 'i=0; while [ $i -lt 100 ]; do
                        nc '"$address"' 7101 & i=$((i + 1)); done; wait'
                [ "$(grep -c reached <<<"$output")" -eq 100 ] || fail 'some are lost'
        done
}

@test "a network of none has a loopback interface and nobody to reach" {
        [ "$(inside --network=none ls /sys/class/net)" = lo ]
        run ! inside --network=none nc -w 2 "$address" 7101
        [[ $output = *unreachable* ]]
}

@test "the process outside is not inside: it cannot be seen or signalled" {
        for kind in tap pair; do
                run -0 networked "$kind" sh -c "nc $address 7101; ps -o comm"
                [[ $output != *varve-network* ]] || fail 'it is seen'
        done
}

# The pid of the network's program, as soon as there is one.
network_pid() {
        local _
        for _ in {1..100}; do
                pgrep -r D,R,S -u "$user" -x varve-network && return
                sleep 0.05
        done
        fail 'there is no process of the network'
}

@test "the process outside has nothing to give away" {
        for kind in tap pair; do
                networked "$kind" sh -c "ping -c 1 10.118.97.2; sleep 1000" >&2 &
                runner=$!
                pid=$(network_pid)
                until grep -qx 'Seccomp:	2' "/proc/$pid/status"; do sleep 0.05; done
                run -0 find "/proc/$pid/root/" -mindepth 1
                [ "${lines[*]}" = "/proc/$pid/root/etc /proc/$pid/root/etc/resolv.conf" ] ||
                        fail 'another root'
                grep -qx 'CapEff:	0000000000000000' "/proc/$pid/status"
                grep -qx 'CapPrm:	0000000000000000' "/proc/$pid/status"
                grep -qx 'NoNewPrivs:	1' "/proc/$pid/status"
                grep -qx 'Seccomp:	2' "/proc/$pid/status"
                [ "$(stat -c %u "/proc/$pid/mem")" = 0 ] || fail 'it is dumpable'
                [ -z "$(tr -d '\0' <"/proc/$pid/environ")" ] || fail 'it has an environment'
                # three that lead nowhere, the lifeline, the link
                [ "$(find "/proc/$pid/fd" -mindepth 1 | wc -l)" -eq 5 ] || fail 'more descriptors'
                pkill -KILL -u "$user" -x sandbox-driver
                wait "$runner" || :
                nothing_runs
        done
}

@test "the process outside is gone after the command, however that ends" {
        for kind in tap pair; do
                networked "$kind" nc "$address" 7101
                nothing_runs
                run networked "$kind" sh -c "nc $address 7101; kill -KILL \$\$"
                nothing_runs
        done
}

@test "the process outside is gone when what has started it is killed" {
        for kind in tap pair; do
                networked "$kind" sh -c "nc $address 7101; sleep 1000" &
                runner=$!
                network_pid >/dev/null
                pkill -KILL -u "$user" -x sandbox-driver
                wait "$runner" || :
                nothing_runs
        done
}

@test "a command whose network's process is killed goes on without one, and that is told" {
        for kind in tap pair; do
                networked "$kind" sh -c "nc $address 7101; sleep 2; nc -w 1 $address 7101 || echo on" \
                        >"$work/output" 2>&1 &
                runner=$!
                kill -KILL "$(network_pid)"
                wait "$runner" || :
                grep -qx on "$work/output"
                grep "the network's process was ended by signal 9" "$work/output"
                nothing_runs
        done
}

@test "the program does without a network until a frame is sent" {
        for kind in tap pair; do
                networked "$kind" sleep 2 &
                runner=$!
                sleep 1.5
                ! pgrep -r D,R,S -u "$user" -x varve-network || fail 'it runs'
                wait "$runner" || :
        done
}

@test "pasta and slirp4netns are used where they are asked for" {
        for program in pasta slirp4netns; do
                command -v "$program" >/dev/null || skip "there is no $program"
                run -0 with_device tap inside --network=$program nslookup any.example "$address"
                [[ $output = *192.0.2.77* ]] || fail 'no answer'
                run with_device tap inside --network=$program nc -w 2 10.118.97.2 7101
                [[ $output != *reached* ]] || fail "the host's loopback answers"
                nothing_runs
        done
}

@test "a program that is asked for and not there is told of, with its package" {
        for pair in pasta:passt slirp4netns:slirp4netns; do
                run -125 unshare --mount --fork bash -c '
                        for at in /usr/bin /bin /usr/local/bin; do
                                [ ! -e "$at/'"${pair%:*}"'" ] || mount --bind /dev/null "$at/'"${pair%:*}"'"
                        done; inside --network='"${pair%:*}"' true'
                [[ $output = *"${pair%:*} is not on this host"*"apt-get install ${pair#*:}"* ]] ||
                        fail 'not told'
        done
}

@test "a host that forbids network namespaces is told of, with the setting" {
        run -125 as_user unshare -Ur sh -c 'echo 0 >/proc/sys/user/max_net_namespaces && exec "$@"' \
                x "$stage/bin/sandbox-driver" --users single --network=private "$root" true
        [[ $output = *'refuses a network namespace'*'sysctl -w user.max_net_namespaces='* ]] ||
                fail 'not told'
}
