# shellcheck shell=bash
# The frozen program is tried where it was made, before it is packed.  Sourced by build.sh.

check() {
  local captured=tests/captures/documented_example said status settings interface
  mkdir "$root/build/check"
  program() {
    inside "$root" env --chdir=check ../frozen/eflexcan2mqtt/eflexcan2mqtt "$@"
  }
  ini() { printf '%s\n' "${@:2}" >"$root/build/check/$1"; }

  said=$(program --version)
  [ "$said" = "eflexcan2mqtt $version" ] || die "$arch: --version is not $version, but $said"

  program --input "/build/$captured.log" --output json --fields documented \
    | cmp - "$captured.json" || die "$arch: decodes $captured.log differently"

  said=$(program --input "/build/$captured.log" --output table --speed 0 2>&1) || true
  [[ $said = *"3 of 14 batteries"* ]] || die "$arch: the table shows: $said"

  local port page
  port=$(python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
  ini web.ini '[mqtt]' 'port = 1' '[web]' "listen = 127.0.0.1:$port"
  # The program ends when its input ends.
  mkfifo "$temp/fed"
  program --config web.ini --input - <"$temp/fed" 2>"$temp/web.log" &
  exec 9>"$temp/fed"
  cat "$captured.log" "$captured.log" >&9
  page=$(python3 - "http://127.0.0.1:$port/metrics" 2>&1 <<'END'
import sys, time, urllib.request
for _ in range(60):
    time.sleep(1)
    try:
        text = urllib.request.urlopen(sys.argv[1], timeout=10).read().decode()
    except OSError:
        continue
    if "eflex_battery_soc_ratio{" in text:
        print("good")
        break
END
  )
  exec 9>&-
  wait $! || true # there is no broker
  rm "$temp/fed"
  [ "$page" = good ] || die "$arch: the page does not answer: $(cat "$temp/web.log")"

  ini plain.ini '[mqtt]' 'port = 1' # nobody listens there
  ini tls.ini '[mqtt]' 'port = 1' 'tls = yes'
  for settings in plain tls; do
    status=0
    said=$(program --config $settings.ini --check --input simulator 2>&1) || status=$?
    [[ $status = 1 && $said = *$'\nBAD localhost:1: '* ]] \
      || die "$arch: --check ($settings) without a broker ended with $status and said: $said"
  done

  # None of these is there, but for virtual: each is loaded, and fails in words of the system.
  local -A missing=(
    [socketcan]='this kernel has no SocketCAN|No such device'
    [socketcand]='Connection refused'
    [slcan]='could not open port none'
    [udp_multicast]='Name or service not known|Temporary failure in name resolution'
    [virtual]='open, but no'
  )
  for interface in "${!missing[@]}"; do
    ini can.ini '[can]' "interface = $interface" 'channel = none'
    [ "$interface" != socketcand ] || ini can.ini '[can]' "interface = $interface" 'channel = none' \
      'host = 127.0.0.1' 'port = 1'
    said=$(program --config can.ini --check --output json 2>&1) || true
    [[ $said =~ $'\nBAD none: '(${missing[$interface]}) ]] \
      || die "$arch: the CAN interface $interface said: $said"
  done
  ini can.ini '[can]' 'interface = kvaser' 'channel = 0'
  said=$(program --config can.ini --check --output json 2>&1) || true
  [[ $said = *"this release does not have it"* ]] || die "$arch: a missing interface said: $said"
  say "the frozen program knows its version, decodes $captured.log, finds no broker (with and" \
    "without TLS), shows the table and the page, and loads its CAN interfaces"
}
