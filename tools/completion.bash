# SPDX-License-Identifier: GPL-3.0-or-later
# bash completion for sleeve and sleeve-run; installed as completions/sleeve.

# _sleeve_offer WORD...: those that go on from what is typed.
_sleeve_offer()
{
	mapfile -t COMPREPLY < <(compgen -W "$*" -- "${COMP_WORDS[COMP_CWORD]}")
}

_sleeve_files()
{
	compopt -o filenames
	mapfile -t COMPREPLY < <(compgen "$@" -- "${COMP_WORDS[COMP_CWORD]}")
}

# The values of the options that have one.  False where the word before is none of them.
_sleeve_value()
{
	case ${COMP_WORDS[COMP_CWORD - 1]} in
	--rundir) _sleeve_files -d ;;
	--policy) _sleeve_files -f ;;
	--log) _sleeve_offer error warn info debug ;;
	--on) _sleeve_offer connect accept ;;
	--program) _sleeve_files -c ;;
	--user) mapfile -t COMPREPLY < <(compgen -u -- "${COMP_WORDS[COMP_CWORD]}") ;;
	--service | --to | --from | --name | --address | --port | --arguments) ;;
	*) return 1 ;;
	esac
}

_sleeve()
{
	COMPREPLY=()
	_sleeve_value && return
	if [ "$COMP_CWORD" = 1 ]; then
		_sleeve_offer sessions show check policy --version --help
		return
	fi
	case ${COMP_WORDS[1]} in
	sessions) _sleeve_offer --json --watch --all --rundir ;;
	show) _sleeve_offer --rundir "$(sleeve sessions --all 2>/dev/null | awk 'NR > 1 { print $1 }')" ;;
	check) _sleeve_files -c ;;
	policy)
		case $COMP_CWORD:${COMP_WORDS[2]} in
		2:*) _sleeve_offer check explain ;;
		*:check) _sleeve_files -f -W --strict ;;
		*:explain)
			_sleeve_offer --on --to --from --port --name --address --program \
				--arguments --user --service --policy
			;;
		esac
		;;
	esac
}

_sleeve_run()
{
	local n=1
	COMPREPLY=()
	while [ "$n" -lt "$COMP_CWORD" ]; do
		case ${COMP_WORDS[n]} in
		--policy | --service | --log | --rundir) n=$((n + 2)) ;;
		--)
			n=$((n + 1))
			break
			;;
		-*) n=$((n + 1)) ;;
		*) break ;;
		esac
	done
	if [ "$n" -lt "$COMP_CWORD" ]; then # the program's own arguments
		declare -F _command_offset >/dev/null && _command_offset "$n"
		return
	fi
	_sleeve_value && return
	case ${COMP_WORDS[COMP_CWORD]} in
	-*) _sleeve_offer --policy --service --log --rundir --unsafe-unsleeved --version --help -- ;;
	*) _sleeve_files -c ;;
	esac
}

complete -F _sleeve sleeve
complete -F _sleeve_run sleeve-run
