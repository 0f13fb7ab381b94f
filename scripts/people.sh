# shellcheck shell=sh
# Who does what: sourced by the scripts that need root for one thing and an ordinary user for
# another. They may be called by root or by an ordinary user with sudo.

# What the distribution has comes before what the caller has beside it.
PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH

say() {
        printf '%s\n' "$*" >&2
}

die() {
        say "$0: $*"
        exit 1
}

# Runs a command as root. The proxies of the caller's environment go with it.
as_root() {
        if [ "$(id -u)" -eq 0 ]; then
                "$@"
        elif command -v sudo >/dev/null; then
                sudo --preserve-env=http_proxy,https_proxy,no_proxy,HTTP_PROXY,HTTPS_PROXY,NO_PROXY \
                        -- "$@"
        else
                die "root is needed for: $*; call this as root, or install sudo"
        fi
}

# Runs a command as another user, in its home, with a clean environment and no signal ignored, as
# a job in the background of some shells has SIGINT. Root only.
as_user() {
        user=$1
        shift
        home=$(getent passwd "$user" | cut -d: -f6)
        env --ignore-environment --default-signal --chdir="$home" \
                HOME="$home" USER="$user" LOGNAME="$user" SHELL=/bin/sh LC_ALL=C.UTF-8 \
                PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin TERM="${TERM:-dumb}" \
                setpriv --reuid "$user" --regid "$user" --init-groups --inh-caps=-all -- "$@"
}

# Gives a user subordinate ids where it has none, behind all ranges handed out so far: what
# useradd does when it makes a user on a host whose /etc/subuid exists. Root only.
give_subordinate_ids() {
        user=$1
        for kind in uid gid; do
                file=/etc/sub$kind
                [ -e "$file" ] || install -m 644 /dev/null "$file"
                grep -q "^$user:" "$file" && continue
                first=$(awk -F: '{ end = $2 + $3; if (end > last) last = end }
                        END { print (last > 100000 ? last : 100000) }' "$file")
                usermod "--add-sub${kind}s" "$first-$((first + 65535))" "$user"
        done
}

# Makes an ordinary user unless it is there: `ranges` with subordinate ids, `single` with none
# (a system user gets none from useradd). Its number is none that an image gives a user of its own,
# as the steps of builders that are root run under these on the host; nor the one that a container
# beside this one gives at the same time. Root only.
ordinary_user() {
        user=$1
        ids=$2
        if ! getent passwd "$user" >/dev/null; then
                last=$((50100 + $$ % 9900))
                useradd --system --user-group --create-home --shell /bin/sh \
                        -K SYS_UID_MIN=50000 -K "SYS_UID_MAX=$last" \
                        -K SYS_GID_MIN=50000 -K "SYS_GID_MAX=$last" "$user"
                chmod 700 "$(getent passwd "$user" | cut -d: -f6)"
        fi
        if [ "$ids" = ranges ]; then
                give_subordinate_ids "$user"
        elif grep -q "^$user:" /etc/subuid /etc/subgid 2>/dev/null; then
                die "the user $user is to be one without subordinate ids, but has some"
        fi
}

# Removes users that ordinary_user made, with what they own at home. Root only.
remove_users() {
        for user; do
                ! getent passwd "$user" >/dev/null || userdel --remove --force "$user" 2>/dev/null || :
        done
}

# A directory for what is costly to make and worth keeping between runs.
cache_directory() {
        if [ -n "${VARVE_CACHE:-}" ]; then
                cache=$VARVE_CACHE
        elif [ "$(id -u)" -eq 0 ]; then
                cache=/var/cache/varve
        else
                cache=${XDG_CACHE_HOME:-$HOME/.cache}/varve
        fi
        mkdir -p "$cache"
        printf '%s\n' "$cache"
}
