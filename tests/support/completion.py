"""The parsers of the command line in, the completion of bash out.

It works without the package bash-completion, for those who source it from the tarball.  shtab,
which makes such files, knows neither ``--output=json`` nor the colon of ``can:can0``.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator

from eflexcan2mqtt.command_line.parsers import HELP, PROGRAM, parser
from eflexcan2mqtt.protocol.bank import BANK
from eflexcan2mqtt.protocol.energy import ENERGY
from eflexcan2mqtt.sources import BUS, SIMULATOR

VALUES = {
    "SOURCE": f'"{BUS} $(_{PROGRAM}_buses) {SIMULATOR}"',
    "BATTERY_ID": f'"{BANK} {ENERGY}"',
}
"""What is suggested where a metavar stands, besides files."""

TEMPLATE = """\
# Completion of {program} for bash. Made from the code by `make generated`.

# The CAN interfaces of this machine: ARPHRD_CAN is 280.
_{program}_buses() {{
    local net
    for net in /sys/class/net/*; do
        [[ $(<"$net/type") != 280 ]] || echo "{bus}:${{net##*/}}"
    done 2>/dev/null
}}

_{program}() {{
    local line=${{COMP_LINE:0:COMP_POINT}} words word before lead=""
    local command="" options values="" candidates
    # COMP_WORDS is also split at = and :, which belong to a word here.
    # shellcheck disable=SC2162 # a backslash keeps a blank in its word
    read -a words <<<"$line"
    [[ $line != *[^\\\\][[:space:]] ]] || words+=("")
    word=${{words[-1]}} before=${{words[-2]}}
    if [[ $word == --*=* ]]; then
        lead=${{word%%=*}}= before=${{word%%=*}}
    fi

    ((${{#words[@]}} == 2)) || command=${{words[1]}}
    case $command in
{options}
    esac
    case $before in
{values}
        *)
            if [[ $word == -* ]]; then
                values=$options
            elif ((${{#words[@]}} == 2)); then
                values="{commands}"
            else
                case $command in
{positionals}
                esac
            fi
            ;;
    esac
    mapfile -t candidates < <(compgen -P "$lead" -W "$values" -- "${{word#"$lead"}}")
    # What comes back replaces $2, which is what follows the last = or : of the word.
    COMPREPLY=("${{candidates[@]#"${{word%"$2"}}"}}")
}}

# Where we know nothing, bash suggests files.
complete -o bashdefault -o default -F _{program} {program}
"""


def completion() -> str:
    """The text of the completion file."""
    options = [(name, f'options="{_options(name)}"') for name in HELP]
    return TEMPLATE.format(
        program=PROGRAM,
        bus=BUS,
        commands=" ".join(HELP),
        options=_cases(8, [*options, ("*", f'options="{_options("")}"')]),
        values=_cases(8, _values()),
        positionals=_cases(20, _positionals()),
    )


def arguments(name: str) -> list[argparse.Action]:
    """What a command takes, in the order of its help; argparse itself lists it nowhere."""
    return parser(name)._actions


def _options(name: str) -> str:
    return " ".join(word for each in arguments(name) for word in each.option_strings)


def _values() -> Iterator[tuple[str, str]]:
    """What is suggested for an option: one name means the same in every command."""
    found: dict[str, str] = {}
    for name in ("", *HELP):
        for each in arguments(name):
            for word in each.option_strings if each.nargs != 0 else ():
                assert found.setdefault(word, _suggested(each)) == _suggested(each), word
    for suggested in dict.fromkeys(found.values()):
        yield " | ".join(word for word in found if found[word] == suggested), suggested


def _positionals() -> Iterator[tuple[str, str]]:
    for name in HELP:
        wanted = [each for each in arguments(name) if not each.option_strings]
        if wanted:
            yield name, _suggested(wanted[0])


def _suggested(action: argparse.Action) -> str:
    if action.choices:
        return f'values="{" ".join(action.choices)}"'
    suggested = VALUES.get(str(action.metavar))
    return f"values={suggested}" if suggested else ""


def _cases(indent: int, cases: Iterable[tuple[str, str]]) -> str:
    return "\n".join(f"{' ' * indent}{pattern}) {do}{' ' if do else ''};;" for pattern, do in cases)
