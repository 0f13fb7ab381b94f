#!/usr/bin/env bats
# What a hostile image, Dockerfile or step tries on a build, by the name of its CVE where it has one.
# tests/sandbox/attacks.bats has what is tried on the sandbox alone, hostile-archives.bats and the unit
# tests of src/archive what is tried on the unpacker. Each looks at a canary, not at words alone.
# shellcheck disable=SC2016 # the steps' shells expand these

# shellcheck source=tests/integration/varve.bash
. "$BATS_TEST_DIRNAME/varve.bash"

canary=/var/tmp/varve-canary

setup_file() {
        fresh_work busybox
}

setup() {
        rm -rf "$canary-$mode"
        install -d -o "$user" -g "$user" "$canary-$mode"
        echo untouched >"$canary-$mode/file"
        chown "$user" "$canary-$mode/file"
}

teardown() {
        pkill -KILL -u "$user" || :
        local found
        found=$(cd "$canary-$mode" && find . | sort | tr '\n' ' ' && cat file)
        rm -rf "$canary-$mode"
        [ "$found" = $'. ./file untouched' ] || fail "the canary was touched: $found"
}

# hostile KIND: loads an image of that kind, as hostile:1.
hostile() {
        "$here/tools/hostile-archive" "$1" "$stage/busybox.tar" "$work/hostile.tar"
        chown "$user" "$work/hostile.tar"
        varve load -i "$work/hostile.tar"
}

# refuses KIND REGEX: such an image is not taken in, and in no more memory than 256 MB.
refuses() {
        varve rmi hostile:1 2>/dev/null || :
        "$here/tools/hostile-archive" "$1" "$stage/busybox.tar" "$work/hostile.tar"
        chown "$user" "$work/hostile.tar"
        run as_tester env VARVE_ROOT="$store" python3 -c '
import resource, subprocess, sys
status = subprocess.run(sys.argv[1:]).returncode
print("MEMORY", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10)
sys.exit(status)' "$stage/bin/varve" load -i "$work/hostile.tar"
        rm "$work/hostile.tar"
        [ "$status" -eq 1 ] || fail "it was to be refused"
        says '^varve: .*hostile\.tar' "$2"
        [ "$(sed -n 's/^MEMORY //p' <<<"$output")" -lt 256 ] || fail 'it took more than 256 MB'
        ! varve images | grep -q ^hostile || fail 'it has a name'
        store_is_sound
}

# ---- runtime ----

@test "CVE-2024-21626: no WORKDIR leads to a descriptor of the host" {
        for fd in 3 5 7 8 9 11 20; do
                context_of workdir 'FROM busybox:1' "WORKDIR /proc/self/fd/$fd" \
                        'RUN cat ../../../../etc/hostname ./../../etc/shadow 2>/dev/null; ls -a . >/listing; pwd >/pwd'
                exec 9</etc
                run varve build -t workdir "$context"
                [ "$status" -ne 0 ] || [ "$(varve run --rm workdir cat /pwd)" = "/proc/self/fd/$fd" ] ||
                        fail "fd $fd: $(varve run --rm workdir cat /pwd /listing)"
                run varve run --rm --workdir "/proc/self/fd/$fd" busybox:1 ls ../../../../root
                [ "$status" -ne 0 ] || fail "fd $fd leads somewhere: $output"
        done
}

@test "mount points of an image that are symbolic links lead nowhere" {
        "$here/tools/hostile-archive" mounts_are_links "$stage/busybox.tar" "$work/links.tar"
        chown "$user" "$work/links.tar"
        ln -sfn "$canary-$mode" "$canary" || :
        varve load -i "$work/links.tar"
        context_of links 'FROM hostile:1' 'RUN echo x >/tmp/x; echo x >/etc/x; echo x >/dev/x; cat /proc/self/comm >/comm'
        run varve build -t links "$context"
        rm -f "$canary"
        [ "$status" -ne 0 ] || [ "$(varve run --rm links cat /comm)" = cat ] || fail 'another /proc'
}

@test "a USER that is no number and no name never becomes root by mistake" {
        for given in -1 4294967295 4294967296 0x1 +0 00x '0 ' 1e0 '1:-1' '1:4294967295' ' 1' ':0x0'; do
                run varve run --rm --user "$given" busybox:1 id -u
                [ "$status" -ne 0 ] || [ "$output" != 0 ] || fail "--user '$given' is root"
        done
        [ "$(varve run --rm --user 1 busybox:1 id -u)" = 1 ]
        run varve run --rm --user 1: busybox:1 id -u
        [ "$status" -ne 0 ] || [ "$output" = 1 ] || fail '1: is root'
}

@test "CVE-2024-9676, CVE-2026-47262: an /etc/passwd without end or of another kind stops nothing" {
        for kind in passwd_is_a_fifo passwd_is_endless passwd_is_a_gigabyte passwd_is_a_link_to_the_host; do
                hostile "$kind"
                run timeout 20 env VARVE_ROOT="$store" setpriv --reuid "$user" --regid "$user" --clear-groups \
                        "$stage/bin/varve" run --rm --user "$user" hostile:1 id -u
                [ "$status" -ne 124 ] || fail "$kind: it waits"
                [ "$status" -ne 0 ] || fail "$kind: the host's user was found"
                run timeout 20 env VARVE_ROOT="$store" setpriv --reuid "$user" --regid "$user" --clear-groups \
                        "$stage/bin/varve" run --rm --user 5:6 hostile:1 id -u
                [ "$status" -eq 125 ] || [ "$output" = 5 ] || fail "$kind: another user"
                varve rmi hostile:1
        done
}

@test "CVE-2024-23652: taking mount points back removes nothing of the host or the image" {
        context_of stubs 'FROM busybox:1' \
                'RUN rm -rf /etc/hosts /etc/resolv.conf; mkdir -p /etc/x; mv /etc /elsewhere; ln -s / /etc; true' \
                'RUN touch /second'
        run varve build -t stubs "$context"
        [ "$status" -ne 0 ] || varve run --rm stubs test -e /second
        [ -s /etc/passwd ] && [ -s /etc/hosts ]
}

@test "CVE-2024-1753, CVE-2024-9407, CVE-2024-9675: no mount of a step leads to the host" {
        local links="ln -s / /root-link && ln -s $canary-$mode /link && ln -s ../../../../../../..$canary-$mode /up"
        local stages=('FROM busybox:1 AS evil' "RUN $links && ln -s /proc/self/root /proc-link" 'FROM busybox:1')
        context_of mounts "${stages[@]}" \
                'RUN --mount=type=bind,from=evil,source=/root-link,target=/m,rw test -L /m/link && rm -rf /m/etc && echo x >/m/x' \
                'RUN --mount=type=cache,id=../../x,target=/c --mount=type=cache,id=/etc,target=/e test ! -e /e/passwd && echo x >/c/x && echo x >/e/x'
        varve build -t mounts "$context"
        [ -s /etc/passwd ] && [ ! -e /etc/x ] && [ ! -e "$store/x" ] && [ ! -e "$store/../x" ] || fail 'written outside'
        for source in /link /up "/proc-link$canary-$mode" "../../../../../..$canary-$mode"; do
                for kind in bind cache; do
                        context_of mount "${stages[@]}" "RUN --mount=type=$kind,from=evil,source=$source,target=/m,rw cat /m/file; echo touched >/m/file"
                        run varve build "$context"
                        ! grep -q untouched <<<"$output" || fail "the host's: $kind of $source"
                done
        done
        for key in propagation=rshared bind-propagation=shared bind-nonrecursive; do
                context_of propagation 'FROM busybox:1' "RUN --mount=target=/m,$key true"
                run varve build "$context"
                [ "$status" -ne 0 ] || fail "taken: $key"
                says "unknown key"
        done
}

@test "CVE-2024-11218, CVE-2024-23651: a path that a parallel step swaps is never the host's" {
        context_of race 'FROM busybox:1 AS one' \
                "RUN --mount=type=cache,id=race,target=/c mkdir -p /c/d && for i in \$(seq 300); do mv /c/d /c/e; ln -s $canary-$mode /c/d; rm /c/d; mv /c/e /c/d; done" \
                'FROM busybox:1 AS two' \
                'RUN --mount=type=cache,id=race,target=/c --mount=target=/c/d,rw ls /c/d >/1; echo x >/c/d/file' \
                'RUN --mount=type=cache,id=race,target=/c --mount=target=/c/d,rw ls /c/d >/2; echo x >/c/d/file' \
                'RUN --mount=type=cache,id=race,target=/c --mount=type=tmpfs,target=/c/d ls /c/d >/3; echo x >/c/d/file' \
                'FROM busybox:1' 'COPY --from=one /bin/busybox /' 'COPY --from=two /1 /2 /3 /'
        run varve build -t race "$context"
        [ "$status" -ne 0 ] || [ "$(varve run --rm race cat /1 /2 /3)" = $'Dockerfile\nDockerfile' ] || fail 'something else'
}

@test "CVE-2025-4953: what a step writes never comes to the context" {
        context_of context 'FROM busybox:1' 'COPY . /in' 'RUN echo changed >/in/file; rm /in/Dockerfile; cp /in/file /new'
        echo untouched >"$context/file"
        chown "$user" "$context/file"
        varve build -t context "$context"
        [ "$(cat "$context/file")" = untouched ] && [ -e "$context/Dockerfile" ]
        [ "$(ls "$context")" = $'Dockerfile\nfile' ]
}

@test "a step can neither see nor signal nor trace the process that serves its files" {
        varve run --rm busybox:1 sh -c 'until [ -e /end ]; do sleep 0.1; done' &
        runner=$!
        until server=$(pgrep -u "$user" -x varve | tail -1) && pgrep -u "$user" -x sleep; do sleep 0.05; done
        run varve run --rm busybox:1 sh -c "kill -KILL $server; ls /proc/$server; cat /proc/$server/mem; ps"
        kill -0 "$server" || fail 'it was killed'
        ! grep -q 'varve$' <<<"$output" || fail 'it is seen'
        pkill -KILL -u "$user" -x varve
        ends "$runner"
}

# ---- what is unpacked ----

@test "devices of an image are no devices, and strange attributes do no harm" {
        hostile devices_and_strange_attributes
        for device in mem kmsg sda; do
                run varve run --rm hostile:1 head -c 1 "/$device"
                [ "$status" -ne 0 ] || fail "/$device can be read"
                says 'Permission denied|Operation not permitted|No such device'
        done
        varve run --rm hostile:1 cat /labelled
        context_of devices 'FROM hostile:1' 'RUN mknod /made c 1 1; head -c 1 /made && exit 1; rm /made; true'
        varve build -t devices "$context"
        [ -z "$(getfattr -R -d -m - "$store" 2>/dev/null)" ] || fail 'attributes on the host'
}

@test "bombs are refused, in little memory" {
        [ "$mode" = single ] || skip 'nothing runs: users do not matter'
        refuses ten_gigabytes_of_zeros 'more than 200 times its size'
        refuses ten_million_entries 'larger than an index can hold'
        refuses a_million_levels 'extended header is too large'
        refuses config_is_huge 'larger|too large|bytes|MiB'
}

@test "CVE-2024-3727: digests that are none, or of others, are refused" {
        refuses digest_is_upper_case digest
        refuses digest_is_of_md5 'digest|md5'
        refuses diff_id_lies 'diffID|0000'
}

@test "CVE-2021-41190: documents that may be read in two ways are refused" {
        refuses manifest_is_an_index_too 'manifests'
        refuses config_says_a_thing_twice 'twice|duplicate'
        refuses index_holds_itself 'index|deep|nested|blobs'
}

# ---- contexts ----

@test "CVE-2018-15664: COPY --from never follows a link that another stage's step swaps" {
        context_of swap 'FROM busybox:1 AS one' \
                "RUN mkdir /d && echo mine >/d/file && ln -s $canary-$mode /l && for i in 1 2 3 4 5 6 7 8 9; do mv /d /x; mv /l /d; mv /d /l; mv /x /d; done" \
                'FROM busybox:1' 'COPY --from=one /l /from-link' 'COPY --from=one /d/file /from'
        run varve build -t swap "$context"
        [ "$status" -ne 0 ] || ! varve run --rm swap cat /from-link/file | grep -q untouched || fail "the host's"
}

@test "a Dockerfile or .dockerignore that is a link out of the context is not a way into the image" {
        context_of links 'FROM busybox:1' 'COPY . /all'
        ln -s "$canary-$mode/file" "$context/out"
        ln -s / "$context/root"
        ln -s /etc/shadow "$context/.dockerignore"
        run varve build -t links "$context"
        [ "$status" -ne 0 ] || ! varve run --rm links cat /all/out 2>/dev/null | grep -q untouched || fail 'a file of the host'
        rm "$context/.dockerignore"
        varve build -t links "$context"
        [ "$(varve run --rm links readlink /all/out)" = "$canary-$mode/file" ] || fail 'it was followed'
        context_of pattern 'FROM busybox:1' 'COPY . /all'
        # shellcheck disable=SC1003 # a backslash alone
        printf '%s\n' '../**' '**/../../x' '[a-' '\' '!!x' "$(printf '*%.0s' {1..2000})a" >"$context/.dockerignore"
        chown -R "$user" "$context"
        run timeout 20 env VARVE_ROOT="$store" setpriv --reuid "$user" --regid "$user" --clear-groups \
                "$stage/bin/varve" build -t pattern "$context"
        [ "$status" -lt 124 ] || fail 'it hangs or has crashed'
}

@test "CVE-2026-44517: an archive as the context writes to nothing outside" {
        python3 - "$canary-$mode" "$work/context.tar" <<'END'
import io, sys, tarfile
canary, path = sys.argv[1:]
with tarfile.open(path, "w") as tar:
    def add(name, kind=tarfile.REGTYPE, link="", data=b"touched\n"):
        entry = tarfile.TarInfo(name)
        entry.type, entry.linkname, entry.size = kind, link, len(data) if kind == tarfile.REGTYPE else 0
        tar.addfile(entry, io.BytesIO(data))
    add("Dockerfile", data=b"FROM busybox:1\nCOPY . /all\n")
    add("d", tarfile.SYMTYPE, canary)
    add("d/file")
    add("f", tarfile.SYMTYPE, canary + "/file")
    add("f")
    add("h", tarfile.LNKTYPE, canary + "/file")
END
        run varve build -t archive - <"$work/context.tar"
        [ "$status" -ne 0 ] || ! varve run --rm archive cat /all/h | grep -q untouched || fail 'a file of the host'
}

@test "no program of an image unpacks or fetches anything for varve" {
        context_of helpers 'FROM busybox:1' \
                "RUN for name in tar gzip gunzip xz unxz zstd bzip2 git curl; do rm -f /bin/\$name; printf '#!/bin/sh\\ntouch $canary-$mode/run\\n' >/bin/\$name && chmod 755 /bin/\$name; done" \
                'ADD a.tar.gz a.tar.xz a.tar.zst /x/'
        for name in gz xz zst; do
                echo "$name" >"$work/$name"
                tar -C "$work" -caf "$context/a.tar.$name" "$name"
        done
        chown -R "$user" "$context"
        varve build -t helpers "$context"
        [ "$(varve run --rm helpers cat /x/gz /x/xz /x/zst)" = $'gz\nxz\nzst' ]
}

# ---- cache and records ----

@test "what makes a step another makes its key another: mode, owner, ARG, ENV, user, network" {
        context_of keys 'FROM busybox:1' 'ARG A=1' 'ENV B=1' 'COPY file /file' 'RUN echo "$A $B" >/said'
        echo x >"$context/file"
        chmod 644 "$context/file"
        chown "$user" "$context/file"
        varve build -t keys "$context"
        chmod 755 "$context/file"
        varve build -t keys "$context"
        [ "$(varve run --rm keys stat -c %a /file)" = 755 ] || fail 'the mode is left out'
        sed -i 's,COPY,COPY --chown=5:6,' "$context/Dockerfile"
        varve build -t keys "$context"
        [ "$(varve run --rm keys stat -c %u:%g /file)" = 5:6 ] || fail 'the owner is left out'
        varve build --build-arg A=2 -t keys "$context"
        [ "$(varve run --rm keys cat /said)" = '2 1' ] || fail 'ARG is left out'
        sed -i 's,ENV B=1,ENV B=2,' "$context/Dockerfile"
        varve build -t keys "$context"
        [ "$(varve run --rm keys cat /said)" = '1 2' ] || fail 'ENV is left out'
}

@test "a record or a layer that was changed on disk is noticed or made again" {
        context_of changed 'FROM busybox:1' 'RUN echo good >/said'
        varve build -t changed "$context"
        find "$store/cache" -type f -exec sed -i 's/[0-9a-f]\{64\}/0000000000000000000000000000000000000000000000000000000000000000/' {} +
        varve build -t changed "$context"
        [ "$(varve run --rm changed cat /said)" = good ]
        find "$store/cache" -type f -exec sh -c 'echo "../../../etc/passwd" >"$1"' x {} \;
        varve build -t changed "$context"
        [ "$(varve run --rm changed cat /said)" = good ]
}

@test "a canary in the environment of the caller is nowhere in what is written" {
        context_of canary 'FROM busybox:1' 'RUN env >/env; cat /proc/*/environ >>/env 2>/dev/null; true'
        rm -rf "$work/other"
        as_tester env VARVE_ROOT="$work/other" "$stage/bin/varve" import "$stage/busybox.tar" busybox:1
        as_tester env VARVE_ROOT="$work/other" SECRET=the-canary-of-the-caller "$stage/bin/varve" build -t canary "$context"
        ! grep -rqa the-canary-of-the-caller "$work/other" || fail 'it was written'
}
