#!/usr/bin/env bash
# Builds an image without a registry, on a Debian made here, and saves it as an archive for
# `podman load` or `docker load`:
#
#   sudo packaging/container.sh container ARCHIVE            packaging/Containerfile
#   sudo packaging/container.sh homeassistant-app ARCHIVE    packaging/homeassistant-app
#
# The .deb of this machine's architecture comes from dist, or from $EFLEX_DIST_OUT.  The Debian is
# kept as roots.sh says.
set -euo pipefail
[ $# = 2 ] || { sed -n '5,6s/^# *//p' "$0" >&2 && exit 2; }
set -- "$1" "$(realpath -m "$2")"
cd "$(dirname "$0")/.."
. packaging/roots.sh
prepare packaging/container.sh "$@"

# As small as the slim image.  What both recipes install is there already, so they find nothing to
# download.
slim_root() {
  say "making a $2"
  # shellcheck disable=SC2016  # mmdebstrap sets $1 of its hooks
  debian "$2" "$1" --variant=minbase --include=ca-certificates,curl,iproute2,jq \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    --aptopt='Acquire::Languages "none"' \
    --aptopt='Dir::Cache::pkgcache ""' --aptopt='Dir::Cache::srcpkgcache ""' \
    --customize-hook='rm -rf "$1"/var/cache/apt/* "$1"/var/lib/apt/lists/*'
}

[ -n "$(command -v buildah)" ] || die "no buildah; apt install buildah"
kind=$1 archive=$2
arch=
for each in "${!DEBIAN[@]}"; do
  [ "${DEBIAN[$each]}" != "$(dpkg --print-architecture)" ] || arch=$each
done
[ -n "$arch" ] || die "there is no .deb for this machine, $(dpkg --print-architecture)"
version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' eflexcan2mqtt/__init__.py)
deb=$(realpath -m "${EFLEX_DIST_OUT:-dist}/eflexcan2mqtt_${version}_${DEBIAN[$arch]}.deb")
[ -e "$deb" ] || die "no $deb; packaging/build.sh makes it"
have_archive slim_root trixie

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
ln "$cached" "$temp/base/base.tar"
printf 'FROM scratch\nADD base.tar /\n' >"$temp/base/Containerfile"
in_store bud --quiet --isolation chroot --tag localhost/base --file "$temp/base/Containerfile" \
  "$temp/base"
in_store bud --isolation chroot --format docker --pull-never --build-arg BASE=localhost/base \
  "${arguments[@]}" --tag "$image" --file "$recipe" "$context"
mkdir -p "$(dirname "$archive")"
in_store push --quiet "$image" "docker-archive:$temp/archive:$image"
mv "$temp/archive" "$archive"
