#!/usr/bin/env bats
# What keeps a step, and an image, away from the host: what is on in a build, as the build sees it.
# shellcheck disable=SC2016 # the steps' shells expand these

# shellcheck source=tests/integration/varve.bash
. "$BATS_TEST_DIRNAME/varve.bash"

setup_file() {
        fresh_work busybox
}

# threads: for each of the tester's varve processes, "NoNewPrivs" of its threads and how many.
threads() {
        local process
        for process in $(pgrep -u "$user" -x varve); do
                sed -n 's/^NoNewPrivs:\t//p' "/proc/$process"/task/*/status | sort | uniq -c |
                        awk '{ printf "%sx%s ", $2, $1 } END { print "" }'
        done
}

@test "the threads that serve a step's files are behind Landlock, and what starts sandboxes is not" {
        varve doctor | grep -q 'Landlock.*version' || skip 'the kernel has no Landlock'
        varve run --rm busybox:1 sh -c 'while [ ! -e /dev/shm/end ]; do sleep 0.1; done' &
        runner=$!
        until pgrep -u "$user" -x sleep >/dev/null; do sleep 0.05; done
        states=$(threads)
        kill "$(pgrep -u "$user" -x varve | head -1)" || :
        ends "$runner"
        # In one process both: one thread that serves, more with several CPUs, and the others.
        grep -qE '^0x[0-9]+ 1x[1-3] $' <<<"$states" || fail "no server is confined: $states"
}

@test "what a confined server needs it can open: more than memory holds, on disk" {
        context_of big 'FROM busybox:1' \
                'RUN head -c 90000000 /dev/zero | tr "\0" x >/big && sha256sum /big >/sum && rm /big' \
                'RUN cat /sum'
        varve build -t big "$context"
        [ "$(varve run --rm big cut -c1-64 /sum)" = "$(head -c 90000000 /dev/zero | tr '\0' x | sha256sum | cut -c1-64)" ]
}

# ---- what a command may use ----

@test "--ulimit sets limits, and says what it cannot" {
        [ "$(varve run --rm --ulimit nofile=100:200 --ulimit core=-1 busybox:1 \
                sh -c 'ulimit -n; ulimit -Hn')" = $'100\n200' ]
        context_of ulimit 'FROM busybox:1' 'RUN test "$(ulimit -n)" = 77'
        varve build --ulimit nofile=77 -t ulimit "$context"
        refused run --rm --ulimit nofile=99999999 busybox:1 true
        says 'limit' 'Only root'
        for bad in nofile nofile=x nofile=2:1 nofile=1:2:3 none=1 locks=5 =1; do
                refused run --rm --ulimit "$bad" busybox:1 true
                says "--ulimit $bad"
        done
}

@test "--shm-size sets how much /dev/shm holds" {
        [ "$(varve run --rm busybox:1 df -k /dev/shm | awk 'END { print $2 }')" = 65536 ]
        [ "$(varve run --rm --shm-size 2m busybox:1 df -k /dev/shm | awk 'END { print $2 }')" = 2048 ]
        context_of shm 'FROM busybox:1' 'RUN df -k /dev/shm | grep -w 1024'
        varve build --shm-size 1MiB -t shm "$context"
        for bad in 0 -1 x 1x 1mm '' 1e99g; do
                refused run --rm --shm-size "$bad" busybox:1 true
                says 'is no size'
        done
}

@test "--timeout ends a command with all that it started" {
        run -137 varve run --rm --timeout 300ms busybox:1 sh -c 'sleep 1000 & trap "" TERM; sleep 1000'
        says 'took longer than 0.300 s'
        nothing_runs
        run -0 varve run --rm --timeout 1h busybox:1 true
        context_of timeout 'FROM busybox:1' 'RUN sleep 1000'
        refused build --timeout 0.2s -t timeout "$context"
        says 'Dockerfile:2' 'took longer than 0.200 s'
        for bad in 0 -1 x 1x 1y ''; do
                refused run --rm --timeout "$bad" busybox:1 true
                says 'is no duration'
        done
}

@test "--memory and --cpus have an effect, or it is told that they have not" {
        run varve run --rm --memory 64m --cpus 0.5 busybox:1 true
        [ "$status" -eq 0 ] || fail 'the command did not run'
        if [ -n "$output" ]; then
                says '--memory and --cpus have no effect: '
        else
                run varve run --rm --memory 32m busybox:1 sh -c 'head -c 99000000 /dev/zero | tail'
                [ "$status" -eq 137 ] || fail 'it has used more'
        fi
        run -0 varve run --rm --cgroup-parent any busybox:1 true
        says '--cgroup-parent any has no effect'
        [ -z "$(varve --log-level=error run --rm --cgroup-parent any busybox:1 true 2>&1)" ]
        run -0 varve --log-format=json run --rm --cgroup-parent any busybox:1 true
        [[ $output = '{'*'"level":"warning"'*'}' ]] || fail 'no document'
        refused run --rm --memory none busybox:1 true
        refused run --rm --cpus none busybox:1 true
}

# ---- what a command may do ----

@test "--security-opt seccomp=unconfined lets calls through, and no more capabilities" {
        run varve run --rm busybox:1 unshare -U true
        [ "$status" -ne 0 ] || fail 'a user namespace was made'
        varve run --rm --security-opt seccomp=unconfined busybox:1 unshare -U true
        [ "$(varve run --rm --security-opt seccomp=unconfined busybox:1 grep CapBnd /proc/self/status)" = \
                $'CapBnd:\t00000000a80425fb' ]
        context_of unfiltered 'FROM busybox:1' 'RUN unshare -U true'
        refused build -t unfiltered "$context"
        varve build --security-opt seccomp=unconfined -t unfiltered "$context"
        [ "$(varve run --rm --security-opt no-new-privileges busybox:1 grep NoNewPrivs /proc/self/status)" = \
                $'NoNewPrivs:\t1' ]
        refused run --rm --security-opt seccomp=/etc/passwd busybox:1 true
        says 'seccomp=/etc/passwd is not supported'
}

@test "CVE-2024-23653: RUN --security=insecure is refused before any step, unless it is allowed" {
        context_of insecure 'FROM busybox:1' 'RUN touch /first' \
                'RUN --security=insecure mount -t tmpfs none /mnt && grep -q "CapEff:.0*1*f*$" /proc/self/status'
        sed -i 's,RUN touch,RUN mkdir /mnt \&\& touch,' "$context/Dockerfile"
        refused build -t insecure "$context"
        says 'Dockerfile:3' '--security=insecure was not allowed' '--allow security.insecure'
        ! grep -q '^#.*RUN' <<<"$output" || fail 'a step was begun'
        refused build --allow network.host -t insecure "$context" || :
        varve build --allow security.insecure -t insecure "$context"
        refused build --allow everything -t insecure "$context"
        says 'no such entitlement'
}

@test "an insecure step's result is no other step's from the cache" {
        context_of cached 'FROM busybox:1' 'RUN --security=insecure grep CapBnd /proc/self/status >/caps'
        varve build --allow security.insecure -t cached "$context"
        context_of cached 'FROM busybox:1' 'RUN grep CapBnd /proc/self/status >/caps'
        varve build -t cached "$context"
        [ "$(varve run --rm cached cat /caps)" = $'CapBnd:\t00000000a80425fb' ]
}

# ---- how sure owners are ----

owners() {
        varve inspect --format '{{json .RootFS.Owners}}' "$1"
}

@test "inspect tells of each layer how its owners are known, also when it comes from the cache" {
        context_of owners 'FROM busybox:1' 'COPY --chown=3:4 Dockerfile /copied' 'RUN chown 5:6 /copied' \
                'RUN true' 'WORKDIR /new'
        varve build -t owners "$context"
        expected='["","declared","T2","declared"]'
        [ "$mode" = single ] || expected=${expected/T2/real}
        [ "$(owners owners)" = "$expected" ] || fail "other owners: $(owners owners)"
        varve build -t again "$context"
        [ "$(owners again)" = "$expected" ] || fail "other owners: $(owners again)"
        [ "$(owners busybox:1)" = '[""]' ]
}

@test "where owners are only faked, no file gets a setuid or setgid bit" {
        [ "$mode" = single ] || skip 'the ids are real'
        context_of faked 'FROM busybox:1' \
                'RUN cp /bin/busybox /mine && chown 33:42 /mine && chmod 6755 /mine && mkdir /d && chmod 3777 /d' \
                'RUN umask 0; cp -p /mine /copy; chmod u+s /copy; touch /plain; chmod 2666 /plain'
        env --ignore-environment --chdir=/ PATH=/usr/bin:/bin VARVE_ROOT="$store" \
                "$stage/bin/sandbox-old-kernel" setpriv --reuid "$user" --regid "$user" --init-groups \
                --inh-caps=-all -- "$stage/bin/varve" build -t faked "$context"
        [ "$(owners faked)" = '["","T0","T0"]' ] || fail "other owners: $(owners faked)"
        unpacked faked
        [ "$(cd "$root" && stat -c '%n %a' mine copy plain d)" = $'mine 755\ncopy 755\nplain 666\nd 1777' ] ||
                fail "$(cd "$root" && stat -c '%n %a' mine copy plain d)"
        [ -z "$(find "$root" -perm /6000)" ]
}
