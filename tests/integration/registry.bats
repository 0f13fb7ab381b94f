#!/usr/bin/env bats
# A registry without authentication: pull, push, FROM; podman and skopeo as independent readers.
# shellcheck disable=SC2016,SC2030,SC2031 # a Dockerfile expands these; each test is a shell

# shellcheck source=tests/integration/registry.bash
. "$BATS_TEST_DIRNAME/registry.bash"

setup_file() {
        fresh_work
        registry_at plain
        echo "$port" >"$work/port"
        settings "insecure 127.0.0.1:$port"
        varve import "$stage/busybox.tar" busybox:1
        sample_image "127.0.0.1:$port/team/app:1" 3000000
        varve push -q "127.0.0.1:$port/team/app:1" >"$work/digest"
}

teardown_file() {
        stop_servers
}

setup() {
        host=127.0.0.1:$(cat "$work/port")
        settings "insecure $host"
        digest=$(cat "$work/digest")
}

@test "what was pushed is pulled again, of the same digest" {
        fresh_store
        [ "$(varve pull -q "$host/team/app:1")" = "$digest" ]
        store_is_sound
        [ "$(varve inspect -f '{{.Id}}' "$host/team/app:1")" = \
                "$(store=$work/store varve inspect -f '{{.Id}}' "$host/team/app:1")" ]
        varve run --rm "$host/team/app:1" cat /big | cmp - "$work/sample/big"
}

@test "an image is pulled by its digest" {
        fresh_store
        [ "$(varve pull -q "$host/team/app@$digest")" = "$digest" ]
        run varve images
        says "$host/team/app"
        fresh_store
        [ "$(varve pull -q "$host/team/app:1@$digest")" = "$digest" ]
        [ "$(varve images --format '{{.Repository}} {{.Tag}} {{.Digest}}')" = "$host/team/app <none> $digest" ]
        varve run --pull=never --rm "$host/team/app@$digest" true
        varve run --pull=never --rm "$host/team/app:1@$digest" true
        refused pull "$host/team/app@sha256:$(printf '0%.0s' $(seq 64))"
        says 'manifest unknown'
}

@test "skopeo reads what varve pushed, and podman runs it" {
        skopeo copy -q --src-tls-verify=false "docker://$host/team/app:1" "oci:$work/copied:image"
        [ "$("$here/integration/podman-run" "$work/copied:image" cat /etc/issue)" = \
                "$(varve run --rm "$host/team/app:1" cat /etc/issue)" ]
}

@test "what skopeo pushes is pulled: OCI and Docker types, gzip, zstd, plain" {
        local format
        saved "$host/team/app:1"
        for format in 'v2s2' 'oci' 'oci --dest-compress-format=zstd'; do
                # shellcheck disable=SC2086 # two words
                skopeo copy -q --dest-tls-verify=false --format $format \
                        "oci:$work/saved:image" "docker://$host/skopeo:$(tr -dc a-z0-9 <<<"$format")"
                fresh_store
                varve pull -q "$host/skopeo:$(tr -dc a-z0-9 <<<"$format")"
                store_is_sound
                varve run --rm "$host/skopeo:$(tr -dc a-z0-9 <<<"$format")" cat /big |
                        cmp - "$work/sample/big"
        done
        rm -rf "$work/plain"
        skopeo copy -q --dest-decompress "oci:$work/saved:image" "dir:$work/plain"
        skopeo copy -q --dest-tls-verify=false --dest-compress=false "dir:$work/plain" \
                "docker://$host/skopeo:plain"
        fresh_store
        varve pull -q "$host/skopeo:plain"
        store_is_sound
}

@test "of an index the image for the platform is pulled, and all of it is pushed" {
        skopeo inspect --raw --tls-verify=false "docker://$host/team/app:1" >"$work/manifest"
        python3 -c '
import json, sys
digest, size = sys.argv[1], int(sys.argv[2])
entry = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": size}
print(json.dumps({
    "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
    "manifests": [dict(entry, platform={"os": "linux", "architecture": "amd64"})]}))' \
                "$digest" "$(stat -c %s "$work/manifest")" >"$work/index"
        put_manifests "$host/v2/team/app/manifests" "$work/index" index
        fresh_store
        run -0 varve pull -q "$host/team/app:index"
        [ "$(varve run --rm "$host/team/app:index" wc -c /big)" = '3000000 /big' ]
        varve tag "$host/team/app:index" "$host/other/app:index"
        varve push -q "$host/other/app:index"
        skopeo inspect --raw --tls-verify=false "docker://$host/other/app:index" | grep -q manifests
        refused pull --platform linux/s390x "$host/team/app:index"
        says 'linux/s390x'
}

@test "an image of 127 layers goes there and back" {
        context_of many 'FROM busybox:1'
        for i in $(seq 126); do
                echo "COPY f$i /" >>"$context/Dockerfile"
                echo "$i" >"$context/f$i"
        done
        chown -R "$user" "$context"
        varve build -q -t "$host/many:1" "$context"
        varve push -q "$host/many:1"
        fresh_store
        # A line for each; what has left the screen is not drawn again.
        varve pull --progress tty "$host/many:1" 2>"$work/drawn"
        [ "$(grep -c ' done$' "$work/drawn")" -eq 127 ]
        run ! grep -P '\x1b\[([5-9]|\d\d+)A' "$work/drawn"
        store_is_sound
        [ "$(varve inspect -f '{{len .RootFS.Layers}}' "$host/many:1" 2>/dev/null ||
                varve inspect "$host/many:1" | grep -c '"sha256:')" -ge 127 ]
        [ "$(varve run --rm "$host/many:1" cat /f126)" = 126 ]
}

@test "the store of a pulled image takes few inodes" {
        fresh_store
        varve pull -q "$host/team/app:1"
        [ "$(find "$store" | wc -l)" -lt 26 ]
}

@test "layers of a push that another repository has are mounted" {
        fresh_store
        varve pull -q "$host/team/app:1"
        varve tag "$host/team/app:1" "$host/mounted/app:1"
        run varve push --progress plain "$host/mounted/app:1"
        [ "$status" -eq 0 ]
        says 'mounted from another repository'
        run varve push --progress plain "$host/mounted/app:1"
        says 'already there'
}

@test "FROM pulls what is missing, and copies from it" {
        fresh_store
        context_of from "FROM $host/team/app:1" 'RUN echo more > /more' \
                "COPY --from=$host/team/app:1 /big /bigger"
        varve build -t from "$context"
        varve run --rm from cat /bigger | cmp - "$work/sample/big"
        [ "$(varve run --rm from cat /more)" = more ]
        store_is_sound
}

@test "--pull says when a registry is asked" {
        fresh_store
        context_of policy "FROM $host/team/app:1" 'LABEL a=b'
        refused build --pull=never "$context"
        says "$host/team/app:1" 'pull'
        varve build -q "$context"
        varve build -q --pull "$context"
        varve build -q --pull=newer "$context"
        settings "insecure $host" "block $host"
        varve build -q "$context"
        varve build -q --pull=newer "$context"
        refused build --pull "$context"
        says 'blocked'
        refused build --pull=sometimes "$context"
        says 'missing, always, newer'
}

@test "run pulls an image that is missing, and asks again where that is wanted" {
        fresh_store
        refused run --rm --pull=never "$host/team/app:1" true
        says 'varve pull'
        [ "$(varve run --rm -q "$host/team/app:1" cat /etc/issue 2>"$work/printed")" = \
                "$(store=$work/store varve run --rm "$host/team/app:1" cat /etc/issue)" ]
        [ ! -s "$work/printed" ] || fail "printed: $(cat "$work/printed")"
        store_is_sound
        context_of again "FROM $host/team/app:1" 'CMD ["echo", "another"]'
        (store=$work/store varve build -q -t other "$context")
        (store=$work/store varve push -q other "$host/team/run:1")
        [ "$(varve run --rm "$host/team/run:1" 2>"$work/printed")" = another ]
        (store=$work/store varve push -q "$host/team/app:1" "$host/team/run:1")
        # What is there is not asked for again, be the registry there or not.
        settings "insecure $host" "block $host"
        [ "$(varve run --rm "$host/team/run:1")" = another ]
        [ "$(varve run --rm --pull=newer "$host/team/run:1")" = another ]
        run -125 varve run --rm --pull=always "$host/team/run:1"
        says 'blocked'
        settings "insecure $host"
        [ "$(varve run --rm --pull=always -q "$host/team/run:1")" != another ]
        run -125 varve run --rm --pull=sometimes "$host/team/run:1"
        says 'missing, always, newer'
        run -125 varve run --rm "$host/team/none:1"
        says 'cannot pull'
}

@test "a layer that is not read is not fetched, neither to build nor to push" {
        fresh_store
        context_of lazy "FROM $host/team/app:1" 'LABEL lazy=yes' \
                'COPY --link --chown=7:8 Dockerfile /lazy/'
        varve build -q -t "$host/lazy/app:1" "$context"
        run varve push --progress plain "$host/lazy/app:1"
        [ "$status" -eq 0 ]
        [ "$(grep -c mounted <<<"$output")" -eq 2 ]
        [ "$(find "$store/layers" -name '*.tar' | wc -l)" -eq 1 ] || fail 'layers were fetched'
        store_is_sound
        varve run --rm "$host/lazy/app:1" cat /big | cmp - "$work/sample/big"
        [ "$(varve run --rm "$host/lazy/app:1" stat -c %u:%g /lazy/Dockerfile)" = 7:8 ]
        store_is_sound
        fresh_store
        [ "$(varve pull -q "$host/lazy/app:1" && varve inspect -f '{{.Config.Labels.lazy}}' \
                "$host/lazy/app:1" | tail -n 1)" ]
}

@test "what was pulled for its config alone is saved as a whole" {
        fresh_store
        context_of lazy "FROM $host/team/app:1" 'LABEL lazy=yes'
        varve build -q -t saved "$context"
        varve save --format oci-archive -o "$work/lazy.tar" saved
        skopeo copy -q "oci-archive:$work/lazy.tar" "dir:$work/lazy-copied"
}

@test "tags are listed over several pages, and deleted" {
        skopeo copy -q --src-tls-verify=false --dest-tls-verify=false \
                "docker://$host/team/app:1" "docker://$host/tags:t1"
        skopeo inspect --raw --tls-verify=false "docker://$host/tags:t1" >"$work/manifest"
        put_manifests "$host/v2/tags/manifests" "$work/manifest" $(seq -f t%g 120)
        [ "$(varve tags "$host/tags" | wc -l)" -eq 120 ]
        [ "$(varve search --list-tags "$host/tags" | wc -l)" -eq 120 ]
        refused search "$host/tags"
        says 'search --list-tags'
        digest=sha256:$(sha256sum <"$work/manifest" | cut -d' ' -f1)
        refused tags --delete "$host/tags:t7"
        says "varve tags --delete $host/tags@$digest"
        varve pull -q "$host/tags:t7"
        varve tags --delete "$host/tags@$digest"
        run ! varve pull -q "$host/tags:t7"
        refused tags --delete "$host/tags"
        says 'tag'
}

@test "a short name is looked for where the settings say" {
        settings "insecure $host" "search $host"
        fresh_store
        varve pull -q team/app:1
        run varve images
        says "$host/team/app +1"
        context_of short 'FROM team/app:1' 'LABEL a=b'
        varve build -q "$context"
}

@test "a short name means the same to every command" {
        settings "insecure $host" "search $host"
        fresh_store
        [ "$(varve run team/app:1 true && varve inspect -f '{{index .RepoTags 0}}' team/app:1)" = \
                "$host/team/app:1" ]
        varve tags team/app | grep -qx 1
        varve history team/app:1 >/dev/null
        varve tag team/app:1 short:2
        varve push -q short:2
        varve tags short | grep -qx 2
        context_of short 'FROM short:2 AS base' 'FROM scratch' 'COPY --from=base /etc /etc' \
                'COPY --from=team/app:1 /etc /more'
        varve build -q -t built "$context"
        [ "$(varve images -q --filter reference=built)" ]
        [ "$(varve inspect -f '{{.Id}}' built)" = "$(varve inspect -f '{{.Id}}' "$host/built")" ]
        varve save -o "$work/built.tar" built
        tar -xOf "$work/built.tar" manifest.json | grep -q "$host/built:latest"
        run -0 varve rmi built short:2
        refused run --pull never short:2 true
        # What Docker Hub has is called by its whole name, and shown so.
        varve tag team/app:1 docker.io/library/app:1
        run varve images
        says 'docker.io/library/app '
        refused inspect app:1
        # An ID is no name to push to.
        id=$(varve inspect -f '{{.Id}}' team/app:1)
        id=${id#sha256:}
        refused push "${id:0:12}"
        says 'what the image is to be called'
}

@test "a mirror is asked first, and the registry itself where it has nothing" {
        settings "insecure $host" "mirror registry.invalid/mirrored $host/team"
        fresh_store
        [ "$(varve pull -q registry.invalid/mirrored/app:1)" = "$digest" ]
        settings "insecure $host" "mirror $host/team $host/nothing"
        fresh_store
        [ "$(varve pull -q "$host/team/app:1")" = "$digest" ]
        settings "insecure $host" "mirror $host/team 127.0.0.1:1/nothing"
        fresh_store
        run -0 varve pull "$host/team/app:1"
        [ "$(grep -c 'the mirror 127.0.0.1:1' <<<"$output")" -eq 1 ]
        run ! grep 'trying again' <<<"$output"
}

# A registry of one image with two referrers, a page each.
start_referrers() {
        starts referrers python3 -c '
import hashlib, http.server, json, sys
manifest = json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
                       "manifests": []}).encode()
digest = "sha256:" + hashlib.sha256(manifest).hexdigest()
def page(digit, **more):
    return json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [{"mediaType": "application/vnd.oci.image.manifest.v1+json", "size": 7,
                       "digest": "sha256:" + digit * 64, **more}]}).encode()
pages = {
    "/v2/": ({}, b"{}"),
    "/v2/app/manifests/1": ({"Docker-Content-Digest": digest}, manifest),
    "/v2/app/referrers/" + digest: (
        {"Link": "</v2/app/referrers/" + digest + "?next=2>; rel=next"},
        page("1", artifactType="application/vnd.example.signature")),
    "/v2/app/referrers/" + digest + "?next=2": ({}, page("2")),
}
class Referrers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        headers, body = pages.get(self.path, (None, b"{}"))
        self.send_response(404 if headers is None else 200)
        self.send_header("Content-Type", "application/vnd.oci.image.index.v1+json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
    do_HEAD = do_GET
server = http.server.HTTPServer(("127.0.0.1", 0), Referrers)
print(server.server_address[1], flush=True)
server.serve_forever()'
        printed_port referrers
}

@test "referrers are listed by the API, over several pages" {
        start_referrers
        settings "insecure 127.0.0.1:$port"
        run -0 varve tags --referrers "127.0.0.1:$port/app:1"
        [ "${lines[0]}" = "sha256:$(printf '1%.0s' {1..64}) application/vnd.example.signature" ]
        [ "${lines[1]}" = "sha256:$(printf '2%.0s' {1..64}) application/vnd.oci.image.manifest.v1+json" ]
        [ "${#lines[@]}" -eq 2 ]
}

@test "referrers are listed by their tag where the registry has no API for them" {
        run -0 varve tags --referrers "$host/team/app:1"
        [ -z "$output" ]
        skopeo inspect --raw --tls-verify=false "docker://$host/team/app:1" >"$work/manifest"
        python3 -c '
import json, sys
kind = "application/vnd.oci.image."
print(json.dumps({"schemaVersion": 2, "mediaType": kind + "index.v1+json", "manifests": [
    {"mediaType": kind + "manifest.v1+json", "digest": sys.argv[1], "size": int(sys.argv[2]),
     "artifactType": "application/vnd.example.sbom"}]}))' \
                "$digest" "$(stat -c %s "$work/manifest")" >"$work/fallback"
        put_manifests "$host/v2/team/app/manifests" "$work/fallback" "${digest/:/-}"
        [ "$(varve tags --referrers "$host/team/app:1")" = "$digest application/vnd.example.sbom" ]
}

@test "a registry may have an address of IPv6" {
        local six
        [ -e /proc/net/if_inet6 ] && grep -q ' lo$' /proc/net/if_inet6 || skip 'no IPv6 here'
        starts six "$here/tools/fault-proxy" --upstream "${host#*:}" --rules "$work/none.rules" \
                --log "$work/six.log" --address ::1
        echo '[]' >"$work/none.rules"
        printed_port six
        six="[::1]:$port"
        settings "insecure $six"
        fresh_store
        [ "$(varve pull -q "$six/team/app:1")" = "$digest" ]
        varve push -q "$six/team/app:1" "$six/team/six:1"
        run varve images
        says '\[::1\]:'
}

@test "a registry is reached through the proxy of the environment, if it is not to be left out" {
        local through
        echo '[]' >"$work/none.rules"
        starts between "$here/tools/fault-proxy" --upstream "${host#*:}" --rules "$work/none.rules" \
                --log "$work/between.log"
        printed_port between
        through=http://127.0.0.1:$port
        settings 'insecure registry.invalid'
        proxied() {
                as_tester env VARVE_ROOT="$store" VARVE_REGISTRIES="$work/registries" \
                        http_proxy="$through" https_proxy="$through" "$@"
        }
        fresh_store
        [ "$(proxied "$stage/bin/varve" pull -q registry.invalid/team/app:1)" = "$digest" ]
        grep -q 'registry.invalid/v2/team/app/blobs' "$work/between.log"
        : >"$work/between.log"
        fresh_store
        run ! proxied no_proxy=registry.invalid "$stage/bin/varve" pull -q registry.invalid/team/app:1
        [ ! -s "$work/between.log" ]
        settings "insecure $host" 'insecure registry.invalid'
        proxied "$stage/bin/varve" pull -q "$host/team/app:1"
        [ ! -s "$work/between.log" ]
        fresh_store
        as_tester env VARVE_ROOT="$store" VARVE_REGISTRIES="$work/registries" HTTP_PROXY="$through" \
                https_proxy="$through" "$stage/bin/varve" pull -q registry.invalid/team/app:1
        [ -s "$work/between.log" ]
}

@test "a registry that was not called insecure is not spoken to in the clear" {
        settings
        refused pull "$host/team/app:1"
        says 'insecure'
        [ "$(varve pull -q --insecure "$host/team/app:1")" = "$digest" ]
}

@test "settings that are none are told by their line" {
        settings 'mirror one'
        refused pull "$host/team/app:1"
        says 'registries:2' 'mirror'
        settings 'frob x'
        refused pull "$host/team/app:1"
        says 'frob'
}

@test "progress is JSON where that is wanted" {
        fresh_store
        varve pull --progress json "$host/team/app:1" 2>"$work/progress" >/dev/null
        python3 -c '
import json, sys
events = [json.loads(line) for line in open(sys.argv[1])]
assert {e["state"] for e in events} >= {"begins", "done"}, events' "$work/progress"
}

# altered NAME EXPRESSION: puts the image app:la under another name, with a manifest `m` and a config `c`
# that Python has changed; the image app:lb's are `lm` and `lc`.
altered() {
        python3 - "$host" "$@" <<'END'
import hashlib, json, sys, urllib.request
host, name, change = sys.argv[1:]
kind = "application/vnd.oci.image.manifest.v1+json"
def ask(path, body=None, method=None, kind=kind):
    url = path if path.startswith("http") else f"http://{host}/v2/{path}"
    ask = urllib.request.Request(url, body, {"Accept": kind, "Content-Type": kind}, method=method)
    return urllib.request.urlopen(ask)
def image(tag):
    m = json.load(ask(f"app/manifests/{tag}"))
    return m, json.load(ask("app/blobs/" + m["config"]["digest"]))
m, c = image("la")
lm, lc = image("lb")
def put(data):
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    place = ask("app/blobs/uploads/", b"", "POST").headers["Location"]
    ask(place + ("&" if "?" in place else "?") + "digest=" + digest, data, "PUT",
        "application/octet-stream")
    return {"digest": digest, "size": len(data)}
exec(change)
if isinstance(c, dict):
    m["config"].update(put(json.dumps(c).encode()))
ask(f"app/manifests/{name}", json.dumps(m).encode(), "PUT")
END
}

# two_images: app:la and app:lb, of a layer each.
two_images() {
        local tag
        for tag in la lb; do
                context_of "$tag" 'FROM scratch' 'COPY f /f'
                echo "$tag" >"$context/f"
                varve build -q -t "$host/app:$tag" "$context"
                varve push -q "$host/app:$tag"
        done
}

@test "a layer that is not what its diffID says is refused, whatever the store has" {
        two_images
        altered swap 'c["rootfs"] = lc["rootfs"]'
        altered dup 'm["layers"] *= 2; c["rootfs"]["diff_ids"] += lc["rootfs"]["diff_ids"]; c["history"] = []'
        fresh_store
        refused pull "$host/app:swap"
        says 'diffID'
        refused pull "$host/app:dup"
        says 'two diffIDs'
        varve pull -q "$host/app:la"
        varve pull -q "$host/app:lb"
        # Of a store of before nothing is noted; what is there is looked at.
        refused pull "$host/app:swap"
        says 'diffID'
        rm "$store/layers/.stamps"
        refused pull "$host/app:swap"
        says 'diffID'
        varve pull -q "$host/app:la"
        grep -q '^pair ' "$store/layers/.stamps"
        context_of from "FROM $host/app:swap" 'COPY --link g /g'
        echo g >"$context/g"
        refused build "$context"
        says 'diffID'
        store_is_sound
}

@test "what is an image by its form alone, or for another platform, is refused and not tried again" {
        two_images
        altered arm 'c["architecture"] = "arm64"'
        altered chart 'm["config"]["mediaType"] = "application/vnd.cncf.helm.config.v1+json"'
        altered empty 'm["artifactType"] = "application/x-thing"; m["config"]["mediaType"] = "application/vnd.oci.empty.v1+json"'
        altered odd 'm["layers"][0]["mediaType"] = "application/x-odd"'
        altered size 'put = lambda data, put=put: dict(put(data), size=len(data) + 1); c["size"] = 1'
        fresh_store
        refused pull "$host/app:chart"
        says 'artifact of type application/vnd.cncf.helm.config'
        refused pull "$host/app:empty"
        says 'artifact of type application/x-thing'
        refused pull "$host/app:odd"
        says 'layer is of type application/x-odd'
        refused pull "$host/app:size"
        says 'the manifest says'
        [[ $output != *'trying again'* ]] || fail 'it was tried again'
        refused pull --platform linux/riscv64 "$host/app:arm"
        says 'does not match the specified platform: wanted linux/riscv64, actual: linux/arm64'
        varve pull -q "$host/app:arm"
        refused run --platform linux/riscv64 "$host/app:arm" true
        says 'wanted linux/riscv64'
        [[ $output != *'varve pull'* ]] || fail 'what has just been tried is advised'
        context_of from "FROM --platform=linux/riscv64 $host/app:la" 'COPY g /g'
        echo g >"$context/g"
        refused build "$context"
        says 'wanted linux/riscv64'
        [[ $output != *'varve pull'* ]] || fail 'what has just been tried is advised'
}

@test "what is no image is refused" {
        starts odd python3 -c '
import http.server
class Odd(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "application/vnd.docker.distribution.manifest.v1+prettyjws")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")
server = http.server.HTTPServer(("127.0.0.1", 0), Odd)
print(server.server_address[1], flush=True)
server.serve_forever()'
        printed_port odd
        settings "insecure 127.0.0.1:$port"
        refused pull "127.0.0.1:$port/x"
        says 'no type' 'schema 1'
}

@test "a build pushes what it has made, one image or an index, and moves a name when it is there" {
        context_of pushed 'FROM --platform=$BUILDPLATFORM busybox:1 AS base' 'FROM scratch' \
                'COPY --from=base /etc/issue /issue' "LABEL made=$RANDOM"
        varve build -q --push -t "$host/built/one:1" --metadata-file "$work/meta" "$context"
        [ "$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$host/built/one:1")" = \
                "$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["containerimage.digest"])' "$work/meta")" ]
        run varve images
        says "$host/built/one +1"
        varve build -q -o "type=registry,\"name=$host/built/two:1,$host/built/two:2\"" \
                --platform linux/arm64,linux/amd64 "$context"
        [ "$(skopeo --override-arch arm64 inspect --tls-verify=false --config --format '{{.Architecture}}' \
                "docker://$host/built/two:2")" = arm64 ]
        settings "insecure $host" 'block blocked.example'
        refused build -q --push -t blocked.example/built/three:1 "$context"
        says 'cannot push'
        run varve images
        run ! grep built/three <<<"$output"
}
