#!/usr/bin/env bats
# What a build takes from elsewhere: files of URLs, repositories, remote contexts.
# shellcheck disable=SC2016,SC2030,SC2031 # a Dockerfile expands these; each test is a shell

# shellcheck source=tests/integration/registry.bash
. "$BATS_TEST_DIRNAME/registry.bash"

repo() {
        as_tester git -C "$work/repo" -c user.name=a -c user.email=a@b "$@"
}

# commit_all NAME: in the repository of the test, on the branch NAME, which is made.
commit_all() {
        repo checkout --quiet -B "$1"
        repo add --all
        repo commit --quiet -m "$1"
}

# A repository "repo", published as repo.git, and "outer", which has it as a submodule, and branches
# whose submodules are up to no good.
make_repositories() {
        as_tester git init --quiet --initial-branch=main "$work/repo"
        as_tester mkdir "$work/repo/sub"
        as_tester sh -c "cd '$work/repo' && echo one >f && echo sub one >sub/s && ln -s sub/s link &&
                touch sub/x && chmod 755 sub/x"
        commit_all main
        repo tag -a -m tag v1
        repo tag both
        as_tester sh -c "cd '$work/repo' && echo side >f"
        commit_all side
        repo checkout --quiet main
        as_tester sh -c "cd '$work/repo' && echo two >f && echo sub two >sub/s"
        commit_all main
        repo branch both
        as_tester git clone --quiet --bare "$work/repo" "$work/www/repo.git"
        as_tester git -C "$work/www/repo.git" update-server-info
        as_tester git clone --quiet "$work/repo" "$work/outer"
        as_tester mv "$work/repo" "$work/repo.first"
        as_tester mv "$work/outer" "$work/repo"
        repo -c protocol.file.allow=always submodule --quiet add "$work/www/repo.git" inner
        repo config -f .gitmodules submodule.inner.url ../repo.git
        commit_all main
        repo config -f .gitmodules submodule.inner.url "$work/www/repo.git"
        commit_all of-file
        repo config -f .gitmodules submodule.inner.url "ext::sh -c touch% $work/pwned"
        commit_all of-ext
        repo config -f .gitmodules submodule.inner.url ../repo.git
        repo config -f .gitmodules submodule.inner.update "!touch $work/pwned"
        commit_all of-command
        repo checkout --quiet main
        as_tester git clone --quiet --bare "$work/repo" "$work/www/outer.git"
        as_tester rm -rf "$work/repo"
        # git serves no repository of another user.
        chown -R root: "$work"/www/*.git
        as_tester mv "$work/repo.first" "$work/repo"
}

setup_file() {
        fresh_work busybox
        as_tester mkdir "$work/www" "$work/tar"
        as_tester sh -c "echo content >'$work/www/file.txt'; : >'$work/www/empty'"
        as_tester touch -d '2020-02-03 04:05:06 UTC' "$work/www/file.txt"
        as_tester sh -c "echo inside >'$work/tar/inside'; tar -czf '$work/www/a.tgz' -C '$work/tar' ."
        settings 'block docker.io'
        : >"$work/log"
        make_repositories
        port=$(free_port)
        echo "$port" >"$work/git-port"
        starts git git daemon --base-path="$work/www" --export-all --listen=127.0.0.1 --port="$port" \
                "$work/www"
        starts files "$here/tools/file-server" "$work/www" "$work/log"
}

teardown_file() {
        stop_servers
}

setup() {
        printed_port files
        web=http://127.0.0.1:$port
        git=git://127.0.0.1:$(cat "$work/git-port")
}

@test "ADD of a URL makes a file of mode 600 with the server's time, named by the URL" {
        context_of url 'FROM busybox:1' "ADD $web/file.txt $web/plain/empty?x=/y#z /d/" "ADD $web/file.txt /renamed"
        varve build -t url "$context"
        [ "$(varve run --rm url stat -c '%a %u:%g %Y %s' /d/file.txt)" = '600 0:0 1580702706 8' ]
        [ "$(varve run --rm url stat -c '%a %Y %s' /d/empty)" = '600 0 0' ]
        [ "$(varve run --rm url sh -c 'cat /renamed; ls /d')" = $'content\nempty\nfile.txt' ]
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

# ---- repositories ----

@test "ADD of a repository takes a branch, a tag, a commit and a subdirectory" {
        commit=$(repo rev-parse 'v1^{commit}')
        context_of git 'FROM busybox:1' \
                "ADD $git/repo.git /default/" "ADD $git/repo.git#side /side/" "ADD $git/repo.git#v1 /tag/" \
                "ADD $git/repo.git#$commit /commit/" "ADD --chown=5:6 $git/repo.git?ref=v1&subdir=sub /sub/" \
                "ADD $git/repo.git#both:sub /both/" "ADD $web/repo.git#refs/tags/v1 /dumb"
        varve build -t git "$context"
        [ "$(varve run --rm git sh -c 'cat /default/f /side/f /tag/f /commit/f /sub/s /both/s /dumb/f')" = \
                $'two\nside\none\none\nsub one\nsub two\none' ]
        [ "$(varve run --rm git sh -c 'ls -A /default /sub')" = $'/default:\nf\nlink\nsub\n\n/sub:\ns\nx' ]
        [ "$(varve run --rm git sh -c 'stat -c "%a %u" /tag /tag/f /tag/sub/x; readlink /tag/link')" = \
                $'755 0\n644 0\n755 0\nsub/s' ]
        store_is_sound
}

@test "--keep-git-dir keeps the repository, without its password" {
        context_of git-keep 'FROM busybox:1' "ADD --keep-git-dir ${web/\/\//\/\/user:secret@}/repo.git#side /r"
        varve build -t git-keep "$context"
        varve save -o "$work/keep.tar" git-keep
        varve run --rm git-keep cat /r/.git/HEAD | grep -qx "$(repo rev-parse side)"
        varve run --rm git-keep sh -c '! grep -r secret /r && ls /r/.git/refs && ! ls /r/.git/hooks/*'
        run varve build -t git-keep "$context"
        says '#2 CACHED'
}

@test "--checksum of a repository is its commit, or the beginning of it" {
        commit=$(repo rev-parse side)
        context_of git-sum 'FROM busybox:1' "ADD --checksum=${commit:0:12} $git/repo.git#side /r" \
                "ADD $git/repo.git?ref=v1&checksum=$(repo rev-parse v1) /tag"
        varve build "$context"
        context_of git-sum-bad 'FROM busybox:1' "ADD --checksum=$commit $git/repo.git#v1 /r"
        run varve build "$context"
        [ "$status" -ne 0 ]
        says 'Dockerfile:2' "its commit is $(repo rev-parse 'v1^{commit}'), not $commit"
}

@test "submodules come along, and of none is a program run or a file of the host read" {
        context_of git-sub 'FROM busybox:1' "ADD $git/outer.git /r" "ADD $git/outer.git?submodules=false /s"
        varve build -t git-sub "$context"
        [ "$(varve run --rm git-sub sh -c 'cat /r/inner/f; ls -A /s/inner')" = two ]
        for branch in of-file of-ext of-command; do
                context_of git-bad 'FROM busybox:1' "ADD $git/outer.git#$branch /r"
                run varve build "$context"
                [ "$status" -ne 0 ] || [ $branch = of-command ] || fail "taken: $branch"
                [ ! -e "$work/pwned" ] || fail "a program was run: $branch"
        done
        store_is_sound
}

@test "of a repository that is not there git's words are told, without the password" {
        for what in none.git repo.git#none repo.git#side:none repo.git#side:f repo.git#v1:link \
                repo.git#0000000000000000000000000000000000000000; do
                context_of git-none 'FROM busybox:1' "ADD ${web/\/\//\/\/user:secret@}/$what /r"
                run varve build --quiet "$context"
                [ "$status" -ne 0 ] || fail "taken: $what"
                says "varve: Dockerfile:2: cannot get $web/${what%#*}: "
                ! grep 'varve:.*secret' <<<"$output"
        done
        store_is_sound
}

@test "a subdirectory of a repository leads to nothing around it" {
        context_of git-up 'FROM busybox:1' "ADD $git/repo.git#v1:../.. /r" "ADD $git/repo.git#v1:sub/../../.. /s"
        varve build -t git-up "$context"
        [ "$(varve run --rm git-up ls -A /r /s)" = $'/r:\nf\nlink\nsub\n\n/s:\nf\nlink\nsub' ]
}

@test "without git a repository is refused before the first step" {
        context_of no-git 'FROM busybox:1' 'RUN true' "ADD $git/repo.git /r"
        run as_tester env PATH=/nowhere VARVE_ROOT="$store" VARVE_REGISTRIES="$work/registries" \
                "$stage/bin/varve" build --no-cache "$context"
        [ "$status" -ne 0 ]
        says 'Dockerfile:3' 'no program git' 'Install git'
        run ! grep -q '^#1' <<<"$output"
}

@test "the settings of user and system do not reach git" {
        as_tester mkdir -p "$work/home"
        printf '[url "/nowhere/"]\n\tinsteadOf = git://\n' >"$work/home/.gitconfig"
        context_of git-home 'FROM busybox:1' "ADD $git/repo.git /r"
        as_tester env HOME="$work/home" GIT_DIR=/nowhere GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=core.bare \
                GIT_CONFIG_VALUE_0=x VARVE_ROOT="$store" VARVE_REGISTRIES="$work/registries" \
                "$stage/bin/varve" build --no-cache "$context"
}

# For ssh stands a program that reaches the agent and then runs on this host what it is asked to.
make_ssh() {
        as_tester mkdir -p "$work/bin"
        as_tester tee "$work/bin/ssh" >/dev/null <<'END'
#!/bin/sh
for last; do :; done
perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new($ARGV[0]) or die "no agent\n"' "$SSH_AUTH_SOCK" || exit 1
exec sh -c "$last"
END
        as_tester chmod 755 "$work/bin/ssh"
}

@test "git over ssh asks the agent of --ssh, for a context, one with a name and ADD; mtime=commit dates files" {
        local remote=ssh://git@host$work/repo/.git
        make_ssh
        with_ssh() {
                as_tester env VARVE_ROOT="$store" VARVE_REGISTRIES="$stage/registries" \
                        PATH="$work/bin:/usr/bin:/bin" "$stage/bin/varve" "$@"
        }
        as_tester perl -MIO::Socket::UNIX -e '
                $l = IO::Socket::UNIX->new(Local => $ARGV[0], Listen => 1) or die;
                $l->accept while 1' "$work/agent" 3>&- &
        agent=$!
        for _ in $(seq 100); do [ ! -S "$work/agent" ] || break; sleep 0.05; done
        context_of by-ssh 'FROM busybox:1' 'COPY f /f' 'COPY --from=named s /s' \
                "ADD $remote?branch=side&mtime=commit /r"
        run with_ssh build -f "$context/Dockerfile" "$remote#v1"
        [ "$status" -ne 0 ]
        says "cannot get ssh://host$work/repo/.git: git: no agent"
        with_ssh build -t by-ssh -f "$context/Dockerfile" --ssh "default=$work/agent" \
                --build-context named="git@host:$work/repo/.git#v1:sub" "$remote#v1"
        kill $agent
        [ "$(varve run --rm by-ssh sh -c 'cat /f /s /r/f; stat -c %Y /r/f /r/sub')" = \
                $'one\nsub one\nside\n'"$(repo log -1 --format='%ct%n%ct' side)" ]
        store_is_sound
}

# ---- contexts ----

# A repository with a Dockerfile at its top and one in sub/, and an archive and a Dockerfile to download.
make_contexts() {
        repo checkout --quiet -B context main
        as_tester sh -c "cd '$work/repo' && printf 'FROM busybox:1\nCOPY . /top/\n' >Dockerfile &&
                printf 'FROM busybox:1\nCOPY . /low/\n' >sub/Containerfile && echo f >.dockerignore"
        repo add --all
        repo commit --quiet -m context
        as_tester git -C "$work/repo" clone --quiet --bare "$work/repo" "$work/www/context.git"
        as_tester git -C "$work/www/context.git" update-server-info
        chown -R root: "$work/www/context.git"
        as_tester tar -czf "$work/www/context.tgz" -C "$work/repo" Dockerfile f sub
        printf 'FROM busybox:1\nCOPY . /own/\n' | as_tester tee "$work/www/Dockerfile.own" >/dev/null
        repo checkout --quiet main
}

@test "a context may be a repository, a part of one, an archive or a Dockerfile of a URL" {
        make_contexts
        varve build -t c "$git/context.git#context"
        [ "$(varve run --rm c sh -c 'cat /top/f; ls -A /top')" = $'two\n.dockerignore\nDockerfile\nf\nlink\nsub' ]
        varve build -t c "$web/context.git#refs/heads/context:sub"
        [ "$(varve run --rm c cat /low/s)" = 'sub two' ]
        varve build -t c "$web/to/$web/context.tgz"
        [ "$(varve run --rm c sh -c 'cat /top/f; stat -c %u:%g /top/f')" = $'two\n0:0' ]
        varve build -t c "$web/Dockerfile.own"
        [ "$(varve run --rm c cat /own/context)" = $'FROM busybox:1\nCOPY . /own/' ]
        store_is_sound
}

@test "SOURCE_DATE_EPOCH=context is the time of the commit, or of the file of the URL" {
        local dated=$work/dated
        as_tester mkdir -p "$dated"
        printf 'FROM busybox:1\nARG SOURCE_DATE_EPOCH\nCOPY . /c/\nLABEL epoch=$SOURCE_DATE_EPOCH\n' |
                as_tester tee "$dated/Dockerfile" >/dev/null
        as_tester git -C "$dated" init --quiet --initial-branch=main
        as_tester git -C "$dated" add .
        as_tester env GIT_COMMITTER_DATE='981173106 +0000' git -C "$dated" -c user.name=a -c user.email=a@b \
                commit --quiet -m a
        as_tester tar -czf "$work/www/dated.tgz" -C "$dated" Dockerfile
        as_tester touch -d @981173107 "$work/www/dated.tgz"
        as_tester git clone --quiet --bare "$dated" "$work/www/dated.git"
        chown -R root: "$work/www/dated.git"
        context_dates() {
                varve build -q --no-cache -t dated --build-arg SOURCE_DATE_EPOCH=context "$1"
                varve inspect --format '{{.Config.Labels.epoch}}' dated
                varve run --rm dated stat -c %Y /c/Dockerfile
        }
        [ "$(context_dates "$git/dated.git" | tail -n 2)" = $'981173106\n981173106' ]
        varve inspect dated | grep -q '"Created": "2001-02-03T04:05:06Z"'
        [ "$(context_dates "$web/dated.tgz" | tail -n 2)" = "981173107"$'\n'981173107 ]
        [ "$(context_dates "$dated" | tail -n 2)" = $'\n'"$(stat -c %Y "$dated/Dockerfile")" ]
}

@test "beside a context from elsewhere -f names a file of it, of the host, or standard input" {
        varve build -t c -f sub/Containerfile "$git/context.git#context"
        [ "$(varve run --rm c cat /low/f)" = two ]
        context_of host 'FROM busybox:1' 'COPY f /host'
        varve build -t c -f "$context/Dockerfile" "$git/context.git#context"
        [ "$(varve run --rm c cat /host)" = two ]
        printf 'FROM busybox:1\nCOPY f /input\n' | varve build -t c -f - "$web/context.tgz"
        [ "$(varve run --rm c cat /input)" = two ]
        run varve build -f none "$git/context.git#context"
        [ "$status" -ne 0 ]
        says 'there is no none in the context'
        run varve build "$git/repo.git"
        [ "$status" -ne 0 ]
        says 'there is no Dockerfile in the context'
        run varve build "${web/\/\//\/\/user:secret@}/none.tgz?token=hidden"
        [ "$status" -ne 0 ]
        says "varve: cannot get $web/none.tgz: the server answers 404"
        run ! grep -E 'secret|hidden' <<<"$output"
        store_is_sound
}

@test "--build-context may be a repository, a URL or an image of a layout; what is not asked for is not got" {
        local busybox
        busybox=$(varve inspect --format '{{.Id}}' busybox:1)
        varve save --format oci-archive -o "$work/layout.tar" busybox:1
        skopeo copy -q "oci-archive:$work/layout.tar" "oci:$work/layout:one"
        context_of named 'FROM none/such:1' 'COPY --from=g s /s' 'COPY --from=u context /u' \
                'COPY --from=docker.io/library/l:latest /bin/busybox /b' \
                'RUN --mount=from=g,target=/m cat /m/s >/m-s'
        varve build -t named --build-context none/such:1="oci-layout://$work/layout:one" \
                --build-context g="$git/context.git#context:sub" --build-context u="$web/context.tgz" \
                --build-context l="oci-layout://$work/layout@$(skopeo inspect -f '{{.Digest}}' "oci:$work/layout:one")" \
                --build-context unused=https://127.0.0.1:1/x --build-context none="oci-layout:///nowhere" "$context"
        [ "$(varve run --rm named sh -c 'cat /s /m-s; cmp /b /bin/busybox; tar -xzOf /u f')" = \
                $'sub two\nsub two\ntwo' ]
        [ "$(varve inspect --format '{{.Id}}' busybox:1)" = "$busybox" ]
        context_of no-tag 'FROM x'
        run varve build --build-context x="oci-layout://$work/layout:two" "$context"
        [ "$status" -ne 0 ]
        says 'Dockerfile:1: --build-context x: .*layout: it has no image two'
        store_is_sound
}

@test "FROM of files begins with them alone" {
        as_tester mkdir -p "$work/base/d"
        as_tester sh -c "echo kept >'$work/base/d/f'; echo d/left >'$work/base/.dockerignore'; : >'$work/base/d/left'"
        context_of of-files 'FROM files AS base' 'FROM base' 'ARG TARGETSTAGE' 'LABEL target=$TARGETSTAGE' 'COPY Dockerfile /'
        varve build -t of-files --build-context files="$work/base" --annotation manifest:org.example=a=b "$context"
        unpacked of-files
        skopeo inspect --raw "oci:$work/saved:image" | grep -q '"annotations": *{ *"org.example": *"a=b"'
        [ "$(varve inspect --format '{{.Config.Labels.target}}' of-files)" = default ]
        [ "$(cd "$root" && find . -type f | sort | tr '\n' ' ')" = './.dockerignore ./Dockerfile ./d/f ' ]
}

@test "a server that never ends does not outlive the build that is interrupted" {
        python3 - >"$work/slow-port" <<'END' 3>&- &
import socket
listening = socket.create_server(("127.0.0.1", 0))
print(listening.getsockname()[1], flush=True)
taken = [listening.accept() for _ in range(9)]
END
        server=$!
        until [ -s "$work/slow-port" ]; do sleep 0.05; done
        as_tester env VARVE_ROOT="$store" VARVE_REGISTRIES="$stage/registries" timeout --foreground -s INT 1 \
                "$stage/bin/varve" build "git://127.0.0.1:$(cat "$work/slow-port")/x.git" 3>&- || status=$?
        kill $server
        [ "$status" = 124 ]
        nothing_runs
        store_is_sound
}
