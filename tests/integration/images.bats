#!/usr/bin/env bats
# Images in the store: listed, inspected, tagged, removed; loaded and saved in every form, and read
# by other tools.
# shellcheck disable=SC2016,SC2030,SC2031 # a Dockerfile expands these; each test is a shell

# shellcheck source=tests/integration/varve.bash
. "$BATS_TEST_DIRNAME/varve.bash"

setup_file() {
        fresh_work busybox
        context_of sample \
                'FROM busybox:1' \
                'RUN echo sample > /sample && chown 5:6 /sample && rm /etc/issue' \
                'LABEL a=b' \
                'CMD ["cat", "/sample"]'
        varve build -t sample "$context"
}

# The tree and config of an image as text.
described() {
        saved "$1"
        whole_manifest "oci:$work/saved:image"
        "$here/tools/image-config" "$work/saved:image"
}

# Loads FILE into a store of its own and compares the image with the one that was saved.
same_when_loaded() {
        described sample >"$work/original"
        rm -rf "$work/second"
        store=$work/second
        run varve load -i "$1"
        [ "$status" -eq 0 ] || fail "load was to succeed"
        described "${2:-sample}" >"$work/copy"
        diff -u "$work/original" "$work/copy"
        [ "$(varve run --rm "${2:-sample}")" = sample ]
        store_is_sound
}

@test "images lists repository, tag, ID, age and size" {
        run varve images
        says 'REPOSITORY +TAG +IMAGE ID +CREATED +SIZE' '^busybox +1 +[0-9a-f]{12} ' \
                '^sample +latest +[0-9a-f]{12} .* [0-9.]+ ?[kM]B$'
}

@test "images are filtered, and listed in the form that is asked for" {
        names() {
                varve images --format '{{.Repository}}:{{.Tag}}' "$@" | sort | xargs
        }
        [ "$(names)" = 'busybox:1 sample:latest' ]
        [ "$(names 'bus*')" = busybox:1 ]
        [ "$(names --filter label=a=b)" = sample:latest ]
        [ -z "$(names --filter label=a=c)" ]
        [ "$(names -f before=sample)" = busybox:1 ]
        [ "$(names -f since=busybox:1 -a)" = sample:latest ]
        [ -z "$(names --filter until=1h30m)" ]
        [ -z "$(names --filter dangling=true)" ]
        [ "$(varve image ls -q --no-trunc sample)" = "$(varve inspect -f '{{.Id}}' sample)" ]
        run varve images --digests --format 'table {{.Tag}}\t{{.Digest}}' sample
        says '^TAG +DIGEST$' '^latest +sha256:[0-9a-f]{64}$'
        varve images --format json | python3 -c 'import json, sys
assert [json.loads(line)["Repository"] for line in sys.stdin] == ["sample", "busybox"]'
        run -1 varve images --filter frob=1
        says 'no filter "frob=1"' 'dangling='
        run -1 varve images --format '{{.Nothing}}'
        says 'there is no .Nothing'
}

@test "history says when and what, for people and for programs" {
        run varve history sample
        says '^IMAGE +CREATED +CREATED BY +SIZE +COMMENT$' '^[0-9a-f]{12} .* CMD \["cat" "/sample"\]'
        run varve history --human=false --format '{{.Size}} {{.CreatedAt}} {{.CreatedBy}}' sample
        says '^0 20[0-9-]+T[0-9:]+Z LABEL a=b$'
        [ "$(varve history -q --no-trunc sample | head -n 1)" = "$(varve images -q --no-trunc sample)" ]
}

@test "image prune removes images without a name, and with -a all" {
        local before=$store
        store=$work/pruned
        varve import "$stage/busybox.tar" one
        varve tag one two
        printf 'FROM one\nLABEL n=%s\n' 1 | varve build -t three -
        printf 'FROM one\nLABEL n=%s\n' 2 | varve build -t three -
        [ "$(varve images -q --filter dangling=true | wc -l)" = 1 ]
        run varve image prune
        says 'Deleted Images:' '^deleted: sha256:' '^Total reclaimed space: '
        [ "$(varve images | wc -l)" = 4 ]
        run varve image prune -a --filter label=n -f
        says '^untagged: three:latest$'
        run varve system prune -af
        says '^untagged: one:latest$' '^untagged: two:latest$'
        [ -z "$(varve images -q)" ]
        store=$before
}

@test "an image is mounted, read and unmounted" {
        as_tester mkdir -p "$work/mnt"
        varve mount sample "$work/mnt"
        [ "$(as_tester cat "$work/mnt/sample")" = sample ]
        [ "$(as_tester stat -c %u:%g "$work/mnt/sample")" = 5:6 ]
        as_tester test ! -e "$work/mnt/etc/issue"
        run ! as_tester touch "$work/mnt/new"
        says 'Read-only'
        run -1 varve mount sample "$work/none"
        says 'cannot mount on'
        run -1 varve mount busybox:1 "$work/mnt"
        says 'something is mounted there' 'varve umount'
        varve umount "$work/mnt"
        run -1 varve umount "$work/mnt"
        [ "$output" = "varve: nothing is mounted on $work/mnt" ]
        [ -z "$(as_tester ls "$work/mnt")" ]
        run ! grep varve-fs < <(processes)
}

@test "longer names of commands, versions and facts are Docker's" {
        run -125 varve image
        says 'varve image COMMAND' '^  ls +List'
        run -125 varve image frobnicate
        says 'no command "image frobnicate"'
        [ "$(varve version --format '{{.Client.Version}}')" = "$(varve --version | cut -d ' ' -f 2)" ]
        [ "$(varve system info -f '{{.Images}} {{.DockerRootDir}}')" = "2 $store" ]
}

@test "inspect prints JSON that has the config" {
        varve inspect sample | python3 -c '
import json, sys
image = json.load(sys.stdin)[0]
assert image["Config"]["Labels"] == {"a": "b"}, image
assert image["Config"]["Cmd"] == ["cat", "/sample"], image
assert image["Architecture"] and image["Os"] == "linux"
assert len(image["RootFS"]["Layers"]) == 2, image'
}

@test "tag gives a second name, rmi takes one away" {
        varve tag sample other/name:2
        run varve images
        says '^other/name +2 '
        varve rmi other/name:2
        run varve images
        says '^sample +latest'
        run ! grep other/name <<<"$output"
        [ "$(varve run --rm sample)" = sample ]
}

@test "rmi of the last name frees what no other image needs" {
        context_of doomed \
                'FROM busybox:1' \
                'RUN head -c 3000000 /dev/urandom > /only-here'
        before=$(du -sb "$store" | cut -f 1)
        varve build --no-cache -t doomed "$context"
        varve rmi doomed
        run ! grep doomed < <(varve images)
        store_is_sound
        after=$(du -sb "$store" | cut -f 1)
        # The cache may hold the layer for the next build; an image's own blobs go.
        [ $((after - before)) -lt 4000000 ]
        [ "$(varve run --rm sample)" = sample ]
}

@test "--root names the store, before the command and after it" {
        local expected
        expected=$(varve images -q)
        [ -n "$expected" ]
        elsewhere() {
                as_tester env VARVE_ROOT="$work/none" "$stage/bin/varve" "$@"
        }
        [ "$(elsewhere --root "$store" images -q)" = "$expected" ]
        [ "$(elsewhere --root="$store" images -q)" = "$expected" ]
        [ "$(elsewhere images -q --root="$store")" = "$expected" ]
        [ -z "$(elsewhere images -q)" ]
        run -1 elsewhere inspect busybox:1
        says "there is no store in $work/none"
        run -1 elsewhere history busybox:1
        [ ! -e "$work/none" ] || fail 'a store was made'
}

@test "inspect shows as empty what the image says nothing of" {
        [ "$(varve inspect -f '{{.Config.Env}}{{.Config.User}}{{.Config.Labels}}' busybox:1)" = '[]map[]' ]
}

@test "an archive is saved to where a link leads" {
        as_tester ln -sf target.tar "$work/link"
        run ! varve save -o "$work/link" busybox:1
        says 'leads nowhere'
        as_tester touch "$work/target.tar"
        varve save -o "$work/link" busybox:1
        [ -L "$work/link" ]
        varve load -i "$work/target.tar"
        rm "$work/link"
}

@test "an oci-archive is saved and loaded again" {
        varve save --format oci-archive -o "$work/oci.tar" sample
        same_when_loaded "$work/oci.tar"
}

@test "an ordinary user's skopeo reads what is saved, in both formats" {
        local format
        for format in docker-archive oci-archive; do
                varve save --format "$format" -o "$work/$format.tar" sample
                as_user "$user" skopeo inspect "$format:$work/$format.tar" | grep Layers
        done
}

@test "a docker-archive is saved and loaded again" {
        varve save --format docker-archive -o "$work/docker.tar" sample
        same_when_loaded "$work/docker.tar"
}

@test "what is saved to standard output is what is saved to a file" {
        varve save --format docker-archive sample >"$work/stdout.tar"
        chown "$user" "$work/stdout.tar"
        same_when_loaded "$work/stdout.tar"
}

@test "a docker-archive is what skopeo makes of the image, and skopeo's is loaded" {
        saved sample
        skopeo copy -q "oci:$work/saved:image" "docker-archive:$work/skopeo.tar:sample:latest"
        chown "$user" "$work/skopeo.tar"
        same_when_loaded "$work/skopeo.tar"
}

@test "an OCI layout directory is loaded" {
        saved sample
        chown -R "$user" "$work/saved"
        cp -a "$work/saved" "$work/layout"
        same_when_loaded "$work/layout" image
}

@test "archives compressed with gzip and zstd are loaded" {
        varve save --format oci-archive -o "$work/oci.tar" sample
        gzip -kf "$work/oci.tar"
        zstd -qkf "$work/oci.tar"
        chown "$user" "$work"/oci.tar.*
        same_when_loaded "$work/oci.tar.gz"
        store=$work/store
        same_when_loaded "$work/oci.tar.zst"
}

@test "an image with layers compressed by zstd is loaded" {
        saved sample
        skopeo copy -q --dest-compress --dest-compress-format zstd "oci:$work/saved:image" \
                "oci-archive:$work/zstd.tar:sample"
        chown "$user" "$work/zstd.tar"
        same_when_loaded "$work/zstd.tar"
}

@test "a root filesystem is imported plain and compressed, from a file and from standard input" {
        zstd -qkf "$stage/busybox.tar" -o "$work/rootfs.tar.zst"
        gzip -c "$stage/busybox.tar" >"$work/rootfs.tar.gz"
        chown "$user" "$work"/rootfs.*
        varve import "$work/rootfs.tar.zst" imported:zst
        varve import -c 'CMD ["echo", "imported"]' -m why "$work/rootfs.tar.zst" imported:changed
        [ "$(varve run --rm imported:changed)" = imported ]
        [ "$(varve history --format '{{.Comment}}' imported:changed)" = why ]
        run ! varve import -c 'RUN true' "$work/rootfs.tar.zst"
        varve import "$work/rootfs.tar.gz" imported:gz
        varve import - imported:stdin <"$stage/busybox.tar"
        described busybox:1 >"$work/original"
        for tag in zst gz stdin; do
                described imported:$tag >"$work/copy"
                diff -u "$work/original" "$work/copy"
        done
}

@test "an imported root filesystem is what the archive holds" {
        mkdir -p "$work/extracted"
        tar --numeric-owner --delay-directory-restore -xf "$stage/busybox.tar" -C "$work/extracted"
        unpacked busybox:1
        diff -u <(whole_manifest "$work/extracted") <(whole_manifest "$root")
}

@test "skopeo copies the image out of the store's own layout" {
        name=$(python3 -c 'import json, sys
for m in json.load(open(sys.argv[1]))["manifests"]:
    name = m.get("annotations", {}).get("org.opencontainers.image.ref.name", "")
    if "sample" in name: print(name)' "$store/oci/index.json")
        [ -n "$name" ]
        skopeo copy -q "oci:$store/oci:$name" "dir:$work/dir"
        skopeo inspect "dir:$work/dir" | grep '"a": "b"'
        umoci list --layout "$store/oci" | grep sample
}

@test "podman runs the image, and the umoci tree has its owners" {
        unpacked sample
        [ "$("$here/integration/podman-run" "$work/saved:image")" = sample ]
        [ "$(stat -c %u:%g "$root/sample")" = 5:6 ]
        [ ! -e "$root/etc/issue" ]
}

@test "an image that podman saved is built upon" {
        saved busybox:1
        skopeo copy -q "oci:$work/saved:image" "docker-archive:$work/base.tar:foreign:1"
        chown "$user" "$work/base.tar"
        varve load -i "$work/base.tar"
        context_of upon \
                'FROM foreign:1' \
                'RUN echo upon > /upon'
        varve build -t upon "$context"
        [ "$(varve run --rm upon cat /upon)" = upon ]
}
