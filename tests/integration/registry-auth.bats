#!/usr/bin/env bats
# Who is let in, and whom credentials are told: Basic over TLS with a CA of our own, client
# certificates, a token server, redirects.
# shellcheck disable=SC2030,SC2031 # each test is a shell

# shellcheck source=tests/integration/registry.bash
. "$BATS_TEST_DIRNAME/registry.bash"

# certificate NAME SUBJECT-ALTERNATIVE: signed by the CA.
certificate() {
        (
                cd "$servers" || exit
                openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost \
                        -keyout "$1.key" -out "$1.csr"
                printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth,clientAuth\n' "$2" >"$1.ext"
                openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 3650 \
                        -extfile "$1.ext" -out "$1.crt"
        ) 2>/dev/null
}

make_certificates() {
        mkdir -p "$servers"
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 \
                -subj /CN=ca -keyout "$servers/ca.key" -out "$servers/ca.crt" \
                -addext basicConstraints=critical,CA:TRUE \
                -addext keyUsage=critical,keyCertSign,cRLSign 2>/dev/null
        certificate good DNS:localhost,IP:127.0.0.1
        certificate other DNS:elsewhere.example
        openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=token \
                -keyout "$servers/token.key" -out "$servers/token.crt" 2>/dev/null
        htpasswd -Bbn alice s3cret >"$servers/htpasswd"
}

tls_registry() {
        registry_at "$1" "http: {addr: \"127.0.0.1:PORT\", tls: {certificate: $servers/$2.crt, key: $servers/$2.key$3}}" \
                "auth: {htpasswd: {realm: r, path: $servers/htpasswd}}"
        echo "$port" >"$work/$1.port"
}

setup_file() {
        fresh_work
        make_certificates
        tls_registry basic good ''
        tls_registry misnamed other ''
        tls_registry mutual good ", clientcas: [$servers/ca.crt]"
        starts token "$here/tools/token-server" --certificate "$servers/token.crt" \
                --key "$servers/token.key" --log "$work/token.log" --lifetime 15
        printed_port token
        registry_at bearer "auth: {token: {realm: \"http://127.0.0.1:$port/token\", service: service, issuer: issuer, rootcertbundle: $servers/token.crt}}" \
                'validation: {manifests: {urls: {allow: ["^http:"]}}}'
        echo "$port" >"$work/bearer.port"
        echo '[]' >"$work/rules"
        settings
        varve import "$stage/busybox.tar" busybox:1
}

teardown_file() {
        stop_servers
}

setup() {
        basic=localhost:$(cat "$work/basic.port")
        misnamed=localhost:$(cat "$work/misnamed.port")
        mutual=localhost:$(cat "$work/mutual.port")
        bearer=127.0.0.1:$(cat "$work/bearer.port")
        settings "insecure $bearer"
        rm -f "$work/auth.json"
        : >"$work/token.log"
}

# trusts HOST...: the CA is the tester's for these.
trusts() {
        local host home
        home=$(getent passwd "$user" | cut -d: -f6)
        for host; do
                install -d -o "$user" "$home/.config" "$home/.config/containers" \
                        "$home/.config/containers/certs.d" "$home/.config/containers/certs.d/$host"
                install -m 644 "$servers/ca.crt" "$home/.config/containers/certs.d/$host/"
        done
}

logs_in() {
        varve login -u alice --password-stdin "$1" <<<s3cret
}

@test "a CA that nobody trusts is refused, one of certs.d is trusted" {
        fresh_store
        refused pull "$basic/app"
        says 'certificate' 'certs.d'
        trusts "$basic"
        refused pull "$basic/app"
        says '401|login'
}

@test "a certificate of another name is refused" {
        trusts "$misnamed"
        fresh_store
        refused pull "$misnamed/app"
        says 'certificate|name'
}

@test "login is refused with a wrong password, which appears nowhere" {
        trusts "$basic"
        run varve login -u alice --password-stdin "$basic" <<<wrong-one
        [ "$status" -ne 0 ]
        run ! grep -q wrong-one <<<"$output"
        [ ! -e "$work/auth.json" ]
}

@test "after a login images go there and back; after a logout they do not" {
        trusts "$basic"
        refused login -u alice -p s3cret ''
        says 'names no registry'
        run -0 logs_in "https://$basic/v2/"
        run ! grep -q s3cret <<<"$output"
        [ "$(stat -c %a "$work/auth.json")" = 600 ]
        varve push -q busybox:1 "$basic/app:1"
        fresh_store
        varve pull -q "$basic/app:1"
        varve logout "$basic"
        refused pull "$basic/app:1"
        says 'login'
}

@test "podman and skopeo use what login has kept" {
        trusts "$basic"
        logs_in "$basic"
        varve push -q busybox:1 "$basic/shared:1"
        mkdir -p "$work/certs"
        cp "$servers/ca.crt" "$work/certs"
        skopeo inspect --authfile "$work/auth.json" --cert-dir "$work/certs" \
                "docker://$basic/shared:1" | grep -q Digest
        rm "$work/auth.json"
        skopeo login --authfile "$work/auth.json" --cert-dir "$work/certs" -u alice -p s3cret \
                "$basic"
        chown "$user" "$work/auth.json"
        fresh_store
        varve pull -q "$basic/shared:1"
}

@test "a password on the command line is warned of" {
        trusts "$basic"
        run -0 varve login -u alice -p s3cret "$basic"
        says 'warning' 'password-stdin'
}

@test "a registry that asks for a client certificate gets the one of certs.d" {
        local home
        trusts "$mutual"
        fresh_store
        run ! varve login -u alice --password-stdin "$mutual" <<<s3cret
        home=$(getent passwd "$user" | cut -d: -f6)
        install -o "$user" -m 600 "$servers/good.key" "$home/.config/containers/certs.d/$mutual/me.key"
        install -m 644 "$servers/good.crt" "$home/.config/containers/certs.d/$mutual/me.cert"
        logs_in "$mutual"
        store=$work/store
        varve push -q busybox:1 "$mutual/app:1"
}

@test "tokens are asked for with the scopes that are needed" {
        logs_in "$bearer"
        : >"$work/token.log"
        varve push -q busybox:1 "$bearer/team/app:1"
        grep -q '"repository:team/app:pull,push"' "$work/token.log"
        : >"$work/token.log"
        fresh_store
        varve pull -q "$bearer/team/app:1"
        grep -q '"repository:team/app:pull"' "$work/token.log"
        [ "$(wc -l <"$work/token.log")" -eq 1 ] || fail 'more than one token'
        varve push -q "$bearer/team/app:1" "$bearer/team/copy:1"
        grep -q '"repository:team/copy:pull,push", "repository:team/app:pull"' "$work/token.log"
}

@test "without credentials a token for the public is taken, and no other" {
        logs_in "$bearer"
        store=$work/store
        varve push -q busybox:1 "$bearer/public/app:1"
        varve push -q busybox:1 "$bearer/private/app:1"
        rm "$work/auth.json"
        fresh_store
        varve pull -q "$bearer/public/app:1"
        refused pull "$bearer/private/app:1"
        says 'login'
}

@test "a token server is a host of its own, which may be blocked, and speaks https to a registry that does" {
        local server
        logs_in "$bearer"
        store=$work/store
        server=$(head -n 1 "$servers/token.out")
        : >"$work/token.log"
        settings "insecure $bearer" "block 127.0.0.1:$server"
        refused push -q busybox:1 "$bearer/team/app:1"
        says 'blocked'
        echo '[{"path": "/v2/", "status": 401, "headers": {"WWW-Authenticate":
                "Bearer realm=\"http://127.0.0.1:'"$server"'/token\",service=\"service\""}}]' \
                >"$work/strict.rules"
        starts strict "$here/tools/fault-proxy" --upstream "${bearer#*:}" --rules "$work/strict.rules" \
                --log "$work/strict.log" --tls "$servers/good.crt" "$servers/good.key"
        printed_port strict
        trusts "localhost:$port"
        settings
        refused push -q busybox:1 "localhost:$port/team/app:1"
        says 'token server'
        # The CA that is trusted for the registry is not for another host's tokens.
        sed -i "s,http://127.0.0.1:$server,https://127.0.0.1:$port," "$work/strict.rules"
        refused push -q busybox:1 "localhost:$port/team/app:1"
        says 'certificate'
        [ ! -s "$work/token.log" ]
}

@test "an identity token is exchanged for tokens" {
        printf '{"auths": {"%s": {"identitytoken": "alice-token"}}}' "$bearer" >"$work/auth.json"
        chown "$user" "$work/auth.json"
        store=$work/store
        varve push -q busybox:1 "$bearer/identity/app:1"
        grep -q '"POST"' "$work/token.log"
}

@test "a token that has run out is renewed in the middle of a transfer" {
        logs_in "$bearer"
        store=$work/store
        starts slow "$here/tools/fault-proxy" --upstream "${bearer#*:}" --rules "$work/rules" \
                --log "$work/slow.log"
        printed_port slow
        settings "insecure $bearer" "insecure 127.0.0.1:$port"
        sed -i "s/${bearer}/127.0.0.1:$port/" "$work/auth.json"
        echo '[{"method": "POST", "path": "uploads", "status": 429, "headers": {"Retry-After": "16"},
                "times": 1}]' >"$work/rules"
        varve push -q busybox:1 "127.0.0.1:$port/renewed/app:1"
        [ "$(grep -c 'renewed/app:pull,push' "$work/token.log")" -ge 2 ]
}

@test "no credentials follow a redirect to another host" {
        local near
        logs_in "$bearer"
        store=$work/store
        varve push -q busybox:1 "$bearer/public/moved:1"
        starts far "$here/tools/fault-proxy" --upstream "${bearer#*:}" --rules "$work/rules" \
                --log "$work/far.log"
        printed_port far
        echo '[{"method": "GET", "path": "blobs/.*", "redirect": "http://localhost:'"$port"'", "times": 2}]' \
                >"$work/near.rules"
        starts near "$here/tools/fault-proxy" --upstream "${bearer#*:}" --rules "$work/near.rules" \
                --log "$work/near.log"
        echo '[]' >"$work/rules"
        printed_port near
        near=127.0.0.1:$port
        settings "insecure $near"
        sed "s/$bearer/$near/" "$work/auth.json" >"$work/auth.new"
        mv "$work/auth.new" "$work/auth.json"
        chown "$user" "$work/auth.json"
        fresh_store
        # The far end wants a token for this blob, which it is not told: the pull fails, or not.
        run varve pull -q "$near/public/moved:1"
        [ -s "$work/far.log" ] || fail 'nobody was sent there'
        run ! grep -q '"authorization": true' "$work/far.log"
        grep -q '"authorization": true' "$work/near.log"
}

@test "CVE-2020-15157: a host that a registry leads to cannot ask for the registry's credentials" {
        local far near
        logs_in "$bearer"
        store=$work/store
        varve push -q busybox:1 "$bearer/public/lured:1"
        starts thief "$here/tools/fault-proxy" --upstream "${bearer#*:}" --rules "$work/thief.rules" \
                --log "$work/thief.log"
        printed_port thief
        far=http://localhost:$port
        echo '[{"path": "steal", "status": 404}, {"path": "", "status": 401, "headers":
                {"WWW-Authenticate": "Bearer realm=\"'"$far"'/steal\",service=\"s\""}}]' >"$work/thief.rules"
        echo '[{"method": "GET", "path": "blobs", "redirect": "'"$far"'"}, {"method": "POST", "path": "uploads",
                "status": 202, "headers": {"Location": "'"$far"'/v2/public/up/blobs/uploads/1"}}]' >"$work/lure.rules"
        starts lure "$here/tools/fault-proxy" --upstream "${bearer#*:}" --rules "$work/lure.rules" \
                --log "$work/lure.log"
        printed_port lure
        near=127.0.0.1:$port
        settings "insecure $near"
        sed -i "s/$bearer/$near/" "$work/auth.json"
        run varve push -q busybox:1 "$near/public/up:1"
        [ "$status" -ne 0 ] || fail 'pushed'
        [ -s "$work/thief.log" ] || fail 'the upload was not led away'
        fresh_store
        refused pull -q "$near/public/lured:1"
        grep -q '"GET"' "$work/thief.log" || fail 'the pull was not led away'
        run ! grep -E '"path": "/steal|"authorization": true' "$work/thief.log"
}

@test "CVE-2020-15157: whoever holds a foreign layer is told no credentials" {
        starts holder "$here/tools/fault-proxy" --upstream "${bearer#*:}" --rules "$work/holder.rules" \
                --log "$work/holder.log"
        printed_port holder
        echo '[{"path": "", "status": 401, "headers": {"WWW-Authenticate": "Basic realm=\"r\""}}]' >"$work/holder.rules"
        logs_in "$bearer"
        store=$work/store
        saved busybox:1
        # The image's only layer is said to lie elsewhere.
        python3 - "$work/saved" "http://localhost:$port/layer" <<'EOF'
import hashlib, json, os, sys
layout, url = sys.argv[1:]
blob = lambda digest: os.path.join(layout, "blobs", *digest.split(":"))
index = json.load(open(layout + "/index.json"))
manifest = json.load(open(blob(index["manifests"][0]["digest"])))
manifest["layers"][0].update(urls=[url], mediaType="application/vnd.oci.image.layer.nondistributable.v1.tar+gzip")
os.unlink(blob(manifest["layers"][0]["digest"]))
data = json.dumps(manifest).encode()
digest = "sha256:" + hashlib.sha256(data).hexdigest()
open(blob(digest), "wb").write(data)
index["manifests"][0].update(digest=digest, size=len(data))
json.dump(index, open(layout + "/index.json", "w"))
EOF
        skopeo copy -q --dest-tls-verify=false --dest-authfile "$work/auth.json" "oci:$work/saved:image" \
                "docker://$bearer/public/foreign:1"
        fresh_store
        refused pull -q "$bearer/public/foreign:1"
        grep -q '"path": "/layer"' "$work/holder.log" || fail 'the layer was not asked for'
        run ! grep '"authorization": true' "$work/holder.log"
}

@test "nobody is led from https to http" {
        trusts "$basic"
        logs_in "$basic"
        store=$work/store
        varve push -q busybox:1 "$basic/led:1"
        # It wants no token: the one server of tokens speaks http.
        open='{"path": "/v2/$", "status": 200}'
        echo "[$open, "'{"method": "GET", "path": "manifests", "redirect": "http://'"$bearer"'"}]' \
                >"$work/led.rules"
        starts led "$here/tools/fault-proxy" --upstream "${bearer#*:}" --rules "$work/led.rules" \
                --log "$work/led.log" --tls "$servers/good.crt" "$servers/good.key"
        printed_port led
        trusts "localhost:$port"
        fresh_store
        refused pull "localhost:$port/led:1"
        says 'http'
        # The CA of the host that it leads to is trusted there; and blocked is blocked.
        echo "[$open, "'{"method": "GET", "path": "manifests", "redirect": "https://'"$basic"'"}]' \
                >"$work/led.rules"
        refused pull "localhost:$port/led:1"
        says '401'
        settings "block LOCALHOST:${basic#*:}"
        refused pull "localhost:$port/led:1"
        says 'blocked'
}
