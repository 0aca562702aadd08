#!/usr/bin/env bash
# Builds an image without a registry, on a Debian made here, and saves it as an archive for
# `podman load` or `docker load`:
#
#   sudo packaging/container.sh container ARCHIVE            packaging/Containerfile
#   sudo packaging/container.sh homeassistant-app ARCHIVE    packaging/homeassistant-app
#
# The .deb of this machine's architecture comes from dist, or from $EFLEX_DIST_OUT.  The Debian is
# kept for a week in ${EFLEX_SYSTEM_CACHE:-~/.cache/eflexcan2mqtt}.
set -euo pipefail
umask 022

BASE_DAYS=7
# What both recipes install is there already, so they find nothing to download.
INCLUDED=ca-certificates,curl,iproute2,jq

die() {
  printf 'packaging/container.sh: %s\n' "$*" >&2
  exit 1
}

# A Debian 13 as small as the slim image, as an archive.
make_base() {
  # shellcheck disable=SC2016  # mmdebstrap sets $1 of its hooks
  mmdebstrap --quiet --variant=minbase --mode=root --include="$INCLUDED" \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    --aptopt='Acquire::Languages "none"' \
    --aptopt='Acquire::Check-Valid-Until "false"' \
    --aptopt='Dir::Cache::pkgcache ""' --aptopt='Dir::Cache::srcpkgcache ""' \
    --customize-hook='rm -rf "$1"/var/cache/apt/* "$1"/var/lib/apt/lists/*' \
    trixie "$temp/base.tar"
  mv "$temp/base.tar" "$1"
}

cd "$(dirname "$0")/.."
[ $# = 2 ] || die "expected 'container' or 'homeassistant-app', and the archive to write"
[ "$(id -u)" = 0 ] || die "must be run as root (a Debian tree has owners); try sudo"
for tool in buildah mmdebstrap; do
  command -v $tool >/dev/null || die "no $tool; apt install buildah mmdebstrap"
done
kind=$1 archive=$(realpath -m "$2")
debs=$(realpath -m "${EFLEX_DIST_OUT:-dist}")
cache=${EFLEX_SYSTEM_CACHE:-$HOME/.cache/eflexcan2mqtt}
version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' eflexcan2mqtt/__init__.py)
architecture=$(dpkg --print-architecture)
deb=$debs/eflexcan2mqtt_${version}_$architecture.deb
[ -e "$deb" ] || die "no $deb; packaging/build.sh and packaging/deb.sh make it"

mkdir -p "$cache"
temp=$(mktemp --directory "$cache/container-building.XXXXXX")
trap 'rm -rf --one-file-system "$temp"' EXIT
trap 'exit 1' INT TERM HUP
find "$cache" -maxdepth 1 -name 'debian-slim-*' -mtime "+$BASE_DAYS" -delete
recipe=$({ declare -f make_base; echo "$INCLUDED"; } | sha256sum)
base=$cache/debian-slim-${recipe:0:16}.tar
[ -e "$base" ] || make_base "$base"

# A store of its own: the images of this machine's owner are none of our business.
in_store() {
  local command=$1
  shift
  buildah --root "$temp/store" --runroot "$temp/run" --storage-driver vfs "$command" "$@"
}

context=$temp/context arguments=()
case $kind in
  container)
    recipe=packaging/Containerfile
    image=localhost/eflexcan2mqtt
    mkdir -p "$context/dist"
    cp "$deb" "$context/dist/"
    ;;
  homeassistant-app)
    recipe=packaging/homeassistant-app/eflexcan2mqtt/Dockerfile
    image=localhost/eflexcan2mqtt-app
    # As the Supervisor does.
    arguments=(--build-arg "BUILD_VERSION=$version")
    cp -r packaging/homeassistant-app/eflexcan2mqtt "$context"
    cp "$deb" "$context/"
    ;;
  *) die "'$kind' is neither container nor homeassistant-app" ;;
esac
mkdir "$temp/base"
ln "$base" "$temp/base/base.tar"
printf 'FROM scratch\nADD base.tar /\n' >"$temp/base/Containerfile"
in_store bud --quiet --isolation chroot --tag localhost/base --file "$temp/base/Containerfile" \
  "$temp/base"
in_store bud --isolation chroot --format docker --pull-never --build-arg BASE=localhost/base \
  "${arguments[@]}" --tag "$image" --file "$recipe" "$context"
mkdir -p "$(dirname "$archive")"
in_store push --quiet "$image" "docker-archive:$temp/archive:$image"
mv "$temp/archive" "$archive"
