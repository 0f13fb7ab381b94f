#!/usr/bin/env bats
# What a build takes from elsewhere: files of URLs, repositories, remote contexts.
# shellcheck disable=SC2016,SC2030,SC2031 # a Dockerfile expands these; each test is a shell

# shellcheck source=tests/integration/registry.bash
. "$BATS_TEST_DIRNAME/registry.bash"

setup_file() {
        fresh_work busybox
        as_tester mkdir "$work/www" "$work/tar"
        as_tester sh -c "echo content >'$work/www/file.txt'; : >'$work/www/empty'"
        as_tester touch -d '2020-02-03 04:05:06 UTC' "$work/www/file.txt"
        as_tester sh -c "echo inside >'$work/tar/inside'; tar -czf '$work/www/a.tgz' -C '$work/tar' ."
        settings 'block docker.io'
        : >"$work/log"
        starts files "$here/tools/file-server" "$work/www" "$work/log"
}

teardown_file() {
        stop_servers
}

setup() {
        printed_port files
        web=http://127.0.0.1:$port
}

@test "ADD of a URL makes a file of mode 600 with the server's time, named by the URL" {
        context_of url 'FROM busybox:1' "ADD $web/file.txt $web/plain/empty?x=/y#z /d/" "ADD $web/file.txt /renamed"
        varve build -t url "$context"
        [ "$(varve run --rm url stat -c '%a %u:%g %Y %s' /d/file.txt)" = '600 0:0 1580702706 8' ]
        [ "$(varve run --rm url stat -c '%a %Y %s' /d/empty)" = '600 0 0' ]
        [ "$(varve run --rm url cat /renamed)" = content ]
        store_is_sound
}

@test "ADD of a URL takes variables, --chown, --chmod and --link" {
        context_of url-flags 'FROM busybox:1' 'ARG NAME=file' \
                "ADD --link --chmod=640 --chown=3:4 $web/\${NAME}.txt /f"
        varve build -t url-flags "$context"
        [ "$(varve run --rm url-flags stat -c %a /f)" = 640 ]
        [ "$mode" = single ] || [ "$(varve run --rm url-flags stat -c %u:%g /f)" = 3:4 ]
}

@test "an archive of a URL is unpacked with --unpack alone" {
        context_of url-tar 'FROM busybox:1' "ADD $web/a.tgz /whole/" "ADD --unpack $web/a.tgz /parts/"
        varve build -t url-tar "$context"
        [ "$(varve run --rm url-tar sh -c 'ls /whole /parts; cat /parts/inside')" = \
                $'/parts:\ninside\n\n/whole:\na.tgz\ninside' ]
}

@test "--checksum lets only the content through that it is of" {
        good=$(sha256sum "$work/www/file.txt" | cut -d' ' -f1)
        context_of sum 'FROM busybox:1' "ADD --checksum=sha256:$good $web/file.txt /f"
        varve build -t sum "$context"
        context_of sum-bad 'FROM busybox:1' "ADD --checksum=sha256:${good//[0-9]/0} $web/file.txt /f"
        run varve build "$context"
        [ "$status" -ne 0 ]
        says 'Dockerfile:2' "file.txt: its checksum is sha256:$good, not sha256:"
}

@test "what cannot be is refused before the first step" {
        refused() {
                context_of refused 'FROM busybox:1' 'RUN echo begun' "$1"
                run varve build --no-cache "$context"
                [ "$status" -ne 0 ] || fail "taken: $1"
                says 'Dockerfile:3' "$2"
                ! grep -q '^#1' <<<"$output" || fail 'a step was carried out'
        }
        refused "COPY $web/file.txt /f" 'COPY takes no URLs'
        refused "ADD --checksum=sha256:1 $web/file.txt /f" checksum
        refused 'ADD --checksum=sha256:1 Dockerfile /f' 'for URLs and git repositories'
        refused "ADD --checksum=sha256:1 $web/file.txt $web/empty /f/" 'one source'
        refused 'ADD https://host/a.git?no=1 /f' 'does not take no'
}

@test "ADD of a URL is cached by its content" {
        as_tester sh -c "echo one >'$work/www/changing'"
        context_of url-cache 'FROM busybox:1' "ADD $web/changing /f" 'RUN cat /f /proc/sys/kernel/random/uuid >/g'
        varve build -t url-cache "$context"
        first=$(varve run --rm url-cache cat /g)
        as_tester touch -d 2001-01-01 "$work/www/changing"
        varve build -t url-cache "$context"
        [ "$(varve run --rm url-cache cat /g)" = "$first" ] || fail 'ran again for nothing'
        as_tester sh -c "echo two >'$work/www/changing'"
        varve build -t url-cache "$context"
        [ "$(varve run --rm url-cache head -n 1 /g)" = two ]
}

@test "redirects are followed, what fails for now is tried again, and what fails says why" {
        context_of url-ways 'FROM busybox:1' "ADD $web/to/$web/file.txt /a" "ADD $web/to//away/file.txt /b"
        varve build -t url-ways "$context"
        [ "$(varve run --rm url-ways cat /a /b)" = $'content\ncontent' ]
        for what in missing:404 to/to:'one place to the next' to/file:///etc/passwd:'' to/ftp://127.0.0.1/x:''; do
                context_of url-bad 'FROM busybox:1' "ADD ${web/\/\//\/\/user:secret@}/${what%:*}?token=hidden /a"
                run varve build "$context"
                [ "$status" -ne 0 ] || fail "taken: $what"
                says 'Dockerfile:2' "cannot get $web/${what%%:*}" "${what##*:}"
        done
        run -0 grep -c . "$work/log"
        store_is_sound
}

@test "proxies are those of the environment" {
        context_of url-proxy 'FROM busybox:1' 'ADD http://no-such-host.invalid/file.txt /f'
        run as_tester env VARVE_ROOT="$store" VARVE_REGISTRIES="$stage/registries" http_proxy="$web" \
                "$stage/bin/varve" build "$context"
        [ "$status" -ne 0 ]
        grep -qx 'http://no-such-host.invalid/file.txt' "$work/log"
}
