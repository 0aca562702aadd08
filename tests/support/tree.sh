#!/usr/bin/env bash
# The tests in a Debian of their own, so that its Python and its packages are those that are tested.
#
#   sudo tests/support/tree.sh forky [pytest's arguments]     Python 3.14, our locked packages
#   sudo tests/support/tree.sh trixie [pytest's arguments]    Debian 13 with its own packages
#
# Each run has a copy of the tree of trees.sh, which ends with it.  A run needs no network.
set -euo pipefail

HOME_INSIDE=/root/eflexcan2mqtt
# What the tests start, and the time zones and the password file that they look at.
NEEDED=git,mosquitto,mosquitto-clients,openssl,procps,python3-venv,shellcheck,tzdata
# These are the libraries of Debian; elsewhere they come from the lock file.  docs/install.md names them.
declare -A OF_DEBIAN=(
  [forky]=""
  [trixie]="python3-can,python3-paho-mqtt,python3-prometheus-client,python3-rich"
)
declare -A PYTHON=([forky]=3.14 [trixie]=3.13)
WHEELS=(PIP_NO_INDEX=1 PIP_FIND_LINKS=/root/wheels)

die() {
  printf 'tests/support/tree.sh: %s\n' "$*" >&2
  exit 1
}

# A tree with the packages of the tests.  Wheels are downloaded outside, and stay for the tests that
# install the program.
make_tree() {
  debian "$suite" "$1" "$NEEDED${OF_DEBIAN[$suite]:+,${OF_DEBIAN[$suite]}}"
  mkdir "$1/root/wheels"
  python3 -m venv "$temp/venv"
  "$temp/venv/bin/pip" download --quiet --quiet --require-hashes --no-deps \
    --only-binary=:all: --implementation cp --python-version "${PYTHON[$suite]}" \
    --platform "manylinux2014_$(uname -m)" --platform "manylinux_2_28_$(uname -m)" \
    --dest "$1/root/wheels" --requirement requirements-test.lock
  # pipx wants a newer one than Debian's.
  "$temp/venv/bin/pip" download --quiet --quiet --no-deps --only-binary=:all: \
    --dest "$1/root/wheels" pip
  local wanted=$1/root/requirements.txt
  if [ -n "${OF_DEBIAN[$suite]}" ]; then
    # Only what the program does not need.
    awk 'NR == FNR { if (/^[a-z]/) locked[$1]; next } /^[a-z]/ { keep = !($1 in locked) } keep' \
      requirements.lock requirements-test.lock >"$wanted"
  else
    cp requirements-test.lock "$wanted"
  fi
  "${IN_TREE[@]}" "$1" python3 -m venv ${OF_DEBIAN[$suite]:+--system-site-packages} /root/venv
  "${IN_TREE[@]}" "$1" "${WHEELS[@]}" /root/venv/bin/pip install --quiet --require-hashes --no-deps \
    --requirement /root/requirements.txt
}

cd "$(dirname "$0")/../.."
suite=${1-}
[ -n "${PYTHON[${suite:-none}]-}" ] || die "expected forky or trixie, not '$suite'"
shift
[ -n "$(command -v git)" ] || die "no git; apt install git"
# shellcheck source=tests/support/trees.sh
. tests/support/trees.sh

kept "$suite" < <(
  echo "$NEEDED ${OF_DEBIAN[$suite]} ${PYTHON[$suite]}"
  cat requirements.lock requirements-test.lock
)
copied
mkdir "$tree$HOME_INSIDE"
# What git tracks, or would add; a file can be removed, but not yet committed.
git ls-files -z --cached --others --exclude-standard \
  | tar --create --null --ignore-failed-read --no-recursion --files-from - 2>/dev/null \
  | tar --extract --directory "$tree$HOME_INSIDE"
[ -z "${EFLEX_CAPTURES-}" ] || cp -r "$EFLEX_CAPTURES" "$tree/root/captures"
# Its processes end with it.
unshare --pid --fork --kill-child "${IN_TREE[@]}" "$tree" "${WHEELS[@]}" \
  ${EFLEX_CAPTURES:+EFLEX_CAPTURES=/root/captures} \
  sh "$HOME_INSIDE/tests/support/tree_tests.sh" "$HOME_INSIDE" "$@"
