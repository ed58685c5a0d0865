# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash disable=SC2034,SC2154
# What the suites share: other people's tests, run bare and then sleeved, compared test by test.
#
#   suite NAME PROGRAM...    begins; under its policy all TCP on the loopback is strict
#   source_of PACKAGE VERSION FILE SHA256 SUITE URL
#                            unpacks a source archive (tools/build/fetch) into $source
#   unprivileged USER GROUP  sets "${as_user[@]}"
#   known PATTERN REASON     tests (a glob) that may differ, and why
#   compare FUNCTION...      for each way, bare and sleeved, calls each FUNCTION, which prefixes
#                            the commands of the suite with "${as[@]}" and prints, by `result`,
#                            one line a test; then says how they compare, and ends the script
#
# A FUNCTION runs in a folder of its own, $work; $way is bare or sleeved; what it prints otherwise
# than by `result` is its log.  Environment: see ../lib.sh; WAYS="bare sleeved", ONLY=PATTERN for
# suites that can run a part of themselves.

BOUND=${BOUND:-2400}
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

patterns=()
reasons=()

# Reasons that several suites meet.
urgent="urgent data is refused (MSG_OOB: EOPNOTSUPP), since TLS has no place for it"

suite()
{
	begin "$@"
	pki_identity "$tmp/pki" both DNS:localhost IP:127.0.0.1 IP:::1 "DNS:$(uname -n)" ||
		fail "no test certificate"
	pki_policy_loopback "$tmp/pki/loopback.conf" both
}

# For suites that refuse to run as root: "${as_user[@]}" makes a command another user's, who can
# reach all it needs.
as_user=()
unprivileged() # USER GROUP
{
	[ "$(id -u)" -eq 0 ] || return 0
	need setpriv
	as_user=(setpriv "--reuid=$1" "--regid=$2" --clear-groups env "HOME=$tmp")
	mkdir "$tmp/build" && cp "$BUILD/libsleeve.so" "$BUILD/sleeve" "$tmp/build/" &&
		chown -R "$1" "$tmp" || fail "cannot copy the build"
	BUILD=$tmp/build
}

source_of()
{
	local deps=$root/build/deps archive
	source=$deps/suites/$1-$2
	archive=$(cd "$root" && tools/build/fetch "$@" 2>"$tmp/fetch.out") ||
		skip "the source of $1 $2 is not to be had: $(head -n 1 "$tmp/fetch.out")"
	[ ! -d "$source" ] || return 0
	mkdir -p "$source.new" &&
		tar -xf "$archive" -C "$source.new" --strip-components=1 &&
		mv "$source.new" "$source" || fail "$archive cannot be unpacked"
}

known()
{
	patterns+=("$1")
	reasons+=("$2")
}

result() # TEST WORD
{
	printf '%s\t%s\n' "$1" "$2" >&3
}

as_way()
{
	as=(env)
	[ "$way" = sleeved ] || return 0
	as=(env "LD_PRELOAD=$BUILD/libsleeve.so" "SLEEVE_POLICY=$tmp/pki/loopback.conf"
		"SLEEVE_RUNDIR=$tmp/run" "SLEEVE_LOG=info:$tmp/log/sleeve" "SLEEVE_SERVICE=$name")
}

compare()
{
	local function begun
	for way in ${WAYS:-bare sleeved}; do
		begun=$SECONDS
		work=$tmp/$way
		mkdir -p "$work" && chmod 1777 "$work" && cd "$work" || fail "no folder $work"
		as_way
		for function in "$@"; do
			"$function" 3>>"$tmp/$way.results" >>"$tmp/$way.log" 2>&1
		done
		sort -u -o "$tmp/$way.results" "$tmp/$way.results"
		step "$way: $(counts "$tmp/$way.results") in $((SECONDS - begun)) s"
	done
	cd "$root" || exit 1
	[ "${WAYS:-bare sleeved}" = "bare sleeved" ] || finish
	verdict
}

counts()
{
	cut -f2 "$1" | sort | uniq -c | awk '{ printf "%s%s %s", sep, $1, $2; sep = ", " }'
}

# Prints the reason why a test may differ; fails where there is none.
reason_of()
{
	local i
	for i in "${!patterns[@]}"; do
		# shellcheck disable=SC2053 # a pattern it is
		if [[ $1 == ${patterns[i]} ]]; then
			echo "${reasons[i]}"
			return
		fi
	done
	return 1
}

verdict()
{
	local test bare sleeved why unexplained=0 explained=0 handshakes
	grep -qE $'\tok$' "$tmp/bare.results" || fail "nothing passes bare"
	handshakes=$(grep -c 'TLSv1\.3' "$tmp/log/sleeve" 2>/dev/null)
	[ "${handshakes:-0}" -gt 0 ] || fail "no connection was sleeved"
	step "ends of connections that became TLS 1.3: $handshakes or more"
	while IFS=$'\t' read -r test bare sleeved; do
		if why=$(reason_of "$test"); then
			explained=$((explained + 1))
			echo "    known: $test: $bare bare, $sleeved sleeved: ${why//$'\n\t'/ }"
		else
			unexplained=$((unexplained + 1))
			[ "$unexplained" -gt 40 ] ||
				echo "    DIFFERS: $test: $bare bare, $sleeved sleeved"
		fi
	done < <(join -t $'\t' -a 1 -a 2 -e missing -o 0,1.2,2.2 \
		"$tmp/bare.results" "$tmp/sleeved.results" | awk -F'\t' '$2 != $3')
	[ "$unexplained" -eq 0 ] || fail "$unexplained tests differ, $explained known"
	step "no unknown difference, $explained known"
	finish
}
