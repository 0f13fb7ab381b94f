#!/usr/bin/env bats
# RUN --mount: what a step sees besides the image, and what stays of it.
# shellcheck disable=SC2016,SC2030,SC2031 # a Dockerfile expands these; each test is a shell

# shellcheck source=tests/integration/varve.bash
. "$BATS_TEST_DIRNAME/varve.bash"

setup_file() {
        fresh_work busybox
}

# in_context FILE TEXT: writes a file of the context.
in_context() {
        as_tester mkdir -p "$(dirname "$context/$1")"
        printf '%s\n' "$2" | as_tester tee "$context/$1" >/dev/null
}

@test "a bind mount shows the context without what is ignored, and nothing of it stays" {
        context_of bind \
                'FROM busybox:1' \
                'WORKDIR /w' \
                'RUN --mount=type=bind,target=ctx cat ctx/a ctx/sub/b > /seen; ls ctx >> /seen; ! touch ctx/new' \
                'RUN --mount=source=sub/b,target=/one/file cat /one/file > /single' \
                'RUN --mount=target=/rw,rw echo changed > /rw/a; cat /rw/a > /changed; touch /rw/new' \
                'RUN --mount=target=/rw cat /rw/a > /again; ! ls /rw/new'
        in_context a first
        in_context sub/b second
        in_context c third
        in_context .dockerignore c
        varve build -t bind "$context"
        [ "$(varve run --rm bind cat /seen)" = $'first\nsecond\nDockerfile\na\nsub' ]
        [ "$(varve run --rm bind cat /single /changed /again)" = $'second\nchanged\nfirst' ]
        varve run --rm bind sh -c '! ls /w/ctx || ! ls /one || ! ls /rw'
        [ "$(cat "$context/a")" = first ]
}

@test "a bind mount of a stage or an image has its owners, and a link of the source is followed" {
        context_of bind-stage \
                'FROM busybox:1 AS from' \
                'RUN mkdir /d && echo stage > /d/f && chown 7:8 /d/f && ln -s d /link' \
                'FROM busybox:1' \
                'RUN --mount=from=from,source=/link,target=/m cat /m/f > /f; stat -c %u:%g /m/f > /owner' \
                'RUN --mount=from=busybox:1,target=/m test -x /m/bin/busybox'
        varve build -t bind-stage "$context"
        [ "$(varve run --rm bind-stage cat /f)" = stage ]
        [ "$(varve run --rm bind-stage cat /owner)" = 7:8 ]
}

@test "owners in what is mounted are seen, copied, changed and kept, as in the image" {
        varve import "$stage/debian.tar" debian:12
        context_of owners \
                'FROM debian:12 AS from' \
                'RUN mkdir -p /d/sub && cd /d && touch a sub/b && cp /usr/bin/id id && ln -s a l' \
                'RUN cd /d && chown 7:8 a sub && chown 9:10 sub/b && chown -h 11:12 l && chown 33:42 id && chmod 6755 id' \
                'FROM debian:12' \
                'RUN --mount=from=from,source=/d,target=/m/d --mount=type=cache,target=/m/d/sub/deeper,uid=13 sh > /bind 2>&1 <<end' \
                '    cd /m/d; stat -c "%n %u:%g %a" * sub/b sub/deeper; find . -user 9; ./id -u; ./id -g' \
                '    cd sub; stat -c %u ../l ../sub/b deeper/../../a /m/d/sub/deeper/../b' \
                '    cd deeper; stat -c %u . .. ../b; exec 3<../b; stat -Lc %u /dev/fd/3' \
                '    chown 5 ../b ../../a; mknod ../c c 1 3' \
                '    cp -a /m/d /copy; stat -c "%n %u:%g %a" /copy/* /copy/sub/*' \
                'end' \
                'RUN --mount=from=from,target=/rw,rw cd /rw/d && chown 99 a && touch new && chown :98 new && stat -c "%n %u:%g" a new > /rw-bind' \
                'RUN --mount=type=cache,target=/c,uid=3,gid=4,mode=0777 touch /c/new && chown 5:6 /c/new && mknod /c/null c 1 3 && setpriv --reuid 21 --regid 22 --clear-groups touch /c/his' \
                'RUN --mount=type=cache,target=/c stat -c "%n %u:%g %a %F" /c /c/* > /cache'
        varve build -t owners "$context"
        diff <(varve run --rm owners cat /bind) - <<-'end'
		a 7:8 644
		id 33:42 6755
		l 11:12 777
		sub 7:8 755
		sub/b 9:10 644
		sub/deeper 13:0 755
		./sub/b
		33
		42
		11
		9
		7
		9
		13
		7
		9
		9
		chown: changing ownership of '../b': Read-only file system
		chown: changing ownership of '../../a': Read-only file system
		mknod: ../c: Read-only file system
		/copy/a 7:8 644
		/copy/id 33:42 6755
		/copy/l 11:12 777
		/copy/sub 7:8 755
		/copy/sub/b 9:10 644
		/copy/sub/deeper 13:0 755
	end
        diff <(varve run --rm owners cat /rw-bind /cache) - <<-'end'
		a 99:8
		new 0:98
		/c 3:4 777 directory
		/c/his 21:22 644 regular empty file
		/c/new 5:6 644 regular empty file
		/c/null 0:0 644 character special file
	end
        varve export owners | tar -tv --numeric-owner | grep -x -- '-rwsr-sr-x 33/42 .* copy/id'
}

@test "a step is carried out again when a file that it has mounted changes, and only then" {
        context_of bind-key \
                'FROM busybox:1' \
                'RUN --mount=source=in,target=/in cat /in/f /proc/sys/kernel/random/uuid > /out'
        in_context in/f one
        in_context other x
        varve build -t bind-key "$context"
        first=$(varve run --rm bind-key cat /out)
        in_context other y
        varve build -t bind-key "$context"
        [ "$(varve run --rm bind-key cat /out)" = "$first" ] || fail 'ran again for nothing'
        in_context in/f two
        varve build -t bind-key "$context"
        [ "$(varve run --rm bind-key head -n 1 /out)" = two ]
}

@test "a target that leads over links of the image is resolved in it" {
        context_of links \
                'FROM busybox:1' \
                'RUN mkdir /real && echo kept > /real/kept && ln -s /real /link && ln -s /nowhere /dangling' \
                'RUN --mount=target=/link/sub cat /real/sub/Dockerfile /real/kept > /seen' \
                'RUN --mount=target=/dangling test -e /dangling/Dockerfile' \
                'RUN test -L /dangling && ! test -e /real/sub'
        varve build -t links "$context"
        varve run --rm links grep -q kept /seen
}

@test "a cache outlives its step, its build and a step that fails, and is in no layer" {
        context_of cache \
                'FROM busybox:1' \
                'RUN --mount=type=cache,target=/cache echo "$(cat /cache/n)x" > /cache/n; cp /cache/n /n; mkdir -p /cache/d; chown 5:6 /cache/d'
        varve build -t cache "$context"
        [ "$(varve run --rm cache cat /n)" = x ]
        varve build --no-cache -t cache "$context"
        [ "$(varve run --rm cache cat /n)" = xx ]
        echo 'RUN --mount=type=cache,target=/cache echo failed > /cache/n && false' >>"$context/Dockerfile"
        run varve build --no-cache -t cache "$context"
        [ "$status" -eq 1 ]
        context_of cache2 'FROM busybox:1' \
                'RUN --mount=type=cache,id=/cache,target=/other,ro cp /other/n /n; stat -c %u:%g /other/d > /owner; ! touch /other/x'
        varve build -t cache2 "$context"
        [ "$(varve run --rm cache2 cat /n)" = failed ]
        [ "$(varve run --rm cache2 cat /owner)" = 5:6 ]
        ! varve run --rm cache2 ls /other || fail 'the mount point is in a layer'
        [ -z "$(find "$store" ! -user "$user")" ] || fail "not the user's own"
        store_is_sound
}

@test "a cache is kept when images are removed, and made of one layer now and then" {
        context_of often 'FROM busybox:1' \
                'RUN --mount=type=cache,target=/often seq 1 $(($(wc -l < /often/n) + 1)) > /often/n; ln -f /often/n /often/m; cp /often/n /n'
        for _ in $(seq 35); do
                varve build -q --no-cache -t often "$context"
        done
        varve rmi often
        varve build -q --no-cache -t often "$context"
        [ "$(varve run --rm often wc -l /n)" = '36 /n' ]
        store_is_sound
}

@test "two steps share a cache, lock it, or have one each" {
        for sharing in shared locked private; do
                context_of "sharing-$sharing" \
                        'FROM busybox:1 AS a' \
                        "RUN --mount=type=cache,id=$sharing,target=/c,sharing=$sharing touch /c/a; sleep 1; ls /c > /a" \
                        'FROM busybox:1 AS b' \
                        "RUN --mount=type=cache,id=$sharing,target=/c,sharing=$sharing touch /c/b; sleep 1; ls /c > /b" \
                        'FROM busybox:1' \
                        'COPY --from=a /a /' \
                        'COPY --from=b /b /' \
                        "RUN --mount=type=cache,id=$sharing,target=/c ls /c | xargs > /after"
                varve build -t "sharing-$sharing" "$context"
                after[${#after[@]}]=$(varve run --rm "sharing-$sharing" cat /after)
                both[${#both[@]}]=$(varve run --rm "sharing-$sharing" sh -c 'cat /a /b | wc -l')
        done
        [ "${after[0]}" = 'a b' ] || fail 'a change of a shared cache is lost'
        [ "${after[1]}" = 'a b' ] && [ "${both[1]}" = 3 ] || fail 'not one after the other'
        [ "${both[2]}" = 2 ] || fail 'not one each'
}

@test "a cache begins with a stage, and has the mode and owner that are asked for" {
        context_of cache-from \
                'FROM busybox:1 AS from' \
                'RUN mkdir /d && echo begun > /d/f && ln -s /d /l' \
                'FROM busybox:1' \
                'RUN --mount=type=cache,target=/l,from=from,source=/l cat /l/f > /e' \
                'RUN --mount=type=cache,target=/c,from=from,source=/d cat /c/f > /f; echo more >> /c/f' \
                'RUN --mount=type=cache,target=/c,from=from,source=/d cat /c/f > /g' \
                'RUN --mount=type=cache,target=/m,mode=0711,uid=3,gid=4 stat -c "%a %u %g" /m > /m-is'
        varve build -t cache-from "$context"
        [ "$(varve run --rm cache-from cat /e /f /g)" = $'begun\nbegun\nbegun\nmore' ]
        [ "$(varve run --rm cache-from cat /m-is)" = '711 3 4' ]
}

@test "a mount below another is there, and a tmpfs is empty" {
        context_of nested \
                'FROM busybox:1' \
                'RUN --mount=type=cache,target=/src/deps/cache --mount=target=/src,rw touch /src/deps/cache/x && ls /src/Dockerfile' \
                'RUN --mount=type=tmpfs,target=/bin/tmp,size=1m touch /bin/tmp/x && [ "$(df -k /bin/tmp | awk "END { print \$2 }")" = 1024 ]' \
                'RUN ! ls /src && ! ls /bin/tmp'
        varve build -t nested "$context"
}

@test "a secret is seen by its step, and is in no layer, history, record or log" {
        context_of secret \
                'FROM busybox:1' \
                'RUN --mount=type=secret,id=file test $(cat /run/secrets/file | tr a-z n-za-m) = dmkiwl' \
                'RUN --mount=type=secret,id=file,target=/etc/deep/key,mode=0444,uid=5,gid=6 stat -c %a /etc/deep/key > /mode; test -s /etc/deep/key; ! echo new > /etc/deep/key' \
                'RUN --mount=type=secret,id=variable,env=TOKEN test $(echo $TOKEN | tr a-z n-za-m) = jdkmxi; test ! -e /run/secrets' \
                'RUN --mount=type=secret,id=absent test ! -e /run/secrets/absent'
        printf qzxvjy | as_tester tee "$work/hush" >/dev/null
        run as_tester env VARVE_ROOT="$store" cryptic=wqxzkv "$stage/bin/varve" build -t secret \
                --secret "id=file,src=$work/hush" --secret id=variable,env=cryptic "$context"
        [ "$status" -eq 0 ] || fail 'the build was to succeed'
        ! grep -E 'qzxvjy|wqxzkv' <<<"$output" || fail 'in the log'
        [ "$(varve run --rm secret cat /mode)" = 444 ]
        varve run --rm secret sh -c '! ls /run/secrets && ! ls /etc/deep'
        ! grep -rlE 'qzxvjy|wqxzkv' "$store" || fail 'in the store'
        printf other | as_tester tee "$work/hush" >/dev/null
        run varve build -t secret --secret "id=file,src=$work/hush" --secret id=variable,env=HOME "$context"
        says CACHED
}

@test "a secret or an agent that is required and missing is named" {
        context_of required 'FROM busybox:1' \
                'RUN --mount=type=secret,id=wanted,required true'
        refused build -t required "$context"
        says 'Dockerfile:2:' 'wanted' '--secret id=wanted'
        context_of required 'FROM busybox:1' 'RUN --mount=type=ssh,required true'
        refused build -t required "$context"
        says 'Dockerfile:2:' 'agent default' '--ssh default'
        refused build -t required --secret id=wanted,src=/nonexistent "$context"
        says 'nonexistent'
        refused build -t required --secret src=x "$context"
        says 'no id'
}

@test "a step reaches the caller's agent through a socket" {
        context_of agent 'FROM debian:12' \
                'USER 7' \
                'RUN --mount=type=ssh,required,uid=7,gid=8,mode=0640 [ -w $SSH_AUTH_SOCK ] && stat -c owned:%u:%g:%a $SSH_AUTH_SOCK' \
                'RUN --mount=type=ssh,required stat -c root:%u:%g:%a $SSH_AUTH_SOCK' \
                'RUN --mount=type=ssh,required,uid=7 perl -MIO::Socket::UNIX -e '"'"'$s = IO::Socket::UNIX->new($ENV{SSH_AUTH_SOCK}) or die $!; print $s "ask\n"; $s->flush; print scalar <$s>'"'"
        varve import "$stage/debian.tar" debian:12
        as_tester perl -MIO::Socket::UNIX -e '
                $l = IO::Socket::UNIX->new(Local => $ARGV[0], Listen => 1) or die;
                while ($s = $l->accept) { $_ = <$s>; print $s "answered $_" if defined }
        ' "$work/socket" &
        for _ in $(seq 100); do [ ! -S "$work/socket" ] || break; sleep 0.05; done
        run varve build -t agent --ssh "default=$work/socket" "$context"
        [ "$status" -eq 0 ] || fail 'the build was to succeed'
        says 'answered ask' root:0:0:600
        # With one id it is root's, and everybody's.
        [ "$mode" = single ] && says owned:0:0:666 || says owned:7:8:640
}
