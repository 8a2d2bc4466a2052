# bash completion of weirctl. Install as /usr/share/bash-completion/completions/weirctl, or source it.
# Nouns and verbs are asked of weirctl itself; tickets, tasks and customers of the running control plane.

_weirctl_ids() { # noun verb field
	weirctl --json "$1" "$2" 2>/dev/null |
		sed -n "s/^ *\"$3\": *\"\{0,1\}\([^\",]*\)\"\{0,1\},\{0,1\}\$/\1/p" | sort -u
}

_weirctl() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} words=() i
	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--socket | --as) ((i++)) ;;
		--*) ;;
		*) words+=("${COMP_WORDS[i]}") ;;
		esac
	done
	case $prev in
	--socket) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
	--line)
		mapfile -t COMPREPLY < <(compgen -W "$(weirctl --json customer show "${words[2]-}" 2>/dev/null |
			tr -d ' \n' | sed -n 's/.*"prefixes":\[\([^]]*\)\].*/\1/p' | tr -d '"' | tr ',' ' ')" -- "$cur")
		return
		;;
	--as | --reason | --note | --measures | --result | --by | --until | --expires) return ;;
	esac
	case ${#words[@]} in
	0)
		mapfile -t COMPREPLY < <(compgen -W "--json --socket --as --help --version \
			$(weirctl --help | sed -n 's/^  \([a-z]*\)\( [a-z].*\)\{0,1\}$/\1/p')" -- "$cur")
		;;
	1)
		mapfile -t COMPREPLY < <(compgen -W "$(weirctl "${words[0]}" --help |
			sed -n "s/^weirctl ${words[0]} \([a-z][a-z-]*\).*/\1/p")" -- "$cur")
		;;
	*)
		if [[ $cur == --* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "$(weirctl "${words[0]}" --help |
				grep "^weirctl ${words[0]} ${words[1]} " | grep -o -- '--[a-z]*')" -- "$cur")
			return
		fi
		case "${words[0]} ${words[1]} ${#words[@]}" in
		"ticket open 2" | "verdict "*" 2" | "customer show 2" | "customer set 2" | "contact list 2")
			mapfile -t COMPREPLY < <(compgen -W "$(_weirctl_ids customer list customer)" -- "$cur") ;;
		"ticket "*" 2" | "evidence show 2")
			mapfile -t COMPREPLY < <(compgen -W "$(_weirctl_ids ticket list id | grep ^MW-)" -- "$cur") ;;
		"task "*" 2")
			mapfile -t COMPREPLY < <(compgen -W "$(_weirctl_ids task list id)" -- "$cur") ;;
		"task outcome 3")
			mapfile -t COMPREPLY < <(compgen -W "reached no-answer busy wrong-number voicemail" -- "$cur") ;;
		"ticket tam-outcome 3") mapfile -t COMPREPLY < <(compgen -W "reached failed" -- "$cur") ;;
		"verdict set 3") mapfile -t COMPREPLY < <(compgen -W "pass rate divert reject reset drop" -- "$cur") ;;
		*) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
		esac
		;;
	esac
}
complete -F _weirctl weirctl
