#!/bin/sh
set -e
[ "${1#-}" = "$1" ] || set -- memcached "$@"
exec "$@"
