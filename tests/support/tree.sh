#!/usr/bin/env bash
# The tests in a Debian of their own, so that its Python and its packages are those that are tested.
#
#   sudo tests/support/tree.sh forky [pytest's arguments]     Python 3.14, our locked packages
#   sudo tests/support/tree.sh trixie [pytest's arguments]    Debian 13 with its own packages
#
# The trees are made once and kept for a month in ${EFLEX_TREE_CACHE:-~/.cache/eflexcan2mqtt/trees}; each
# run has a copy, which ends with it.  A run needs no network.
set -euo pipefail

TREE_DAYS=30 # forky moves on
HOME_INSIDE=/root/eflexcan2mqtt
# What the tests start, and the time zones and the password file that they look at.
NEEDED=git,mosquitto,mosquitto-clients,openssl,procps,python3-venv,shellcheck,tzdata
# These are the libraries of Debian; elsewhere they come from the lock file.  docs/install.md names them.
declare -A OF_DEBIAN=(
  [forky]=""
  [trixie]="python3-can,python3-paho-mqtt,python3-prometheus-client,python3-rich"
)
declare -A PYTHON=([forky]=3.14 [trixie]=3.13)

die() {
  printf 'tests/support/tree.sh: %s\n' "$*" >&2
  exit 1
}

# Run a command in a tree, without our environment; its mounts and processes end with it.
inside() {
  local tree=$1
  shift
  # shellcheck disable=SC2016 # for the inner shell
  unshare --mount --pid --fork --kill-child sh -euc '
    mount --rbind /dev "$1/dev"
    mount -t proc proc "$1/proc"
    mount -t sysfs sys "$1/sys"
    exec chroot "$@"' sh "$tree" \
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INDEX=1 PIP_FIND_LINKS=/root/wheels "$@"
}

# A tree with the packages of the tests.  Wheels are downloaded outside: inside, pip cannot trust the
# registry.  They stay, for the tests that install the program.
make_tree() {
  local tree=$temp/new
  echo "making a Debian $suite in $cached"
  # A mirror may be behind with a suite that is not released.
  mmdebstrap --quiet --variant=minbase --mode=root \
    --aptopt='Acquire::Check-Valid-Until "false"' --aptopt='Acquire::Languages "none"' \
    --dpkgopt=force-unsafe-io \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    --include="$NEEDED${OF_DEBIAN[$suite]:+,${OF_DEBIAN[$suite]}}" "$suite" "$tree"
  echo '127.0.0.1 localhost' >"$tree/etc/hosts"
  mkdir "$tree/root/wheels"
  python3 -m venv "$temp/venv"
  "$temp/venv/bin/pip" download --quiet --quiet --require-hashes --no-deps \
    --only-binary=:all: --implementation cp --python-version "${PYTHON[$suite]}" \
    --platform "manylinux2014_$(uname -m)" --platform "manylinux_2_28_$(uname -m)" \
    --dest "$tree/root/wheels" --requirement requirements-test.lock
  # pipx wants a newer one than Debian's.
  "$temp/venv/bin/pip" download --quiet --quiet --no-deps --only-binary=:all: \
    --dest "$tree/root/wheels" pip
  local wanted=$tree/root/requirements.txt
  if [ -n "${OF_DEBIAN[$suite]}" ]; then
    # Only what the program does not need.
    awk 'NR == FNR { if (/^[a-z]/) locked[$1]; next } /^[a-z]/ { keep = !($1 in locked) } keep' \
      requirements.lock requirements-test.lock >"$wanted"
  else
    cp requirements-test.lock "$wanted"
  fi
  inside "$tree" python3 -m venv ${OF_DEBIAN[$suite]:+--system-site-packages} /root/venv
  inside "$tree" /root/venv/bin/pip install --quiet --require-hashes --no-deps \
    --requirement /root/requirements.txt
  # Another run may have been quicker: its tree is as good.
  mv -T "$tree" "$cached" 2>/dev/null || [ -d "$cached" ]
}

cd "$(dirname "$0")/../.."
suite=${1-}
[ -n "${PYTHON[${suite:-none}]-}" ] || die "expected forky or trixie, not '$suite'"
shift
[ "$(id -u)" = 0 ] || die "must be root (trees of Debian are made and entered); try sudo"
for tool in git mmdebstrap python3 unshare; do
  [ -n "$(command -v $tool)" ] || die "no $tool; apt install git mmdebstrap python3-venv util-linux"
done

umask 022
cache=${EFLEX_TREE_CACHE:-$HOME/.cache/eflexcan2mqtt/trees}
mkdir -p "$cache"
find "$cache" -maxdepth 1 -mindepth 1 -mtime "+$TREE_DAYS" -exec rm -rf --one-file-system {} +
recipe=$({
  declare -f make_tree inside
  echo "$NEEDED ${OF_DEBIAN[$suite]} ${PYTHON[$suite]}"
  cat requirements.lock requirements-test.lock
} | sha256sum)
cached=$cache/$suite-${recipe:0:16}
# Beside the tree, so that a finished one needs only a new name.
temp=$(mktemp --directory "$cache/unfinished.XXXXXX")
trap 'rm -rf --one-file-system "$temp"' EXIT
trap 'exit 1' INT TERM HUP
[ -d "$cached" ] || make_tree

tree=$temp/tree
cp -a --reflink=auto "$cached" "$tree"
mkdir "$tree$HOME_INSIDE"
# What git tracks, or would add; a file can be removed, but not yet committed.
git ls-files -z --cached --others --exclude-standard \
  | tar --create --null --ignore-failed-read --no-recursion --files-from - 2>/dev/null \
  | tar --extract --directory "$tree$HOME_INSIDE"
[ -z "${EFLEX_CAPTURES-}" ] || cp -r "$EFLEX_CAPTURES" "$tree/root/captures"
inside "$tree" ${EFLEX_CAPTURES:+EFLEX_CAPTURES=/root/captures} \
  sh "$HOME_INSIDE/tests/support/tree_tests.sh" "$HOME_INSIDE" "$@"
