# shellcheck shell=bash
# A web server of the host, at an address that is not of the loopback network: what steps fetch from.

# It takes `work`, `mode` and `user` from varve.bash.
: "${work:?}" "${mode:?}" "${user:?}"

# Of each mode, as both run at once, and of each run; its process is the end of the user's name.
server_number=$((${user##*-} % 120 * 2 + 2))
[ "$mode" = ranges ] || server_number=$((server_number + 1))
server_address=203.0.113.$server_number

# serve_files DIRECTORY: until stop_serving; sets `server` to the URL of it, which is in $work/server too.
serve_files() {
        local i
        ip address replace "$server_address/32" dev lo
        setsid python3 -u -m http.server --bind "$server_address" --directory "$1" 0 \
                >"$work/server.out" 2>"$work/server.err" 3>&- &
        echo $! >"$work/server.pid"
        for i in $(seq 100); do
                ! grep -q Serving "$work/server.out" || break
                [ "$i" -lt 100 ] || fail "no server: $(cat "$work/server.err")"
                sleep 0.1
        done
        server=$(sed -n 's,.*(\(http.*\)/).*,\1,p' "$work/server.out")
        echo "$server" >"$work/server"
}

stop_serving() {
        kill "$(cat "$work/server.pid")"
        ip address del "$server_address/32" dev lo
}
