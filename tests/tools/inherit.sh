#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# `inherit = true`: what a program starts with an environment of its own is sleeved as well.
. "$(dirname "$0")/lib"

library=$BUILD/libsleeve.so

# policy DEFAULTS RULE
policy()
{
	cat >"$tmp/policy.conf" <<-P
	version = 1;
	defaults = { $1 };
	rules = ( { name = "all"; on = "connect"; mode = "plaintext"; $2 } );
	P
}

# sleeved COMMAND...: with all the variables that there are.
sleeved()
{
	run env LD_PRELOAD="${preload:-$library}" SLEEVE_POLICY="$tmp/policy.conf" \
		SLEEVE_RUNDIR="$tmp/run" SLEEVE_SERVICE=till SLEEVE_LOG=error:/dev/null "$@"
}

for way in 'inherit = true;|' '|inherit = true;'; do
	policy "${way%|*}" "${way#*|}"
	what="an empty environment ($way)"
	sleeved env -i A=b env
	expect 0 "LD_PRELOAD=$library" "SLEEVE_POLICY=$tmp/policy.conf" A=b \
		"SLEEVE_RUNDIR=$tmp/run" SLEEVE_SERVICE=till SLEEVE_LOG=error:/dev/null
	[ "$(echo "$out" | wc -l)" = 6 ] || fail "$what: $out"
done

what="what the program has set itself stays"
sleeved env -i SLEEVE_LOG=info:/dev/null SLEEVE_SERVICE= env
expect 0 SLEEVE_LOG=info:/dev/null "SLEEVE_POLICY=$tmp/policy.conf"
case $out in
*till* | *error:*) fail "$what: $out" ;;
esac

what="another list of libraries gets ours as its last"
sleeved env -i LD_PRELOAD=libdl.so.2 env
expect 0 "LD_PRELOAD=libdl.so.2:$library"
what="ours is not there twice"
preload="libdl.so.2 $library" sleeved env -i LD_PRELOAD="$library libdl.so.2" env
expect 0 "LD_PRELOAD=$library libdl.so.2"
[ "$(echo "$out" | grep -c LD_PRELOAD)" = 1 ] || fail "$what: $out"
what="the whole list is kept"
preload="libdl.so.2 $library" sleeved env -i env
expect 0 "LD_PRELOAD=libdl.so.2 $library"

what="through a shell, a pipe, and from one to the next"
sleeved env -i sh -c 'exec env -i sh -c "env | cat"'
expect 0 "LD_PRELOAD=$library" "SLEEVE_POLICY=$tmp/policy.conf"

if command -v python3 >/dev/null; then
	what="posix_spawn, execle, execvpe and an environment that is emptied"
	sleeved env -i PATH="$PATH" python3 -c 'import os, sys
pid = os.posix_spawn("/usr/bin/env", ["env"], {"SPAWNED": "1"})
os.waitpid(pid, 0)
sys.stdout.flush()
os.execvpe("env", ["env"], {"EXECED": "1"})'
	expect 0 SPAWNED=1 EXECED=1
	[ "$(echo "$out" | grep -c "^LD_PRELOAD=$library$")" = 2 ] || fail "$what: $out"
fi

what="a broken policy, which might have asked for it"
echo 'version = 1; rules = ( broken' >"$tmp/policy.conf"
sleeved env -i A=b env
expect 0 "LD_PRELOAD=$library" "SLEEVE_POLICY=$tmp/policy.conf" A=b

# ---- left alone
for way in '|' '|inherit = false;' 'inherit = true;|inherit = false;' \
	'inherit = true;|programs = ["/no/such"];'; do
	policy "${way%|*}" "${way#*|}"
	what="an environment that is left alone ($way)"
	sleeved env -i A=b env
	expect 0 A=b
	[ "$out" = A=b ] || fail "$what: $out"
done

exit $bad
