#!/usr/bin/env bash
# A command of a real Home Assistant, in a Debian whose Python it runs on.
#
#   sudo tests/homeassistant/tree.sh 2026.11 hass --version
#
# It shares our network, and the folder of temporary files.  The tree is one of trees.sh, for all versions
# that run on its Python; they come from requirements-VERSION.txt.  To make it needs the Internet.
set -euo pipefail

declare -A SUITE=([2026.11]=forky [2026.2]=trixie [2025.4]=trixie)
# Some of what they need has no wheel.
PACKAGES=g++,python3-dev,python3-venv
CERTIFICATES=/etc/ssl/certs/ca-certificates.crt

die() {
  printf 'tests/homeassistant/tree.sh: %s\n' "$*" >&2
  exit 1
}

make_tree() {
  debian "$suite" "$1" "$PACKAGES"
  # The registry may have a certificate that only this machine trusts.
  cp -L "$CERTIFICATES" "$1$CERTIFICATES"
  cp "${wanted[@]}" "$1/root"
  local in_tree=("${IN_TREE[@]}" "$1" SSL_CERT_FILE="$CERTIFICATES")
  local each
  for each in "${versions[@]}"; do
    "${in_tree[@]}" python3 -m venv "/opt/$each"
    # uv resolves the hundred packages in a tenth of pip's time.
    "${in_tree[@]}" "/opt/$each/bin/pip" install --quiet --no-cache-dir uv
    "${in_tree[@]}" "/opt/$each/bin/uv" pip install --quiet --no-cache-dir \
      --python "/opt/$each" --requirement "/root/requirements-$each.txt"
  done
}

version=${1-}
suite=${SUITE[${version:-none}]-}
[ -n "$suite" ] || die "expected one of ${!SUITE[*]}, not '$version'"
shift
here=$(cd "$(dirname "$0")" && pwd)
versions=() wanted=()
for each in "${!SUITE[@]}"; do
  [ "${SUITE[$each]}" = "$suite" ] || continue
  versions+=("$each")
  wanted+=("$here/requirements-$each.txt")
done
# shellcheck source=tests/support/trees.sh
. "$here/../support/trees.sh"

kept "homeassistant-$suite" < <(
  echo "$suite $PACKAGES"
  cat "${wanted[@]}"
)
export BIND=${TMPDIR:-/tmp}
exec "${IN_TREE[@]}" "$tree" PATH="/opt/$version/bin:/usr/sbin:/usr/bin:/sbin:/bin" "$@"
