#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# sleeve-run starts what can be sleeved with all that is asked for, and refuses the rest.
. "$(dirname "$0")/lib"

cat >"$tmp/good.conf" <<'P'
version = 1;
rules = ( { name = "all"; on = "connect"; mode = "plaintext"; } );
P
echo 'version = 1; rule = ();' >"$tmp/bad.conf"
launcher=$PWD/tools/sleeve-run
library=$BUILD/libsleeve.so

for shell in dash bash 'busybox sh'; do
	command -v "${shell%% *}" >/dev/null || continue

	# launch ARGUMENT...: with this shell and a good policy.
	launch()
	{
		what="$shell sleeve-run $*"
		run $shell "$launcher" --policy "$tmp/good.conf" "$@"
	}

	# ---- what the program is given
	launch --service till --log debug:/dev/null --rundir "$tmp/run" -- env
	expect 0 "LD_PRELOAD=$library" "SLEEVE_POLICY=$tmp/good.conf" "SLEEVE_SERVICE=till" \
		"SLEEVE_LOG=debug:/dev/null" "SLEEVE_RUNDIR=$tmp/run"
	launch --service=a=b --rundir="$tmp/run 2" env
	expect 0 "SLEEVE_SERVICE=a=b" "SLEEVE_RUNDIR=$tmp/run 2"
	launch printf '%s|' 'a b' '' '*' --policy
	expect 0 'a b||*|--policy|'
	launch sh -c 'exit 7'
	expect 7
	launch sh -c 'kill -9 $$'
	expect 137
	what="standard input goes to the program"
	echo hello >"$tmp/input"
	run $shell "$launcher" --policy "$tmp/good.conf" cat <"$tmp/input"
	expect 0 hello
	what="a relative policy and run directory"
	run env -C "$tmp" $shell "$launcher" --policy good.conf --rundir run env
	expect 0 "SLEEVE_POLICY=$tmp/good.conf" "SLEEVE_RUNDIR=$tmp/run"
	what="the policy of the environment"
	run env SLEEVE_POLICY="$tmp/good.conf" $shell "$launcher" env
	expect 0 "SLEEVE_POLICY=$tmp/good.conf"

	# ---- LD_PRELOAD
	what="what is preloaded already stays, in front"
	run env LD_PRELOAD=libdl.so.2 $shell "$launcher" --policy "$tmp/good.conf" env
	expect 0 "LD_PRELOAD=libdl.so.2:$library"
	for list in "$library" "libdl.so.2:$library" "$library libdl.so.2"; do
		what="nothing is preloaded twice"
		run env SLEEVE_POLICY="$tmp/good.conf" LD_PRELOAD="$list" $shell "$launcher" env
		expect 0 "LD_PRELOAD=$list"
		case $out in
		*"$list:"*) fail "$what: $out" ;;
		esac
	done

	# ---- refusals
	what="a policy with an unknown key"
	run $shell "$launcher" --policy "$tmp/bad.conf" touch "$tmp/started"
	expect 125 "$tmp/bad.conf:1: error" "the policy is not usable"
	what="no policy"
	run $shell "$launcher" --policy "$tmp/none.conf" touch "$tmp/started"
	expect 125 "none.conf"
	what="no policy, and told to go on"
	run $shell "$launcher" --unsafe-unsleeved --policy "$tmp/none.conf" touch "$tmp/started"
	expect 125 "none.conf"
	if printf 'int main(void) { return 5; }' |
		${CC:-cc} -static -x c -o "$tmp/static" - 2>/dev/null; then
		launch "$tmp/static"
		expect 125 "linked statically" "remedy: " "--unsafe-unsleeved"
		launch --unsafe-unsleeved "$tmp/static"
		expect 5 "in clear" "linked statically"
	fi
	launch "$tmp/no-such-program"
	expect 127 "no-such-program"
	launch no-such-program
	expect 127 "no-such-program"
	launch "$tmp/good.conf"
	expect 126 "not executable"
	launch "$tmp"
	expect 126
	[ ! -e "$tmp/started" ] || fail "a program was started that had been refused"

	# ---- misuse
	launch
	expect 2 "which program?"
	launch --nonsense true
	expect 2 "--nonsense" usage
	launch --service
	expect 2 "--service needs a value"
	launch --help
	expect 0 usage
	launch --version
	expect 0 "sleeve " "X25519MLKEM768"
done

# ---- installed elsewhere, found through a link
mkdir -p "$tmp/prefix/bin" "$tmp/prefix/lib/sleeve" "$tmp/links"
cp tools/sleeve-run "$sleeve" "$tmp/prefix/bin"
cp "$library" "$tmp/prefix/lib/sleeve"
ln -s ../prefix/bin/sleeve-run "$tmp/links/sleeve-run"
for path in "$tmp/prefix/bin" "$tmp/links"; do
	what="installed, in $path"
	run env PATH="$path:$PATH" sleeve-run --policy "$tmp/good.conf" env
	expect 0 "LD_PRELOAD=$tmp/prefix/lib/sleeve/libsleeve.so"
done
rm "$tmp/prefix/lib/sleeve/libsleeve.so"
what="the library is missing"
run "$tmp/prefix/bin/sleeve-run" --policy "$tmp/good.conf" true
expect 125 "libsleeve.so is not there"
exit $bad
