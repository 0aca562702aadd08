#!/usr/bin/env bash
# The wheel, for pipx and pip: eflexcan2mqtt-VERSION-py3-none-any.whl in a folder.
#
#   packaging/wheel.sh FOLDER
#
# It holds what git tracks.  EFLEX_WHEEL_PYTHON may name a Python that has hatchling; else one is made with
# packaging/requirements-build.lock.  The same sources give the same bytes.
set -euo pipefail

[ $# = 1 ] || {
  echo "packaging/wheel.sh: expected the folder for the wheel" >&2
  exit 1
}
folder=$(realpath -m "$1")
cd "$(dirname "$0")/.."
sources=(pyproject.toml README.md LICENSE eflexcan2mqtt.ini eflexcan2mqtt)

umask 022
temp=$(mktemp --directory)
trap 'rm -rf "$temp"' EXIT
trap 'exit 1' INT TERM HUP
if [ -z "${EFLEX_WHEEL_PYTHON-}" ]; then
  EFLEX_WHEEL_PYTHON=$temp/venv/bin/python
  python3 -m venv "$temp/venv"
  "$EFLEX_WHEEL_PYTHON" -m pip --disable-pip-version-check install --quiet --no-deps --require-hashes \
    --requirement packaging/requirements-build.lock
fi

mkdir "$temp/sources"
git ls-files -z -- "${sources[@]}" | tar --create --null --files-from - \
  | tar --extract --directory "$temp/sources"
# The time of every file in it.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct -- "${sources[@]}")}
export SOURCE_DATE_EPOCH
cd "$temp/sources"
"$EFLEX_WHEEL_PYTHON" -m hatchling build --target wheel --directory "$folder" >/dev/null
