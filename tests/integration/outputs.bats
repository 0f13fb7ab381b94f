#!/usr/bin/env bats
# What comes out of images and builds: trees as tars and directories, archives, and what two images do
# not have alike. Other tools read it.
# shellcheck disable=SC1003,SC2016,SC2030,SC2031 # a Dockerfile expands these; each test is a shell

# shellcheck source=tests/integration/varve.bash
. "$BATS_TEST_DIRNAME/varve.bash"

setup_file() {
        fresh_work busybox
        context_of sample \
                'FROM busybox:1' \
                'RUN mkdir /d && echo one >/d/a && ln /d/a /d/b && chown 5:6 /d/a && ln -s a /d/l \' \
                '        && mkfifo /d/p && chmod 4755 /d/a && rm /etc/issue' \
                'RUN truncate -s 8M /d/sparse && echo end >>/d/sparse && echo two >/d/c && chmod 711 /root'
        varve build -t sample "$context"
}

# extracted TAR: lets GNU tar unpack it, as root.
extracted() {
        rm -rf "$work/extracted"
        mkdir "$work/extracted"
        tar --numeric-owner -xpf "$1" -C "$work/extracted"
}

# same_tree A B: two directories hold the same, but for their own times.
same_tree() {
        diff -u <(whole_manifest "$1" | sed 1d) <(whole_manifest "$2" | sed 1d)
}

@test "an image is exported as a tar of its files, which GNU tar reads" {
        unpacked sample
        varve export -o "$work/sample.tar" sample
        extracted "$work/sample.tar"
        same_tree "$root" "$work/extracted"
        [ "$(stat -c %b "$work/extracted/d/sparse")" -lt 1000 ]
        varve export sample | cmp - "$work/sample.tar"
        refused export nothing-of-this-name
        says 'nothing-of-this-name'
}

@test "diff tells what was added, changed and removed, and of each layer" {
        run varve diff busybox:1 sample
        says '^A +4B +/d/a' '^C +/root +another mode' '^D .*/etc/issue' '^A +8.39MB +/d/sparse' \
                '^[0-9]+ added .* [0-9]+ changed, 1 removed'
        run varve diff --layers sample
        says '^layer 3 sha256:.* RUN .*truncate'
        [ "$(grep -c ' /d/a$' <<<"$output")" -eq 1 ]
        varve diff --format json busybox:1 sample | python3 -c '
import json, sys
found = {item["path"]: item for item in map(json.loads, sys.stdin)}
assert found["/etc/issue"]["state"] == "removed" and "is" not in found["/etc/issue"]
assert found["/root"]["differs"][0] == "mode" and found["/root"]["is"]["mode"] == "0711"
assert found["/d/a"]["is"] | {"time": 0} == {"type": "file", "size": 4, "mode": "4755",
                                             "owner": "5:6", "time": 0}'
        # The two layers of the sample, by the diffID and by the blob's digest.
        layers=$(varve inspect -f '{{index .RootFS.Layers 2}}' sample)
        blob=$(varve save --format oci-archive sample | tar -xO --wildcards 'blobs/sha256/*' 2>/dev/null |
                grep -ao '"layers":.*' | grep -o 'sha256:[0-9a-f]*' | sed -n 2p)
        run varve diff "$blob" "$layers"
        says '^D +4B +/d/b' '^A .*/d/sparse' '^[0-9]+ added'
        refused diff "sha256:$(printf %064d 0)" sample
        says 'no image and no layer'
        run varve diff sample sample
        says '^0 added \(0B\), 0 changed, 0 removed \(0B\)$'
}

# to NAME: where a build may write, and nothing of this name is.
to() {
        rm -rf "${work:?}/$1"
        printf '%s\n' "$work/$1"
}

@test "a build is written as an archive, a layout, a tar and a directory, and not into the store" {
        context=$work/sample
        unpacked sample
        before=$(tags)
        varve build -q -t out:1 -t out:2 -o "type=oci,dest=$(to o.oci)" \
                -o "type=oci-dir,dest=$(to o.dir)" -o "type=docker,dest=$(to o.docker)" \
                -o "type=tar,dest=$(to o.tar)" -o "type=local,dest=$(to o.local)" \
                --metadata-file "$work/meta" --iidfile "$work/iid" "$context"
        [ "$(tags)" = "$before" ]
        skopeo inspect --raw --config "oci-archive:$work/o.oci:2" | sha256sum |
                grep -q "^$(sed 's/sha256://' "$work/iid") " || fail 'another ID'
        [ "$(umoci ls --layout "$work/o.dir" | xargs)" = '1 2' ]
        grep -q '"io.containerd.image.name":"docker.io/library/out:2"' "$work/o.dir/index.json"
        skopeo copy -q "docker-archive:$work/o.docker:out:1" "oci:$work/o.copy:x"
        extracted "$work/o.tar"
        same_tree "$root" "$work/extracted"
        # Owners, setuid bits and times of directories are the user's own matter.
        diff -u <(cd "$root" && find . -type f,l,p -printf '%P %y %s %l\n' | sort) \
                <(cd "$work/o.local" && find . -type f,l,p -printf '%P %y %s %l\n' | sort)
        [ "$work/o.local/d/a" -ef "$work/o.local/d/b" ]
        [ "$(stat -c %U:%a "$work/o.local/d/a")" = "$user:755" ]
        python3 - "$work/meta" "$work/iid" <<'PY'
import json, sys
meta = json.load(open(sys.argv[1]))
assert meta["containerimage.config.digest"] == open(sys.argv[2]).read().strip()
assert meta["containerimage.descriptor"]["digest"] == meta["containerimage.digest"]
assert meta["image.name"] == "docker.io/library/out:1,docker.io/library/out:2"
PY
}

@test "-o DIR adds to what is in a directory, and - is a tar on standard output" {
        context=$work/sample
        as_tester mkdir -p "$work/there/d" "$work/there/own"
        echo old | as_tester tee "$work/there/d/a" "$work/there/own/x" >/dev/null
        as_tester ln -sfn /etc "$work/there/bin"
        varve build -q -o "$work/there" "$context"
        [ "$(cat "$work/there/d/a" "$work/there/own/x")" = $'one\nold' ]
        [ -d "$work/there/bin" ] && [ ! -L "$work/there/bin" ]
        [ -z "$(find "$work/there" -maxdepth 1 -name '.varve*')" ]
        varve build -q -o - "$context" | tar -t | grep -qx d/sparse
        # A file is not put in a directory's place, and then nothing is.
        as_tester rm -r "$work/there/d"
        as_tester mkdir -p "$work/there/d/a" "$work/there/d/c"
        refused build -q -o "$work/there" "$context"
        says 'd/a is a directory'
        [ ! -e "$work/there/d/l" ]
}

@test "pipes are written as they are, and the ID of -q stays out of an archive" {
        context=$work/sample
        as_tester mkdir "$work/in"
        # The archive ends where it does, in whatever way standard output is named.
        varve build -q -o - "$context" 2>"$work/err" >"$work/in.tar"
        grep -qx 'sha256:[0-9a-f]*' "$work/err"
        varve build -q -o type=tar,dest=/dev/stdout "$context" 2>/dev/null | cmp - "$work/in.tar"
        varve export -o /dev/stdout sample | cmp - "$work/in.tar"
        varve save -o /dev/stdout sample | tar -t >/dev/null
        as_tester mkfifo "$work/in/pipe"
        cat "$work/in/pipe" >"$work/in.json" &
        varve build -q --iidfile "$work/in/iid" --metadata-file "$work/in/pipe" -o "$work/in/new/dir" "$context"
        [ -p "$work/in/pipe" ] && grep -q '"containerimage.digest":' "$work/in.json"
        [ -s "$work/in/iid" ] && [ -e "$work/in/new/dir/d/a" ]
        # Where a build fails the ID of the last one is not taken for its own.
        run ! varve build -q --target none --iidfile "$work/in/iid" "$context"
        [ ! -e "$work/in/iid" ]
        varve build -q --platform linux/arm64,linux/s390x --metadata-file "$work/in/meta" -f - "$context" \
                <<<$'FROM scratch\nCOPY Dockerfile /'
        run ! grep containerimage.config.digest "$work/in/meta"
        varve save --format oci-dir -o "$work/in/none/layout" sample
        [ "$(ls -A "$work/in" "$work/in/none")" = "$(printf '%s\n' "$work/in:" meta new none pipe '' "$work/in/none:" layout)" ]
}

@test "outputs that cannot be are refused before anything is built" {
        context=$work/sample
        before=$(tags)
        no() {
                run ! varve "$@"
        }
        as_tester mkdir -p "$work/full/x"
        no build -o "type=oci-dir,dest=$work/full" "$context"
        says 'is not empty'
        no build -o - -o type=oci "$context"
        says 'another output goes to standard output'
        no build -o "type=oci,dest=$work/one" -o "type=tar,dest=$work/one" "$context"
        says 'another output goes to'
        no build -o "type=oci,dest=$work/one" -o "type=tar,dest=$work/./one" "$context"
        says 'another output goes to'
        no build -o "type=tar,compression=zstd,dest=$work/one" "$context"
        says 'compression is for type=image, oci'
        no build --push "$context"
        says 'has no name'
        no build -o type=oci,dest=/nowhere/x "$context"
        says 'cannot write /nowhere/x'
        no build -o type=oci,colour=red "$context"
        says 'not known: colour=red'
        no build -o type=image,compression=zstd -o type=image,compression=gzip "$context"
        says 'one compression'
        no build -o "type=docker,dest=$work/a,tar=false" "$context"
        no build --compression lzma "$context"
        says 'no compression'
        no build --compression none --compression-level 3 "$context"
        says 'has no levels'
        run script -qec "runuser -u $user -- env VARVE_ROOT=$store $stage/bin/varve build -o - $context" /dev/null
        says 'not written to a terminal'
        [ "$(tags)" = "$before" ]
        store_is_sound
}

@test "layers are compressed as asked for, those of the cache and of the base too, and read by others" {
        context=$work/sample
        types() {
                skopeo inspect --raw "oci:$store/oci:docker.io/library/$1:latest" | python3 -c '
import json, sys
for layer in json.load(sys.stdin)["layers"]:
    print(layer["mediaType"].split(".")[-1], layer.get("annotations", {}).get("varve.compression", "-"))'
        }
        varve build -q -t zstd --compression zstd "$context"
        run types zstd
        [[ ${lines[0]} = tar+gzip* || ${lines[0]} = 'tar -' ]] || fail 'the base was compressed'
        [[ ${lines[1]} = 'tar+zstd libzstd '*' level 2 block 1048576' ]] || fail 'no zstd'
        varve build -q -t fast --compression fast --force-compression "$context"
        run types fast
        [[ ${lines[0]} = 'tar+gzip isa-l '*' level 2 block 1048576' ]] || fail 'the base was not'
        varve build -q -t nine -o type=image,compression=gzip,compression-level=9 --no-cache "$context"
        run types nine
        [[ ${lines[1]} = 'tar+gzip libdeflate '*' level 9 block 1048576' ]] || fail 'no level 9'
        varve build -q -t none --compression uncompressed "$context"
        run types none
        [ "${lines[2]}" = 'tar -' ] || fail 'compressed'
        for name in fast none zstd; do
                skopeo copy -q "oci:$store/oci:docker.io/library/$name:latest" "oci:$work/copy:$name"
                diff -u <(whole_manifest "oci:$work/copy:$name") <(saved sample &&
                        whole_manifest "oci:$work/saved:image")
        done
        store_is_sound
}

@test "a squashed image has one layer of its own, and the same files" {
        context=$work/sample
        varve build -q -t sample "$context"
        varve build -q -t squashed --squash "$context"
        run varve diff sample squashed
        says '^0 added \(0B\), 0 changed, 0 removed \(0B\)$'
        [ "$(varve inspect -f '{{json .RootFS.Layers}}' squashed | grep -o sha256 | wc -l)" -eq 2 ]
        varve build -q -t squashed2 --layers=false "$context"
        [ "$(varve images -q | sort | uniq -d | wc -l)" -ge 1 ] || fail 'not the same'
        unpacked squashed
        mv "$root" "$work/squashed-root"
        unpacked sample
        same_tree "$root" "$work/squashed-root"
        rm -rf "$work/squashed-root"
        refused build --squash --cache-to type=inline "$context"
}

@test "with SOURCE_DATE_EPOCH two builds in other places are the same image, whoever asks and how" {
        local first
        context_of epoch 'FROM busybox:1' 'ARG SOURCE_DATE_EPOCH' \
                'RUN mkdir /d && echo $SOURCE_DATE_EPOCH >/d/a && ln /d/a /d/b && chown 7:8 /d/a' \
                'COPY Dockerfile /src/' 'RUN find / -xdev -newermt @1600000001 -not -path "/proc*" | \' \
                '        grep -v -e ^/dev -e ^/etc/host -e ^/etc/resolv >/later || :' 'WORKDIR /made'
        as_tester touch -d 2011-01-01 "$context/Dockerfile"
        varve build -q --timestamp 1600000001 -t one "$context" >"$work/first"
        first=$(cat "$work/first")
        as_tester cp -r "$context" "$work/elsewhere"
        as_tester touch -d 2011-01-01 "$work/elsewhere/Dockerfile"
        sleep 1
        [ "$(as_tester env VARVE_ROOT="$store" SOURCE_DATE_EPOCH=1600000001 LC_ALL=C TZ=Asia/Tokyo \
                sh -c "umask 077; taskset -c 0 $stage/bin/varve build -q --no-cache -t two $work/elsewhere")" = "$first" ]
        [ "$(varve build -q --no-cache --build-arg SOURCE_DATE_EPOCH=1600000001 --userns single "$context")" = "$first" ]
        # The same for both modes, by what the other one has left.
        printf '%s\n' "$first" >>"$stage/epoch-ids"
        [ "$(sort -u "$stage/epoch-ids" | wc -l)" -eq 1 ] || fail "the modes differ: $(cat "$stage/epoch-ids")"
        [ "$(varve run --rm one wc -c /later)" = '0 /later' ] || fail "a step saw: $(varve run --rm one cat /later)"
        varve history one | grep -q '5 years ago\|years ago'
        run varve build -q --timestamp 1600000002 "$context"
        [ "$output" != "$first" ]
        refused build --timestamp yesterday "$context"
        says 'no time'
}

@test "several platforms make an index of images, and a RUN that cannot be is refused first" {
        context_of several 'FROM --platform=$BUILDPLATFORM busybox:1 AS build' \
                'ARG TARGETARCH BUILDPLATFORM' 'RUN echo $TARGETARCH on $BUILDPLATFORM >/t' \
                'FROM scratch' 'COPY --from=build /t /t'
        as_tester touch "$work/never"
        run varve build --platform linux/arm64,linux/amd64 --platform arm64/v8 -t several \
                -o type=image -o "type=oci,dest=$(to several.oci)" -o "type=local,dest=$(to several.dir)" "$context"
        says 'building for linux/arm64'
        run ! grep InvalidBaseImagePlatform <<<"$output"
        [[ $(cat "$work/several.dir/linux_arm64/t") = 'arm64 on linux/'* ]]
        [[ $(cat "$work/several.dir/linux_amd64/t") = 'amd64 on linux/'* ]]
        varve rmi busybox:1 && varve import "$stage/busybox.tar" busybox:1
        varve save --format oci-dir -o "$(to several.saved)" several
        for image in "oci-archive:$work/several.oci" "oci:$work/several.saved:latest"; do
                [ "$(skopeo --override-arch arm64 inspect --config --format '{{.Architecture}}' "$image")" = arm64 ]
                [ "$(skopeo inspect --config --format '{{.Architecture}}' "$image")" = amd64 ]
        done
        # An index without this machine's platform is known by its first image.
        varve build -q --platform linux/arm64,linux/riscv64 -t elsewhere "$context"
        [ "$(varve inspect -f '{{.Architecture}}' elsewhere)" = arm64 ]
        varve rmi elsewhere
        run varve images
        run ! grep elsewhere <<<"$output"
        refused build --platform linux/arm64,linux/amd64 -o - "$context"
        says 'of one platform'
        context_of foreign 'FROM scratch' 'COPY Dockerfile /' 'RUN ["/x"]'
        [ -e /proc/sys/fs/binfmt_misc/status ] || {
                refused build --platform linux/s390x "$context"
                says 'Dockerfile:3: RUN for linux/s390x: this machine cannot execute' 'qemu-user-static'
                [ -z "$(grep -o 'COPY Dockerfile / *$' <<<"$output" | sed 1d)" ]
        }
        # Nothing is done for one of the platforms where another's cannot be.
        refused build --platform linux/amd64,linux/s390x -f - "$context" \
                <<<$'ARG TARGETARCH\nFROM busybox:1 AS b-amd64\nFROM none AS b-s390x\nFROM b-$TARGETARCH\nRUN x'
        says 'linux/s390x: Dockerfile:3: '
        run ! grep 'building for' <<<"$output"
        refused build --platform linux/s390x -f - "$context" <<<'FROM busybox:1'
        says 'busybox:1 in the store is for linux/amd64, not for linux/s390x'
        refused build --platform plan9/foo,,bar/x/y/z "$context"
}

@test "--verify-reproducible tells which files of which step differ, and how" {
        context_of verify 'FROM busybox:1 AS one' 'RUN echo same >/same' \
                'RUN echo "12 $(cat /proc/sys/kernel/random/uuid)" >/when' \
                'FROM busybox:1' 'RUN --mount=type=cache,target=/c [ -e /c/x ] && touch /made || touch /c/x' \
                'RUN --mount=type=cache,target=/c [ -e /c/y ] && rm /etc/passwd || rm /etc/group; touch /c/y' \
                'COPY --from=one /when /there' 'RUN echo >/fine'
        refused build -q -t verify --timestamp 1600000000 --verify-reproducible --squash "$context"
        says '^stage one, layer 3, RUN .*/when' '  /when: another content \(of 40 bytes, from byte [3-9] on\)' \
                '^layer 2, RUN' '  the second build alone has it' '  /made: is of the second' \
                '^layer 2, RUN .*passwd' '  /etc/group: the first build alone removes it' \
                '  /etc/passwd: the second build alone removes it' \
                '^layer 3, COPY' '  \(this may follow from what differs before it' 'were not the same'
        # The two that come first, and depend on nothing that differs, are to blame.
        [ "$(grep -c 'may follow' <<<"$output")" -eq 2 ]
        run ! grep -e '/same:' -e 'another time' -e '/fine' <<<"$output"
        run varve build --verify-reproducible "$work/sample"
        says 'another time' '--timestamp'
        varve build -q -t verify --timestamp 1600000000 --verify-reproducible "$work/sample"
        varve run --rm verify true
}

# The kernel lets a user register interpreters in a user namespace of his own since 6.7. Here it is busybox, which
# does what the file is called that it is to interpret.
@test "a RUN for another platform goes by an interpreter that binfmt_misc has" {
        as_tester unshare -Urm mount -t binfmt_misc none /proc/sys/fs/binfmt_misc 2>/dev/null ||
                skip 'no binfmt_misc in user namespaces'
        context_of interpreted 'FROM scratch' 'COPY mkdir /mkdir' 'RUN ["/mkdir", "/made"]'
        printf '\177ELF\2\2\1\0\0\0\0\0\0\0\0\0\0\2\0\26%044d' 0 >"$context/mkdir"
        chmod 755 "$context/mkdir"
        varve run --rm busybox:1 cat /bin/busybox >"$work/busybox"
        chmod 755 "$work/busybox"
        run as_tester env VARVE_ROOT="$store" WORK="$work" unshare -Urm sh -ec '
                mount -t binfmt_misc none /proc/sys/fs/binfmt_misc
                printf %s ":s390x:M::\\x7fELF\\x02\\x02\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02\\x00\\x16::$WORK/busybox:F" \
                        >/proc/sys/fs/binfmt_misc/register
                "$@"' sh "$stage/bin/varve" build --userns single --platform linux/s390x -t interpreted "$context"
        [ "$status" -eq 0 ] || fail 'it was to be built'
        [ "$(varve inspect -f '{{.Architecture}}' interpreted)" = s390x ]
        varve export interpreted | tar -t | grep -qx made/
}
