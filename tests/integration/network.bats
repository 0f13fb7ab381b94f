#!/usr/bin/env bats
# The network of steps and containers, as it is asked for; tests/sandbox/network.bats has what it does.
# shellcheck disable=SC2016 # other shells expand these

# shellcheck source=tests/integration/varve.bash
. "$BATS_TEST_DIRNAME/varve.bash"
# shellcheck source=tests/integration/host-server.bash
. "$BATS_TEST_DIRNAME/host-server.bash"

host=$(readlink /proc/self/ns/net)

setup_file() {
        fresh_work busybox debian
}

@test "steps and containers have a network of their own, the host's or none" {
        [ "$(varve run --rm busybox:1 ls /sys/class/net)" = $'eth0\nlo' ]
        [ "$(varve run --rm --network=private busybox:1 ls /sys/class/net)" = $'eth0\nlo' ]
        [ "$(varve run --rm --network=none busybox:1 ls /sys/class/net)" = lo ]
        [ "$(varve run --rm --network=host busybox:1 readlink /proc/self/ns/net)" = "$host" ]
        context_of steps 'FROM busybox:1' \
                'RUN ls /sys/class/net >/a' \
                'RUN --network=none ls /sys/class/net >/b' \
                'RUN --network=default ls /sys/class/net >/c'
        varve build -t steps "$context"
        [ "$(varve run --rm steps cat /a /b /c)" = $'eth0\nlo\nlo\neth0\nlo' ]
        varve build --network=none -t steps "$context"
        [ "$(varve run --rm steps cat /a /b /c)" = $'lo\nlo\nlo' ]
        [ "$(varve run --rm --network=bridge busybox:1 ls /sys/class/net)" = $'eth0\nlo' ]
        run ! varve run --rm --network=mine busybox:1 true
        says 'private, host, none, pasta or slirp4netns'
}

@test "a step has the host's network only where the command line allows it" {
        context_of host 'FROM busybox:1' 'RUN echo begun' 'RUN --network=host readlink /proc/self/ns/net >/a'
        refused build -t host "$context"
        says 'RUN --network=host was not allowed' '--allow network.host' 'Dockerfile:3'
        [[ $output != *'#1 '* ]] || fail 'it was begun'
        varve build --allow network.host -t host "$context"
        [ "$(varve run --rm host cat /a)" = "$host" ]
        varve build --no-cache --network=host -t host "$context"
        # Each of two has to be allowed.
        context_of both 'FROM busybox:1' 'RUN --network=host --security=insecure true'
        refused build --allow network.host "$context"
        refused build --allow security.insecure "$context"
        varve build --allow network.host --allow security.insecure "$context"
}

@test "names of hosts and resolvers can be given" {
        run -0 varve run --rm --add-host mirror.example:192.0.2.7 --add-host six=2001:db8::7 \
                --dns 192.0.2.53 busybox:1 cat /etc/hosts /etc/resolv.conf
        [ "$(grep -c . <<<"$output")" -ge 3 ]
        [ "${lines[0]}" = '192.0.2.7 mirror.example' ]
        [ "${lines[1]}" = '2001:db8::7 six' ]
        [ "$(grep '^nameserver' <<<"$output")" = 'nameserver 192.0.2.53' ]
        varve run --rm --add-host host.docker.internal:host-gateway busybox:1 head -n 1 /etc/hosts |
                grep -E '^[0-9.]+ host.docker.internal$'
        run -125 varve run --rm --add-host nonsense busybox:1 true
        run -125 varve run --rm --dns resolver.example busybox:1 true
        context_of hosts 'FROM busybox:1' 'RUN head -n 1 /etc/hosts >/a'
        varve build --add-host a.example:192.0.2.1 -t hosts "$context"
        varve build --add-host a.example:192.0.2.2 -t hosts "$context"
        [ "$(varve run --rm hosts cat /a)" = '192.0.2.2 a.example' ]
}

# without_namespaces ARGS...: varve where no network namespace can be made.
without_namespaces() {
        as_tester unshare -Ur sh -c 'echo 0 >/proc/sys/user/max_net_namespaces && exec "$@"' x \
                env VARVE_ROOT="$store" "$stage/bin/varve" "$@"
}

@test "where no network can be made, the host's is used and told of, unless one was asked for" {
        run -0 without_namespaces run --rm --userns=single busybox:1 readlink /proc/self/ns/net
        says "warning:.*refuses a network namespace.*the host's network is used instead"
        [[ $output = *"$host" ]] || fail 'another network'
        run -125 without_namespaces run --rm --userns=single --network=private busybox:1 true
        says 'refuses a network namespace' 'sysctl -w user.max_net_namespaces='
}

# A repository of packages in $work/repository.
make_repository() {
        local deb
        mkdir "$work/repository"
        cp "$stage"/cases/local-deb/context/{first_1.0,second_1.0}_all.deb "$work/repository/"
        for deb in "$work"/repository/*.deb; do
                dpkg-deb -f "$deb"
                printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "${deb##*/}" "$(stat -c %s "$deb")" \
                        "$(sha256sum <"$deb" | cut -d' ' -f1)"
        done >"$work/Packages"
        mv "$work/Packages" "$work/repository/"
}

@test "apt-get installs from a server of the host, through the private network" {
        make_repository
        serve_files "$work/repository"
        context_of apt 'FROM debian:12' \
                "RUN rm -rf /etc/apt/sources.list* && echo 'deb [trusted=yes] $server/ ./' >/etc/apt/sources.list" \
                'RUN apt-get update && apt-get install -y first second && stat -c %U:%G:%a /usr/share/first >/said' \
                "RUN --network=none ! apt-get update -o APT::Update::Error-Mode=any"
        run varve build -t apt "$context"
        stop_serving
        [ "$status" -eq 0 ] || fail 'not built'
        [ "$(grep -c '_all.deb' "$work/server.err")" -eq 2 ] || fail "not fetched: $(cat "$work/server.err")"
        [ "$(varve run --rm apt sh -c 'cat /said; first-tool')" = $'firstd:adm:2755\nfirst' ]
}

@test "a published port of UDP answers those who ask from loopback, and others" {
        local echo='use Socket; socket $s, PF_INET, SOCK_DGRAM, 0;
                bind $s, sockaddr_in(5000, INADDR_ANY);
                while ($from = recv $s, $text, 65535, 0) { send $s, $text, 0, $from }'
        varve run -d --name echo -p 127.0.0.1::5000/udp -p 5000/udp -p '[::1]::5000/udp' \
                debian:12 perl -e "$echo"
        # shellcheck disable=SC2046 # words
        python3 - $(varve port echo 5000/udp) <<'END'
import socket, sys
own = socket.gethostbyname(socket.gethostname())
asked = [place.rsplit(":", 1) for place in sys.argv[1:]]
asked += [[own, port] for address, port in asked if address == "0.0.0.0"]
for address, port in asked:
    ipv6 = address.startswith("[")
    client = socket.socket(socket.AF_INET6 if ipv6 else socket.AF_INET, socket.SOCK_DGRAM)
    client.settimeout(0.5)
    where = address.strip("[]").replace("0.0.0.0", "127.0.0.1"), int(port)
    for size in 0, 5, 60000:
        for attempt in range(20):  # until it listens
            client.sendto(b"x" * size, where)
            try:
                answer = client.recv(65535)
                break
            except (TimeoutError, ConnectionRefusedError):
                answer = None
        assert answer == b"x" * size, (where, size)
assert len(asked) == 4
END
        varve rm -f echo
        nothing_runs
}
