#!/usr/bin/env bats
# The commands of tutorials, with `docker` as another name of varve and a registry on loopback that
# stands for Docker Hub, in a network namespace where it has its names and ports. The images hold
# busybox; npm, pip3, python3 and apt-get are scripts of a line that do as if. So this is the quick half:
# tests/integration/tutorials-real runs the same with Node.js, Flask and nginx.
# shellcheck disable=SC2016 # a Dockerfile expands these

# shellcheck source=tests/integration/registry.bash
. "$BATS_TEST_DIRNAME/registry.bash"

setup_file() {
        fresh_work busybox
        mkdir -p "$work/bin" "$work/hub"
        ln -s "$stage/bin/varve" "$work/bin/docker"
        openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=registry-1.docker.io \
                -keyout "$work/hub.key" -out "$work/hub.crt" 2>/dev/null
        cat >"$work/hub.yml" <<END
version: 0.1
log: {accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: $work/hub}}
http: {addr: "127.0.0.1:443", tls: {certificate: $work/hub.crt, key: $work/hub.key}}
END
        echo 'insecure docker.io' >"$work/registries"
        sed 's/^127.0.0.1.*/& docker.io registry-1.docker.io/' /etc/hosts >"$work/hosts"
        chmod 644 "$work/registries" "$work/hosts"
        context_of base 'FROM busybox:1' \
                'RUN printf "%s\n" "#!/bin/sh" "exec sh \"\$@\"" > /bin/bash' \
                'RUN printf "%s\n" "#!/bin/sh" "[ \$1 = install ] && exec mkdir node_modules" "exec httpd -f -p 3000 -h /app" > /bin/npm' \
                'RUN printf "%s\n" "#!/bin/sh" "exec httpd -f -p 5000 -h /app" > /bin/python3' \
                'RUN printf "%s\n" "#!/bin/sh" "exec test -e \$3" > /bin/pip3' \
                'RUN echo "#!/bin/sh" > /bin/apt-get && cd /bin && chmod 755 apt-get bash npm python3 pip3'
        varve build -q -t base "$context"
}

# at_hub COMMAND...: where the registry is Docker Hub.
at_hub() {
        # shellcheck disable=SC2016 # for that bash
        unshare --net --mount bash -euc '
                ip link set lo up
                mount --bind "$1/hosts" /etc/hosts
                docker-registry serve "$1/hub.yml" >"$1/hub.log" 2>&1 3>&- &
                trap "kill $!" EXIT
                for i in $(seq 100); do
                        ! curl -ksf https://registry-1.docker.io/v2/ >/dev/null || break
                        sleep 0.1
                done
                "${@:2}"' - "$work" "$@"
}

as_reader() {
        as_tester env VARVE_ROOT="$work/reader" VARVE_REGISTRIES="$work/registries" TERM=xterm \
                REGISTRY_AUTH_FILE="$work/auth.json" PATH="$work/bin:$PATH" timeout 120 "$@"
}

provide_and_follow() {
        local name
        for name in ubuntu nginx node:14 node:14-alpine; do
                varve tag base "$name"
                varve push -q "$name"
        done
        mkdir "$work/tutorial"
        chown "$user" "$work/tutorial"
        as_reader "$here/integration/tutorial" "$work/tutorial"
}

@test "every command of the tutorials works as written" {
        export -f provide_and_follow as_reader varve as_tester as_user
        export stage store work user here
        run at_hub provide_and_follow
        [ "$status" -eq 0 ] || fail 'a command has failed'
        nothing_runs
}
