# shellcheck shell=bash
# From a frozen program to the tarball.  Sourced by build.sh.

RELEASE_FILES=(install.sh eflexcan2mqtt{,@}.service eflexcan2mqtt.ini packaging/eflexcan2mqtt.conf LICENSE)
PAGES=(README.md CHANGELOG.md docs examples)
MOST_BYTES=12000000

# The licence of all that is inside, with its version: licenses PROGRAM_FOLDER.
licenses() {
  cp --recursive packaging/licenses.py packaging/licenses "$root/build/"
  inside "$root" venv/bin/python licenses.py build/eflexcan2mqtt frozen/eflexcan2mqtt/licenses
}

# One folder, in an order and with times, owners and modes that do not depend on where it was made:
# tarball PROGRAM_FOLDER OUT.
tarball() {
  local folder=$temp/eflexcan2mqtt_$arch file
  mkdir "$folder"
  cp -r --preserve=links,mode "$1" "$folder/"
  echo "$version $arch" >"$folder/VERSION"
  for file in "${RELEASE_FILES[@]}"; do
    cp --preserve=mode "$file" "$folder/"
  done
  git ls-files -z -- "${PAGES[@]}" | xargs --null cp --parents --target-directory "$folder"
  python3 packaging/pages.py "$folder"
  tar --create --directory "$temp" --sort=name --format=gnu --numeric-owner --owner=0 --group=0 \
    --mode=u=rwX,go=rX --mtime="@$SOURCE_DATE_EPOCH" "eflexcan2mqtt_$arch" \
    | gzip -9 --no-name >"$2/eflexcan2mqtt_$arch.tgz"
  rm -r "$folder"
}

# Where security updates could not be had: the libraries inside that Debian has mended since.
behind() {
  local state=$temp/security name version newest
  [[ " ${EFLEX_DIST_NO_SECURITY-} " = *" $arch "* ]] || return 0
  security() {
    "$@" --option Dir::State::Lists="$state" --option Dir::Etc::SourceList="$state.list" \
      --option Dir::Etc::SourceParts=/dev/null --option Dir::Cache="$state.cache" \
      --option APT::Sandbox::User=root
  }
  mkdir -p "$state/partial" "$state.cache"
  arch=none sources bookworm | sed -n 's/^deb \(.*-security .*\)/deb-src \1/p' >"$state.list"
  security apt-get update --quiet=2
  while read -r name version; do
    [[ $version = *-* ]] || continue # of the package index, not of Debian
    newest=$(security apt-cache showsrc "$name" 2>/dev/null | sed -n 's/^Version: //p' | tail -n 1)
    [ -z "$newest" ] || dpkg --compare-versions "$version" ge "$newest" \
      || say "built without security updates: $name $version is behind $newest"
  done <"$root/build/frozen/eflexcan2mqtt/licenses/VERSIONS"
}
